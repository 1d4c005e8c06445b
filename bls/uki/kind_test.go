package uki_test

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMachines(t *testing.T) {
	for goarch, want := range map[string]struct {
		coff uint16
		efi  string
	}{
		"amd64":   {0x8664, "x64"},
		"386":     {0x14c, "ia32"},
		"arm64":   {0xaa64, "aa64"},
		"arm":     {0x1c2, "arm"},
		"riscv64": {0x5064, "riscv64"},
		"loong64": {0x6264, "loongarch64"},
	} {
		assert.Equal(t, want.coff, uki.MachineFor(goarch))
		assert.Equal(t, want.efi, uki.ArchName(want.coff))
		assert.Equal(t, want.coff, uki.MachineByArchName(strings.ToUpper(want.efi)))
	}
	assert.Zero(t, uki.MachineFor("s390x"))
	assert.Zero(t, uki.MachineFor(""))
	assert.Empty(t, uki.ArchName(0))
	assert.Zero(t, uki.MachineByArchName("x86-64"))
	assert.Zero(t, uki.MachineByArchName(""))
	assert.Equal(t, "loongarch32", uki.ArchName(uki.MachineByArchName("LoongArch32")))
}

func TestKinds(t *testing.T) {
	text := fixtures.Text
	type is struct{ uki, addon bool }
	for _, tt := range []struct {
		name string
		pe   fixtures.PE
		want is
	}{
		{"UKI", sampleUKI(), is{uki: true}},
		{"UKI of another machine", fixtures.PE{Machine: uki.MachineAA64, Sections: sampleUKI().Sections}, is{}},
		{"not an EFI program", fixtures.PE{Subsystem: 3, Sections: sampleUKI().Sections}, is{}},
		{"kernel in a profile only", fixtures.PE{Sections: []fixtures.Section{text(".profile", ""), text(".linux", "x")}}, is{uki: true}},
		{"addon with a command line", fixtures.PE{Sections: []fixtures.Section{text(".cmdline", "x")}}, is{addon: true}},
		{"addon with microcode", fixtures.PE{Sections: []fixtures.Section{text(".ucode", "x")}}, is{addon: true}},
		{"addon with an initrd", fixtures.PE{Sections: []fixtures.Section{text(".initrd", "x")}}, is{addon: true}},
		{"addon with a device tree", fixtures.PE{Sections: []fixtures.Section{text(".dtb", "x")}}, is{addon: true}},
		{"addon with device trees", fixtures.PE{Sections: []fixtures.Section{text(".dtbauto", "x")}}, is{addon: true}},
		{"addon of another machine", fixtures.PE{Machine: uki.MachineAA64, Sections: []fixtures.Section{text(".cmdline", "x")}}, is{}},
		{"addon with nothing in it", fixtures.PE{Sections: []fixtures.Section{text(".cmdline", ""), text(".uname", "6.1")}}, is{}},
		{"addon that is no EFI program", fixtures.PE{Subsystem: 3, Sections: []fixtures.Section{text(".cmdline", "x")}}, is{}},
		{"plain program", fixtures.PE{Sections: []fixtures.Section{text(".text", "x")}}, is{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := parse(t, tt.pe.Bytes())
			assert.Equal(t, tt.want, is{m.IsUKI(uki.MachineX64), m.IsAddon(uki.MachineX64)})
		})
	}
}

func TestLoaderInfo(t *testing.T) {
	far := uint32(1 << 30)
	for _, tt := range []struct {
		name    string
		section fixtures.Section
		info    string
	}{
		{"systemd-boot", fixtures.Text(".sdmagic", "#### LoaderInfo: systemd-boot 262.1 ####\x00"), "systemd-boot 262.1"},
		{"systemd-stub", fixtures.Text(".sdmagic", "#### LoaderInfo: systemd-stub 262.1 ####"), "systemd-stub 262.1"},
		{"name without version", fixtures.Text(".sdmagic", "#### LoaderInfo: systemd-bootleg ####"), "systemd-bootleg"},
		{"another text", fixtures.Text(".sdmagic", "systemd-boot 262.1"), ""},
		{"another section", fixtures.Text(".magic", "#### LoaderInfo: systemd-boot 262.1 ####"), ""},
		{"outside the file", fixtures.Section{Name: ".sdmagic", Data: []byte("x"), Offset: &far}, ""},
		{"far too long", fixtures.Text(".sdmagic", "#### LoaderInfo: "+strings.Repeat("x", 1000)), strings.Repeat("x", 239)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := parse(t, fixtures.PE{Sections: []fixtures.Section{tt.section}}.Bytes())
			assert.Equal(t, tt.info, m.LoaderInfo())
		})
	}
}

// The UKIs and addons that systemd-boot and systemd-stub 262 really used, to
// be told apart by what they are.
func TestStubCorpusKinds(t *testing.T) {
	dir := fixtures.Corpus(t, "stub-262.tar.zst")
	ukis, addons := 0, 0
	for _, path := range glob(t, dir, "*", "esp", "EFI", "Linux", "*.efi") {
		m := open(t, path)
		require.NotNil(t, m, path)
		assert.NoError(t, m.Check(), path)
		assert.True(t, m.IsUKI(uki.MachineX64), path)
		assert.True(t, strings.HasPrefix(m.LoaderInfo(), "systemd-stub 262"), path)
		ukis++
	}
	local := glob(t, dir, "*", "esp", "EFI", "Linux", "*.extra.d", "*.addon.efi")
	for _, path := range append(local, glob(t, dir, "*", "esp", "loader", "addons", "*.addon.efi")...) {
		m := open(t, path)
		require.NotNil(t, m, path)
		assert.NoError(t, m.Check(), path)
		assert.True(t, m.IsAddon(uki.MachineX64), path)
		assert.False(t, m.IsUKI(uki.MachineX64), filepath.Base(path))
		addons++
	}
	assert.Greater(t, ukis, 10)
	assert.Greater(t, addons, 20)
}

// The images that systemd-boot 262 listed when it was asked which entry to
// boot.
func TestPoolKinds(t *testing.T) {
	dir := fixtures.Oracle(t)
	pool, err := fs.Glob(dir, "sdboot-262.json.pool/*.efi")
	require.NoError(t, err)
	require.Len(t, pool, 12)
	for _, name := range pool {
		b, err := fs.ReadFile(dir, name)
		require.NoError(t, err)
		m := parse(t, b)
		assert.NoError(t, m.Check(), name)
		assert.True(t, m.IsUKI(uki.MachineX64), name)
		for n := range m.Profiles() {
			p, err := m.Profile(n)
			require.NoError(t, err, name)
			text, err := p.Text(".osrel")
			require.NoError(t, err, name)
			_, err = uki.ParseOSRelease(text)
			require.NoError(t, err, name)
		}
	}
}
