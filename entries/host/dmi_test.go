package host_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

const dmi = "sys/firmware/dmi/"

// TestOEMStringsSources: the structures of dmi-sysfs where there are any of the type,
// else the table as a whole.
func TestOEMStringsSources(t *testing.T) {
	one, table := oemTable("of entries"), oemTable("of the table")
	for name, c := range map[string]struct {
		files []string
		want  []string
	}{
		"both":                     {[]string{dmi + "entries/11-0/raw", one, dmi + "tables/DMI", table}, []string{"of entries"}},
		"other types only":         {[]string{dmi + "entries/1-0/raw", one, dmi + "tables/DMI", table}, []string{"of the table"}},
		"names that are no number": {[]string{dmi + "entries/11-x/raw", one, dmi + "entries/11-/raw", one, dmi + "entries/11/raw", one, dmi + "tables/DMI", table}, []string{"of the table"}},
		"one is gone by now":       {[]string{dmi + "entries/11-0/type", "11", dmi + "entries/11-1/raw", one}, []string{"of entries"}},
		"all are gone":             {[]string{dmi + "entries/11-0/type", "11", dmi + "tables/DMI", table}, nil},
	} {
		got, err := machine(c.files...).OEMStrings()
		require.NoError(t, err, name)
		assert.Equal(t, c.want, got, name)
	}
}

// TestOEMStringsBounds: a table of 1 MiB is read, and a larger one is an error, not a
// part of what it has.
func TestOEMStringsBounds(t *testing.T) {
	table := oemTable("first") + strings.Repeat("\x00", 1<<20)
	got, err := machine(dmi+"tables/DMI", table[:1<<20]).OEMStrings()
	require.NoError(t, err)
	assert.Equal(t, "first", got[0])
	got, err = machine(dmi+"tables/DMI", table[:1<<20+1]).OEMStrings()
	assert.EqualError(t, err, dmi+"tables/DMI: file too large: over 1048576 bytes")
	assert.Nil(t, got)
}

// TestOEMStringsCut: a structure that is cut anywhere gives a part of its strings in
// their order, each whole.
func TestOEMStringsCut(t *testing.T) {
	want := []string{"io.systemd.stub.kernel-cmdline-extra=quiet", "b", "\xff\x01"}
	table := oemTable(want...)
	for n := range len(table) + 1 {
		got, err := machine(dmi+"entries/11-0/raw", table[:n]).OEMStrings()
		require.NoError(t, err)
		require.LessOrEqual(t, len(got), len(want))
		assert.Equal(t, want[:len(got)], append([]string{}, got...), "cut to %d", n)
		assert.Equal(t, n >= len(table)-1, len(got) == len(want), "cut to %d", n)
	}
}

// TestStructureLengths: a length reaches over the formatted area, and one that reaches
// beyond the table ends it.
func TestStructureLengths(t *testing.T) {
	for raw, want := range map[string][]string{
		"\x0b\x04\x00\x0ba\x00\x00":                                {"a"},
		"\x0b\x07\x00\x0b\x01\x00\x00a\x00\x00":                    {"a"},
		"\x0b\x08\x00\x0b\x01\x00\x00":                             nil,
		"\x0b\x07\x00\x0b\x01\x00\x00":                             nil,
		"\x01\x04\x00\x01x\x00\x00\x0b\x04\x00\x0ba\x00\x00":       {"a"},
		"\x01\x03\x00\x01x\x00\x00\x0b\x04\x00\x0ba\x00\x00":       nil,
		"\x0b\x04\x00\x0ba\x00\x00\x0b\x04\x00\x0bb\x00\x00":       {"a", "b"},
		"\x7f\x04\x00\x7f\x00\x00\x0b\x04\x00\x0ba\x00\x00":        nil,
		"\x7e\x04\x00\x7f\x00\x00\x0b\x04\x00\x0ba\x00\x00":        {"a"},
		"\x01\x04\x00\x01\x00\x00\x0b\x04\x00\x0b\x00\x00\x0b\x04": nil,
	} {
		got, err := machine(dmi+"tables/DMI", raw).OEMStrings()
		require.NoError(t, err)
		assert.Equal(t, want, got, "%q", raw)
	}
}

// TestRSDPLines: the tables of ACPI 2.0 are preferred in whatever line they are.
func TestRSDPLines(t *testing.T) {
	for systab, want := range map[string]uint64{
		"ACPI=0x10\nACPI20=0x20\n": 0x20, "ACPI20=0x0\nACPI=0x10\n": 0x10, "ACPI20=0x20\nACPI20=0x30\n": 0x20, "ACPI20=\nACPI20=0x30\n": 0x30,
		"ACPI=0x1": 1, " ACPI20=0x20 \n": 0x20, "ACPI20=0xffffffffffffffff\n": 1<<64 - 1, "ACPI20=0x1ffffffffffffffff\nACPI=0x10\n": 0x10,
		"ACPI20=32\n": 32, "XACPI20=0x20\n": 0, "ACPI20 = 0x20\n": 0, "ACPI30=0x20\n": 0, "ACPI20=-1\n": 0,
	} {
		assert.Equal(t, want, machine("sys/firmware/efi/systab", systab).RSDP(), systab)
	}
}

// TestBootParams: the zero page has 4096 bytes, or it is none.
func TestBootParams(t *testing.T) {
	page := make([]byte, 4097)
	for i := range 8 {
		page[0x70+i] = byte(i + 1)
	}
	page[0x6f], page[0x78] = 0xff, 0xff
	for size, known := range map[int]bool{0: false, 4095: false, 4096: true, 4097: false} {
		m := host.Machine{FS: fstest.MapFS{"sys/kernel/boot_params/data": {Data: page[:size]}}}
		address, ok := m.BootRSDP()
		assert.Equal(t, known, ok, size)
		assert.Equal(t, known, len(m.BootParams()) == 4096, size)
		if known {
			assert.EqualValues(t, 0x0807060504030201, address)
		} else {
			assert.Zero(t, address)
			assert.Nil(t, m.BootParams())
		}
	}
	m := host.Machine{FS: fstest.MapFS{"sys/kernel/boot_params/data": {Mode: fs.ModeDir}}}
	assert.Nil(t, m.BootParams())
}

// TestXenHosts: a guest of Xen has other capabilities, or none.
func TestXenHosts(t *testing.T) {
	for text, want := range map[string]bool{"control_d\n": true, "": false, "xen-3.0-x86_64\n": false} {
		assert.Equal(t, want, machine("proc/xen/capabilities", text).XenDom0(), text)
	}
	assert.Equal(t, "one", machine("sys/firmware/devicetree/base/compatible", "one\x00").DeviceTreeCompatible())
	assert.Equal(t, "one", machine("sys/firmware/devicetree/base/compatible", "one").DeviceTreeCompatible())
}
