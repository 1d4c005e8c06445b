package loader_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

func (f *fake) missed(name string) []loader.Finding {
	f.t.Helper()
	found := f.Check(f.t.Context(), f.plan(name, loader.PlanOptions{}), loader.CheckOptions{})
	return slices.DeleteFunc(found, func(f loader.Finding) bool { return f.ID != loader.FindingKexecMissed })
}

// TestMissedKexecIsRemembered over further boots through the firmware, until a
// kexec succeeds.
func TestMissedKexecIsRemembered(t *testing.T) {
	f := newFake(t)
	f.expect(kexecArch, "reboot")
	require.NoError(t, f.reboot("arch", reboot.Options{}))
	assert.Empty(t, f.missed("arch"), "not before the next boot")
	f.nextBoot(false)
	require.Len(t, f.missed("arch"), 1, "before it is recorded too")
	f.Booted(t.Context())
	found := f.missed("other")
	require.Len(t, found, 1, "the same kernel")
	assert.Equal(t, loader.SeverityWarning, found[0].Severity)
	assert.Contains(t, found[0].Text, "the last kexec into arch.conf")

	require.NoError(t, f.RebootFirmware(t.Context(), rebooting(reboot.Options{})))
	f.nextBoot(false)
	f.write(map[string]string{"proc/sys/kernel/random/boot_id": "77777777\n"})
	f.Booted(t.Context())
	p := f.plan("arch", loader.PlanOptions{})
	err := f.Untried(p)
	missed, is := err.(*loader.MissedError) //nolint:errorlint // returned as it is
	require.True(t, is, "%v", err)
	assert.Equal(t, loader.FindingKexecMissed, missed.Finding.ID)
	require.NoError(t, f.Untried(p, loader.FindingKexecMissed))

	require.NoError(t, f.reboot("arch", reboot.Options{}))
	f.nextBoot(true)
	f.Booted(t.Context())
	assert.Empty(t, f.missed("arch"))
	require.NoError(t, f.Untried(p))
}

func TestOtherKernelWasNotMissed(t *testing.T) {
	f := newFake(t)
	f.expect(kexecArch)
	require.NoError(t, f.reboot("arch", reboot.Options{}))
	f.nextBoot(false)
	f.Booted(t.Context())
	f.write(map[string]string{"esp/vmlinuz": kernelOf("6.13.0 (b@h) #1 SMP"), "usr/lib/modules/6.13.0/x": ""})
	assert.Empty(t, f.missed("arch"), "an upgrade may help")
}

func TestSchedule(t *testing.T) {
	f := newFake(t)
	_, ok := f.Schedule()
	assert.False(t, ok, "none")
	for text, want := range map[string]loader.Schedule{
		"USEC=1796000000000000\nWARN_WALL=1\nMODE=kexec\nUID=0\nTTY=pts/0\n": {At: time.Unix(1796000000, 0), Mode: "kexec"},
		"MODE=reboot\nUSEC=1000000": {At: time.Unix(1, 0), Mode: "reboot"},
		"USEC=1000000\n":            {}, "MODE=kexec\n": {}, "USEC=x\nMODE=kexec\n": {}, "USEC=-1\nMODE=kexec\n": {}, "": {},
		"USEC=1000000\nMODE=dry-kexec\n": {}, "USEC=18446744073709551615\nMODE=kexec\n": {},
	} {
		f.write(map[string]string{"run/systemd/shutdown/scheduled": text})
		s, ok := f.Schedule()
		assert.Equal(t, want.Mode != "", ok, text)
		assert.True(t, want.At.Equal(s.At), text)
		assert.Equal(t, want.Mode, s.Mode, text)
	}
}
