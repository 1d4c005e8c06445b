package tpm

import (
	"bytes"
	"strings"

	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
)

// measuredKey is systemd's kernel parameter that decides whether the system
// measures what it does.
const measuredKey = "systemd.tpm2_measured_os"

// A repair is a kernel parameter and what it changes. The zero value is none.
type repair struct {
	parameter string
	scene     scene
}

// hint is the advice to use it, and its price.
func (r repair) hint() string {
	if r.scene.Measured {
		return "add the kernel parameter " + r.parameter + ": it opens then"
	}
	return "add the kernel parameter " + r.parameter + ": it opens then, and that boot is not measured, which attestation sees"
}

// fixed is the repair with which more volumes open and none that opens now stops
// opening; ok is false where there is none. With systemd-pcrlock in use, there
// is none unless its policy cannot be written anew in that boot: see emptied.
func (c check) fixed(now scene) (r repair, ok bool) {
	if c.pcrlock() && !c.makePolicyMasked() {
		return repair{}, false
	}
	parameter := measuredKey + "=no"
	if !now.Measured {
		parameter = measuredKey + "=yes"
	}
	r = repair{parameter, c.scene(strings.TrimSpace(c.boot.Cmdline + " " + parameter))}
	better := false
	for _, v := range c.volumes {
		before, bound := c.volume(now, v)
		after, _ := c.volume(r.scene, v)
		if bound && before.state == opens && after.state != opens {
			return repair{}, false
		}
		better = better || bound && before.state == closed && after.state == opens
	}
	if !better {
		return repair{}, false
	}
	return r, true
}

// makePolicyMasked reports whether systemd-pcrlock-make-policy.service cannot
// start in the next boot.
func (c check) makePolicyMasked() bool {
	return c.machine.MakePolicy == UnitMasked || c.machine.Masks && masked(c.boot.Cmdline, "systemd.mask", makePolicyUnit)
}

// binding is the advice to bind a volume to PCR 7, where this machine's boots
// through firmware and this kexec both find the present value; "" elsewhere.
// systemd-cryptenroll adds a signed policy and that of systemd-pcrlock where it
// finds their files, which would undo it.
func (c check) binding(now scene, v Volume) string {
	p := c.before(now.Prediction, v)
	seven := p.Banks["sha256"][7]
	if !c.machine.FirmwareBoot || seven.Next == nil || !bytes.Equal(seven.Now, seven.Next) {
		return ""
	}
	command := "systemd-cryptenroll --tpm2-device=auto --tpm2-pcrs=7:sha256"
	if c.machine.SigningKey {
		command += " --tpm2-public-key="
	}
	if c.machine.PCRLockUsed {
		command += " --tpm2-pcrlock="
	}
	return "bind it to PCR 7, which does not change: " + command + " " + v.device()
}

// device is the source as systemd-cryptenroll takes it.
func (v Volume) device() string {
	if v.Source == discovered || v.option("header") {
		return "DEVICE"
	}
	return "/" + v.files()[0]
}

// emptied warns of systemd-pcrlock-make-policy. In a boot that measures nothing
// it finds that no PCR matches the event log, leaves all of them out, and writes
// a policy that any system meets. It can write it where the old one is met.
// After a kexec its condition, measured-uki, is true while the stub's variable
// is there.
func (c check) emptied(now scene) *Finding {
	if now.Measured || !c.machine.Stub || !c.pcrlock() || c.makePolicyMasked() {
		return nil
	}
	if _, v := now.locked(); v.state == closed {
		return nil
	}
	f := &Finding{ID: PCRLock, Severity: finding.Warning,
		Text: "after this kexec " + makePolicyUnit + " would write an empty policy, and volumes bound to systemd-pcrlock would open in any state",
		Hint: "add the kernel parameter systemd.mask=" + makePolicyUnit + ", and run no update that calls systemd-pcrlock before the next boot through firmware"}
	if c.machine.MakePolicy == UnitEnabled {
		f.Severity = finding.Error
	}
	return f
}
