package entries

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

// TestAddonsThatAddNothing has bootctl 262's answer: every file with the name
// of an addon is listed, but only what is an addon for the machine has options.
func TestAddonsThatAddNothing(t *testing.T) {
	line := fixtures.Text(".cmdline", "  word=1 \n")
	kernel := fixtures.Text(".linux", "kernel")
	pe := func(p fixtures.PE) string { return string(p.Bytes()) }
	const dir = "EFI/Linux/u.efi.extra.d/"
	l := readMenu([]*esp.Volume{volume(t, esp.ESP, map[string]string{
		"EFI/Linux/u.efi":       pe(fixtures.PE{Sections: []fixtures.Section{fixtures.Text(".osrel", "ID=x\n"), kernel}}),
		dir + "arch.addon.efi":  pe(fixtures.PE{Machine: uki.MachineAA64, Sections: []fixtures.Section{line}}),
		dir + "good.addon.efi":  pe(fixtures.PE{Sections: []fixtures.Section{line}}),
		dir + "junk.addon.efi":  "junk",
		dir + "linux.addon.efi": pe(fixtures.PE{Sections: []fixtures.Section{line, kernel}}),
		dir + "quiet.addon.efi": pe(fixtures.PE{Sections: []fixtures.Section{fixtures.Text(".initrd", "x")}}),
	})}, "x64")
	require.Len(t, l.entries, 1)
	options := map[string]string{}
	for _, a := range l.entries[0].Addons {
		options[a.Path] = a.Options
	}
	assert.Equal(t, map[string]string{
		"u.efi.extra.d/arch.addon.efi": "", "u.efi.extra.d/good.addon.efi": "word=1", "u.efi.extra.d/junk.addon.efi": "",
		"u.efi.extra.d/linux.addon.efi": "", "u.efi.extra.d/quiet.addon.efi": "",
	}, options)
	assert.Len(t, l.problems, 3)
}
