package kexec_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
)

func TestACPIParameter(t *testing.T) {
	page := make([]byte, 4096)
	given := make([]byte, 4096)
	given[0x73] = 1
	const systab, params, runtime = "sys/firmware/efi/systab", "sys/kernel/boot_params/data", "sys/firmware/efi/runtime-map/0/type"
	noruntime := func() fstest.MapFS {
		return fstest.MapFS{systab: {Data: []byte("SMBIOS=0x1\nACPI=0x7fe0a000\nACPI20=0x7fe0a014\n")}, params: {Data: page}}
	}
	assert.Equal(t, "acpi_rsdp=0x7fe0a014", kexec.ACPIParameter(host.Machine{FS: noruntime(), GOARCH: "amd64"}))
	assert.Empty(t, kexec.ACPIParameter(host.Machine{FS: noruntime(), GOARCH: "arm64"}), "the device tree has it")
	for name, change := range map[string]func(fstest.MapFS){
		"runtime services":   func(m fstest.MapFS) { m[runtime] = &fstest.MapFile{Data: []byte("0x5\n")} },
		"no EFI":             func(m fstest.MapFS) { delete(m, systab) },
		"no ACPI":            func(m fstest.MapFS) { m[systab] = &fstest.MapFile{Data: []byte("SMBIOS=0x1\nACPI20=x\n")} },
		"handed on anyway":   func(m fstest.MapFS) { m[params] = &fstest.MapFile{Data: given} },
		"boot params hidden": func(m fstest.MapFS) { delete(m, params) },
		"cut short":          func(m fstest.MapFS) { m[params] = &fstest.MapFile{Data: page[:0x77]} },
	} {
		m := noruntime()
		change(m)
		assert.Empty(t, kexec.ACPIParameter(host.Machine{FS: m, GOARCH: "amd64"}), name)
	}
}
