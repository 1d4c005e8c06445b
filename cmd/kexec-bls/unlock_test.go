package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader/state"
)

// TestUnlockFlags: a key for one kexec is made for a kexec that comes now.
func TestUnlockFlags(t *testing.T) {
	f, _ := newFake(t, archFiles())
	for _, flag := range []string{"--loaded", "--firmware", "--or-firmware", "--menu", "--auto", "--try", "--force", "--when=+5min", "--when=cancel"} {
		got := f.run("reboot", "--unlock", flag)
		assert.Equal(t, exitUsage, got.code, flag)
		assert.Contains(t, got.stderr, "--unlock cannot be combined with --loaded")
	}
	got := f.run("reboot", "--unlock-key-file=/key")
	assert.Equal(t, exitUsage, got.code)
	assert.Contains(t, got.stderr, "--unlock-key-file requires --unlock")
}

// TestUnlockRefuses: nothing is loaded where no key can be made.
func TestUnlockRefuses(t *testing.T) {
	f, esp := newFake(t, archFiles())
	write(t, f.dir, map[string]string{"sys/class/tpm/tpm0/pcr-sha256/x": ""})
	for _, unit := range []bool{false, true} {
		want := "kexec-bls-unlock.service is not installed"
		if unit {
			write(t, f.dir, map[string]string{"usr/lib/systemd/system/kexec-bls-unlock.service": ""})
			want = "no key can be made for this kexec alone: no TPM 2.0 shows its PCRs"
		}
		for _, dry := range []string{"--dry-run", "--quiet"} {
			got := f.run("reboot", "--unlock", dry, "--esp-path="+esp)
			assert.Equal(t, exitFailed, got.code, got.stderr)
			assert.Contains(t, got.stderr, want)
		}
	}
	assert.NotContains(t, f.acts, "load")
}

func TestHookUnlock(t *testing.T) {
	f, esp := newFake(t, archFiles())
	write(t, f.dir, map[string]string{"etc/kexec-bls.toml": "broken"})
	assert.Equal(t, answer{}, f.run("hook", "unlock"), "nothing to do")
	record := state.Unlock{BootID: "before", Volumes: []state.UnlockedVolume{{Name: "root", Device: "/dev/none"}}}
	assert.NoError(t, f.history().SaveUnlock(record))
	got := f.run("hook", "unlock")
	assert.Equal(t, exitFailed, got.code, "it is tried again")
	assert.Contains(t, got.stderr, "remove the key for one kexec: root: ")
	assert.NoError(t, os.Remove(f.dir+"/etc/kexec-bls.toml"))
	assert.Contains(t, f.run("check", "--json", "--esp-path="+esp).stdout, `"tpm2-leftover"`)
}

// TestUnlockWithoutTPM: a key in memory is used where nothing can get it onto a disk,
// and a dry run says for which volumes.
func TestUnlockWithoutTPM(t *testing.T) {
	f, esp := newFake(t, archFiles())
	got := f.run("reboot", "--unlock", "--dry-run", "--esp-path="+esp)
	assert.Zero(t, got.code, got.stderr)
	assert.Contains(t, got.stderr, "no volume that the next initrd opens needs a key for this kexec")
	write(t, f.dir, map[string]string{"proc/swaps": "/dev/sda3 partition 1 0 -2\n"})
	got = f.run("reboot", "--unlock", "--dry-run", "--esp-path="+esp)
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.stderr, "there is no TPM 2.0, and a key in memory could get onto a disk: swap space /dev/sda3 is not encrypted; nothing was changed")
}
