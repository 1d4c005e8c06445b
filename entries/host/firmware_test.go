package host_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// oemTable is an SMBIOS type 11 structure as sysfs shows it.
func oemTable(strs ...string) string {
	return "\x0b\x05\x00\x0b" + string(rune(len(strs))) + strings.Join(strs, "\x00") + "\x00\x00" // without strings, two NULs all the same
}

func sysfs(t *testing.T, tables map[string]string) string {
	t.Helper()
	sys := t.TempDir()
	for name, raw := range tables {
		dir := filepath.Join(sys, "sys/firmware/dmi/entries", name)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "raw"), []byte(raw), 0o400))
	}
	return sys
}

func TestOEMStringsOfSysfs(t *testing.T) {
	many := map[string]string{
		"11-10": oemTable("last"), "11-2": oemTable("second", "third"), "11-0": oemTable("first"), "0-0": oemTable("not these"), "111-0": oemTable("nor these"),
	}
	got, err := host.At(sysfs(t, many)).OEMStrings()
	require.NoError(t, err)
	assert.Equal(t, []string{"first", "second", "third", "last"}, got)

	got, err = host.At(t.TempDir()).OEMStrings()
	require.NoError(t, err)
	assert.Empty(t, got)

	sys := sysfs(t, nil)
	require.NoError(t, os.MkdirAll(filepath.Join(sys, "sys/firmware/dmi/entries/11-0/raw"), 0o755))
	_, err = host.At(sys).OEMStrings()
	require.Error(t, err)
}

func TestBrokenOEMTables(t *testing.T) {
	for raw, want := range map[string][]string{
		"":                              nil,
		"\x0b":                          nil,
		"\x0b\x05\x00\x0b":              nil,
		"\x0b\x05\x00\x0b\x01":          nil,
		"\x0b\xff\x00\x0b\x01a\x00\x00": nil,
		"\x0b\x03\x00\x0b\x01a\x00\x00": nil,
		"\x0c\x05\x00\x0b\x01a\x00\x00": nil,
		"\x0b\x05\x00\x0b\x01a":         nil, // no end
		"\x0b\x05\x00\x0b\x01a\x00":     {"a"},
		"\x0b\x06\x00\x0b\x01xa\x00b\x00\x00c\x00": {"a", "b"},
	} {
		got, err := host.At(sysfs(t, map[string]string{"11-0": raw})).OEMStrings()
		require.NoError(t, err)
		assert.Equal(t, want, got, "%q", raw)
	}
}

// TestOEMStringsOfTable: a kernel without dmi-sysfs shows the table as a whole.
func TestOEMStringsOfTable(t *testing.T) {
	sys := t.TempDir()
	dir := filepath.Join(sys, "sys/firmware/dmi/tables")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	none, other, end := "\x20\x05\x00\x20\x00\x00\x00", "\x01\x04\x00\x01maker\x00model\x00\x00", "\x7f\x04\x00\x7f\x00\x00"
	table := other + none + oemTable("first", "second") + none + oemTable() + oemTable("third") + end + oemTable("after the end")
	for n := range len(table) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "DMI"), []byte(table[:n+1]), 0o400))
		got, err := host.At(sys).OEMStrings()
		require.NoError(t, err)
		assert.Subset(t, []string{"first", "second", "third"}, got, "cut to %d", n+1)
	}
	got, err := host.At(sys).OEMStrings()
	require.NoError(t, err)
	assert.Equal(t, []string{"first", "second", "third"}, got)
}

func TestSecureBootOfBootParams(t *testing.T) {
	const params, efi = "sys/kernel/boot_params/data", "sys/firmware/efi/config_table"
	for mode, want := range map[byte]host.Tristate{0: host.Unknown, 1: host.Unknown, 2: host.No, 3: host.Yes, 4: host.Unknown} {
		page := make([]byte, 4096)
		page[0x1ec] = mode
		assert.Equal(t, want, machine(params, string(page), efi, "").SecureBoot(), mode)
		assert.Equal(t, host.No, machine(params, string(page)).SecureBoot(), "no EFI")
		assert.Equal(t, host.Unknown, machine(params, string(page[:4095]), efi, "").SecureBoot(), "cut")
	}
}

func TestRSDP(t *testing.T) {
	const systab = "sys/firmware/efi/systab"
	assert.EqualValues(t, 0x7fb7e014, machine(systab, "ACPI20=0x7fb7e014\nACPI=0x7fb7e000\nSMBIOS=0x7fb3d000\n").RSDP())
	assert.EqualValues(t, 0x10, machine(systab, "ACPI20=junk\nACPI=0x10").RSDP())
	assert.Zero(t, machine(systab, "SMBIOS=0x1\nACPI20=0x0\n").RSDP())
	page := make([]byte, 4096)
	page[0x73] = 1
	address, known := machine("sys/kernel/boot_params/data", string(page)).BootRSDP()
	assert.True(t, known)
	assert.EqualValues(t, 1<<24, address)
}

func TestFirmwareFacts(t *testing.T) {
	assert.Equal(t, "raspberrypi,4-model-b", machine("sys/firmware/devicetree/base/compatible", "raspberrypi,4-model-b\x00brcm,bcm2711\x00").DeviceTreeCompatible())
	assert.True(t, machine("proc/xen/capabilities", "control_d\n").XenDom0())
	assert.False(t, machine("proc/xen/capabilities", "\n").XenDom0())
	assert.True(t, machine("sys/firmware/efi/config_table", "").EFI())
}
