package main

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

// TestRebootRequiredOfAnotherRoot: nothing runs there.
func TestRebootRequiredOfAnotherRoot(t *testing.T) {
	f, _ := newFake(t, archFiles())
	root := t.TempDir()
	got := f.run("reboot-required", "--root="+root)
	assert.Equal(t, exitUnknown, got.code)
	assert.Contains(t, got.stdout, "nothing runs below "+root)
}

func TestRebootRequired(t *testing.T) {
	for name, v := range map[string]struct {
		files  map[string]string // of the ESP, over archFiles
		proc   map[string]string
		code   int
		reason string
	}{
		"another release": {nil, map[string]string{"cmdline": "root=/dev/vda2 rw quiet\n"},
			exitDone, "kernel 6.1.0 runs, arch.conf would boot 6.12.1"},
		"another line": {nil, map[string]string{"sys/kernel/osrelease": "6.12.1\n", "cmdline": "BOOT_IMAGE=/v root=/dev/vda2 rw\n"},
			exitDone, "command line: + quiet"},
		"another build": {map[string]string{"vmlinuz": string(fixtures.BzImage{Version: "6.12.1 (b@h) #2 SMP"}.Bytes())},
			map[string]string{"sys/kernel/osrelease": "6.12.1\n", "sys/kernel/version": "#1 SMP\n", "cmdline": "root=/dev/vda2 rw quiet\n"},
			exitDone, "another build"},
		"the same": {map[string]string{"vmlinuz": string(fixtures.BzImage{Version: "6.12.1 (b@h) #1 SMP"}.Bytes())},
			map[string]string{"sys/kernel/osrelease": "6.12.1\n", "sys/kernel/version": "#1 SMP\n", "cmdline": `BOOT_IMAGE=/v root=/dev/vda2 quiet rw initrd=\a` + "\n"},
			exitNotRequired, ""},
		"no version":     {map[string]string{"vmlinuz": string(fixtures.BzImage{}.Bytes())}, nil, exitUnknown, "cannot be read"},
		"a broken entry": {map[string]string{"loader/entries/arch.conf": "linux /vmlinuz\ninitrd /gone\n"}, nil, exitUnknown, "/gone"},
		"an EFI program": {map[string]string{"loader/entries/arch.conf": "efi /app.efi\n"}, nil, exitUnknown, "EFI program"},
	} {
		t.Run(name, func(t *testing.T) {
			f, esp := newFake(t, archFiles())
			write(t, esp, v.files)
			write(t, filepath.Join(f.dir, "proc"), v.proc)
			got := f.run("reboot-required", "--esp-path="+esp)
			assert.Equal(t, v.code, got.code, got.stderr)
			assert.Contains(t, got.stdout, v.reason)
			var r report.Requirement
			require.NoError(t, json.Unmarshal([]byte(f.run("reboot-required", "--json=short", "--esp-path="+esp).stdout), &r))
			switch v.code {
			case exitUnknown:
				assert.Nil(t, r.Required)
			default:
				require.NotNil(t, r.Required)
				assert.Equal(t, v.code == exitDone, *r.Required)
			}
		})
	}
}
