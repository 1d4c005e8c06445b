package tpm

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
	"github.com/kexec-bls/kexec-bls/loader/tpm/luks2"
)

// A Finding is one thing that was found.
type Finding = finding.Finding

// IDs of findings.
const (
	Opens   finding.ID = "tpm2-opens"   // a volume that the TPM opens
	Unlock  finding.ID = "tpm2-unlock"  // a volume that it does not open, so that its passphrase is asked for
	Unknown finding.ID = "tpm2-unknown" // a volume of which that cannot be determined
	PCRLock finding.ID = "tpm2-pcrlock" // a policy of systemd-pcrlock that would lose its protection
)

// Topics are what findings are about.
func Topics() []finding.Topic {
	return []finding.Topic{
		{ID: Opens, About: "a volume opens by the TPM after the kexec"},
		{ID: Unlock, About: "a volume does not open by the TPM after the kexec and asks for its passphrase"},
		{ID: Unknown, About: "it cannot be determined whether the TPM opens a volume after the kexec"},
		{ID: PCRLock, About: "systemd-pcrlock would write an empty policy after the kexec"},
	}
}

// A Report is what the TPM does in the next boot.
type Report struct {
	Prediction Prediction
	// Findings has one for each volume that a TPM has part in.
	Findings []Finding
	// Fix is the kernel parameter with which more volumes open and none opens no
	// longer, by the same computation; "" where there is none, or it does harm.
	Fix string
}

// Check predicts the PCRs and checks the tokens of volumes against them.
func Check(m Machine, b Boot, volumes []Volume) Report {
	c := check{machine: m, boot: b, volumes: volumes}
	now := c.scene(b.Cmdline)
	r := Report{Prediction: now.Prediction}
	fixed, ok := c.fixed(now)
	if ok {
		r.Fix = fixed.parameter
	}
	for _, v := range volumes {
		if verdict, bound := c.volume(now, v); bound {
			r.Findings = append(r.Findings, c.finding(now, fixed, subject{v, verdict}))
		}
	}
	if f := c.emptied(now); f != nil {
		r.Findings = append(r.Findings, *f)
	}
	return r
}

type check struct {
	machine Machine
	boot    Boot
	volumes []Volume
}

// A subject is a volume and what becomes of it.
type subject struct {
	Volume
	verdict
}

func (c check) scene(line string) scene {
	b := c.boot
	b.Cmdline = line
	return scene{Prediction: Predict(c.machine, b), signatures: b.Initrd.signatures(), pcrlock: c.machine.PCRLock, unread: b.Initrd.unknown()}
}

// noPCRLock is why the policy of systemd-pcrlock is not there for a volume. The
// initrd finds it in a file of its own, which has to be the one that the NV index
// was written for, or in a credential that systemd-stub passes on.
func (c check) noPCRLock(v Volume) string {
	i := c.boot.Initrd
	own := i.lockFile()
	switch {
	case !v.Initrd || i.unknown() != "" || v.option("tpm2-pcrlock"):
		return ""
	case own == nil && !i.pcrlock:
		return "the next initrd has no policy of systemd-pcrlock"
	case own != nil && !bytes.Equal(own, c.machine.PCRLock):
		return "the next initrd has another policy of systemd-pcrlock than the system"
	}
	return ""
}

// volume is the verdict on a volume: that of its best token, the first of equal
// ones, but one without a PIN before one with it. It is false where no TPM has
// part in it.
func (c check) volume(s scene, v Volume) (best verdict, bound bool) {
	switch {
	case v.absent():
		return best, false
	case v.Err != nil && v.option("tpm2-device"):
		return verdict{state: unknown, why: "its LUKS2 header cannot be read: " + v.Err.Error()}, true
	case v.Err == nil && v.Key != "" && v.option("tpm2-device"):
		return verdict{state: unknown, why: "its key is in the file " + v.Key}, true
	case v.Err != nil || v.Key != "" || v.option("keyscript") || !v.option("tpm2-device") && (v.option("fido2-device") || v.option("pkcs11-uri")):
		return best, false
	}
	s.Prediction, s.noPCRLock = c.before(s.Prediction, v), c.noPCRLock(v)
	if path := v.value("tpm2-signature"); path != "" {
		s.signatures, s.unread = c.boot.Initrd.files[strings.TrimPrefix(path, "/")].content, "its signatures are in the file "+path
	}
	for _, t := range v.Header.Tokens {
		verdict, tpm := s.token(t)
		if !tpm && t.Clevis == nil {
			continue
		}
		if pcrs, ok := v.otherPCRs(t); ok {
			verdict = closedBy(pcrs)
		}
		if !bound && best.why == "" || verdict.state > best.state || verdict.state == opens && best.pin && !verdict.pin {
			best = verdict
		}
		bound = bound || tpm
	}
	return best, bound
}

// closedBy is the verdict on a token that is not tried, as crypttab asks for other
// PCRs.
func closedBy(pcrs []int) verdict {
	return verdict{state: closed, pcrs: pcrs, why: "its option tpm2-pcrs= does not name " + list(pcrs) + ", to which it is bound"}
}

// before is the prediction for the moment at which a volume is opened.
func (c check) before(p Prediction, v Volume) Prediction {
	if !v.Initrd {
		p = p.switchRoot()
	}
	p.Banks = maps.Clone(p.Banks)
	for _, other := range c.volumes {
		n, err := strconv.Atoi(other.value("tpm2-measure-pcr"))
		if err != nil && other.value("tpm2-measure-pcr") != "" && other.value("tpm2-measure-pcr") != "no" {
			n, err = 15, nil
		}
		if err == nil && n >= 0 && n < NumPCRs && p.Measured && other.Name != v.Name && !other.absent() && (other.Initrd || !v.Initrd) {
			p.unknown(n, "it is extended when "+other.Name+" is opened")
		}
	}
	return p
}

func (c check) finding(now scene, fixed repair, v subject) Finding {
	f := Finding{Volume: v.Name, PCRs: v.pcrs}
	p := c.before(now.Prediction, v.Volume)
	f.Predicted = p.predicted(v.bank, v.pcrs)
	switch v.state {
	case opens:
		f.ID, f.Severity = Opens, finding.Info
		f.Text = fmt.Sprintf("the TPM opens %s, bound to %s", v.Name, list(v.pcrs))
		if v.pin {
			f.Text += ", and its PIN is asked for"
			if v.option("headless") {
				f.ID, f.Severity, f.Text = Unlock, finding.Warning, fmt.Sprintf("%s needs a PIN, and the option headless lets nobody type it", v.Name)
			}
		}
	case closed:
		f.ID, f.Severity = Unlock, finding.Warning
		f.Text = fmt.Sprintf("the TPM does not open %s, %s: %s", v.Name, v.instead(), v.why)
		f.Hint = c.hint(now, fixed, v)
	default:
		f.ID, f.Severity = Unknown, finding.Warning
		f.Text = fmt.Sprintf("cannot determine whether the TPM opens %s: %s", v.Name, v.why)
		f.Hint = "have its passphrase ready"
		switch {
		case errors.Is(v.Err, fs.ErrPermission):
			f.Hint = "run it as root"
		case c.boot.Initrd.unread != "":
			f.Hint = string(hint.ReadInitrd) + ", or " + f.Hint
		}
	}
	return f
}

// instead is what systemd-cryptsetup does where the TPM fails.
func (v Volume) instead() string {
	switch {
	case v.option("headless"):
		return "and the option headless lets nobody type its passphrase"
	case v.value("tries") == "1":
		return "and the option tries=1 leaves no try for its passphrase"
	}
	return "and its passphrase is asked for"
}

// tokens are all that are read.
func (c check) tokens() []luks2.Token {
	var all []luks2.Token
	for _, v := range c.volumes {
		all = append(all, v.Header.Tokens...)
	}
	return all
}

// pcrlock reports whether the machine uses systemd-pcrlock.
func (c check) pcrlock() bool {
	return c.machine.PCRLockUsed || c.boot.Initrd.pcrlock ||
		slices.ContainsFunc(c.tokens(), func(t luks2.Token) bool { return t.TPM2 != nil && t.TPM2.PCRLock })
}

func (c check) hint(now scene, fixed repair, v subject) string {
	var hints []string
	if fixed.parameter != "" {
		if verdict, _ := c.volume(fixed.scene, v.Volume); verdict.state == opens {
			hints = append(hints, fixed.hint())
		}
	}
	if binding := c.binding(now, v.Volume); len(hints) == 0 && binding != "" {
		hints = append(hints, binding)
	}
	return strings.Join(append(hints, "have its passphrase ready"), ", or ")
}
