package preflight_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

func inspect(t *testing.T, b *box) preflight.Report {
	t.Helper()
	return preflight.Inspect(b.mount(t), b.plan)
}

func TestInspectHasTheFindingsOfRun(t *testing.T) {
	b := newBox()
	b.files["/proc/sys/kernel/kexec_load_disabled"] = "1\n"
	b.files["/proc/meminfo"] = "MemAvailable: 1 kB\n"
	b.plan.Memory = 1 << 30
	r := inspect(t, b)
	assert.Equal(t, preflight.Run(b.mount(t), b.plan), r.Findings)
	var ids []preflight.AreaID
	var found int
	for _, a := range r.Areas {
		ids = append(ids, a.ID)
		found += len(a.Findings)
	}
	assert.Equal(t, preflight.Areas(), ids)
	assert.Equal(t, len(r.Findings), found, "each is in one area")
	assert.Equal(t, preflight.IDKexecDisabled, r.Area(preflight.AreaKernel).Findings[0].ID)
	assert.Equal(t, preflight.IDMemory, r.Area(preflight.AreaMemory).Findings[0].ID)
	assert.Nil(t, r.Area("nothing"))
}

func TestInspectShowsFactsAndEvidence(t *testing.T) {
	b := newBox()
	b.plan.Memory = 44 << 20
	r := inspect(t, b)
	for area, want := range map[preflight.AreaID][]string{
		preflight.AreaKernel:   {"Linux 6.1.0 runs", "kexec_load_disabled is 0", "loads are not limited", "user root"},
		preflight.AreaSecurity: {"Secure Boot is not known", "lockdown is none", "the kernel file is not signed"},
		preflight.AreaDisks:    {"encrypted: root", "no TPM", "1 swap space to hold a hibernation image"},
		preflight.AreaShutdown: {"init: systemd", "a shutdown ends in systemd-shutdown"},
		preflight.AreaMemory:   {"the load needs 44 MiB", "1024 MiB are available", "none is reserved for a crash kernel"},
		preflight.AreaHardware: {"Dell Inc. PowerEdge R640", "EFI firmware", "graphics: i915", "1 watchdog"},
		preflight.AreaEntry:    {"its modules are installed"},
	} {
		assert.Equal(t, want, r.Area(area).Facts, area)
		assert.Empty(t, r.Area(area).Unseen, area)
	}
	kernel := r.Area(preflight.AreaKernel).Evidence
	assert.Contains(t, kernel, preflight.Evidence{Source: "/proc/sys/kernel/kexec_load_disabled", Value: "0"})
	assert.Contains(t, kernel, preflight.Evidence{Source: "/proc/self/status", Value: "3 lines"})
	assert.Contains(t, kernel, preflight.Evidence{Source: "/run/systemd/container", Value: "absent"})
	assert.Contains(t, r.Area(preflight.AreaHardware).Evidence, preflight.Evidence{Source: "/sys/class/drm/card0/device/driver", Value: "link to ../../bus/pci/drivers/i915"})
	assert.Contains(t, r.Area(preflight.AreaShutdown).Evidence, preflight.Evidence{Source: "/etc/systemd/system/kexec.target", Value: "absent"})
	seen := map[string]bool{}
	for _, e := range kernel {
		assert.False(t, seen[e.Source], "%s once", e.Source)
		seen[e.Source] = true
	}
}

// TestInspectShowsOtherFacts is a machine that has what the usual one lacks.
func TestInspectShowsOtherFacts(t *testing.T) {
	b := newBox()
	b.files["/sys/class/tpm/tpm0/tpm_version_major"] = "2\n"
	b.files["/sys/kernel/kexec_crash_size"] = "268435456\n"
	b.files["/proc/sys/kernel/kexec_load_limit_reboot"] = "3\n"
	b.files["/sys/class/watchdog/watchdog1/state"] = "inactive\n"
	delete(b.files, "/sys/class/dmi/id/sys_vendor")
	b.plan.Kernel.Release = "9.9.9"
	b.plan.Kernel.Signature = preflight.Signature{Known: true, Signed: true}
	env := b.mount(t)
	env.Host.UID = 1000
	r := preflight.Inspect(env, b.plan)
	for area, want := range map[preflight.AreaID]string{
		preflight.AreaKernel: "loads left: 3", preflight.AreaSecurity: "the kernel file is signed by an unnamed key", preflight.AreaDisks: "TPM present",
		preflight.AreaMemory: "256 MiB are reserved for a crash kernel", preflight.AreaHardware: "2 watchdogs", preflight.AreaEntry: "no modules of it in /lib/modules",
	} {
		assert.Contains(t, r.Area(area).Facts, want, area)
	}
	assert.Contains(t, r.Area(preflight.AreaKernel).Facts, "user 1000")
	b.plan.Kernel.Signature.Signer = "Distribution CA"
	r = inspect(t, b)
	assert.Contains(t, r.Area(preflight.AreaSecurity).Facts, "the kernel file is signed by Distribution CA")
}

// TestMemoryAlone is asked before the load, without the rest.
func TestMemoryAlone(t *testing.T) {
	b := newBox() // 1 GiB is available
	for need, want := range map[int64][]string{0: {}, 1 << 30: {}, 1<<30 + 1: {"error memory"}} {
		b.plan.Memory = need
		assert.Equal(t, want, ids(preflight.Memory(b.mount(t), b.plan)), need)
	}
	delete(b.files, "/proc/meminfo")
	assert.Empty(t, preflight.Memory(b.mount(t), b.plan), "not known")
}

func TestInspectShowsVariables(t *testing.T) {
	b := newBox()
	b.files["/efi/BootNext-8be4df61-93ca-11d2-aa0d-00e098032b8c"] = "\x07\x00\x00\x00\x01\x00"
	r := inspect(t, b)
	const dir = "/sys/firmware/efi/efivars/"
	assert.Contains(t, r.Area(preflight.AreaHardware).Evidence, preflight.Evidence{Source: dir + "BootNext-8be4df61-93ca-11d2-aa0d-00e098032b8c", Value: "0100"})
	assert.Contains(t, r.Area(preflight.AreaDisks).Evidence, preflight.Evidence{Source: dir + "HibernateLocation-8cf2644b-4b0b-428f-9387-6d876050dc67", Value: "absent"})
}

// What cannot be seen is named in its area, and so is a check without an answer.
func TestInspectNamesWhatIsNotSeen(t *testing.T) {
	b := newBox()
	env := b.mount(t)
	env.Host.FS, env.Host.UID = hidden{env.Host.FS, []string{"proc/sys/kernel/kexec_load_disabled"}}, 1000
	r := preflight.Inspect(env, b.plan)
	assert.Equal(t, []string{"/proc/sys/kernel/kexec_load_disabled"}, r.Area(preflight.AreaKernel).Unseen)
	assert.Contains(t, ids(r.Findings), "info unseen")

	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		env := b.mount(t)
		env.Host.FS, env.Timeout = stuck{env.Host.FS, "etc/fstab", release}, time.Minute
		r := preflight.Inspect(env, b.plan)
		assert.Equal(t, []string{"hibernation (no answer in time)"}, r.Area(preflight.AreaDisks).Unseen)
		assert.Equal(t, []string{"warning check-hung"}, ids(r.Findings))
	})
}

// A text in evidence stays short and printable, and never has what is binary.
func TestEvidenceIsShort(t *testing.T) {
	b := newBox()
	b.files["/proc/sys/kernel/kexec_load_disabled"] = ""
	b.files["/proc/sys/kernel/kexec_load_limit_reboot"] = "ä\x00\x00\x00x"
	b.files["/proc/1/environ"] = "A=secret\x00B=2\x00"
	r := inspect(t, b)
	kernel := r.Area(preflight.AreaKernel).Evidence
	assert.Contains(t, kernel, preflight.Evidence{Source: "/proc/sys/kernel/kexec_load_disabled", Value: "empty"})
	assert.Contains(t, kernel, preflight.Evidence{Source: "/proc/sys/kernel/kexec_load_limit_reboot", Value: "6 bytes"})
	assert.Contains(t, kernel, preflight.Evidence{Source: "/proc/1/environ", Value: "12 bytes"})
}
