package loader_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader"
)

func TestNext(t *testing.T) {
	const line, release, version = "proc/cmdline", "proc/sys/kernel/osrelease", "proc/sys/kernel/version"
	const arch = "root=/dev/vda2 rw quiet"
	for name, v := range map[string]struct {
		files   map[string]string
		want    loader.Difference
		reasons string // a part of them
	}{
		"release":      {map[string]string{line: arch}, loader.OtherRelease, "kernel 6.1.0 runs, arch.conf would boot 6.12.1"},
		"build":        {map[string]string{line: arch, release: "6.12.1\n", version: "#2 SMP\n"}, loader.OtherBuild, "another build"},
		"command line": {map[string]string{line: "root=/dev/vda2 quiet x", release: "6.12.1\n"}, loader.OtherCommandLine, "command line: - x + rw"},
		"the same":     {map[string]string{line: "BOOT_IMAGE=/v quiet root=/dev/vda2 rw\n", release: "6.12.1\n", version: "#1 SMP\n"}, loader.SameSystem, ""},
		"the same, after a kexec": {
			map[string]string{line: arch + " " + loader.BlessMask + " acpi_rsdp=0x1\n", release: "6.12.1\n"}, loader.SameSystem, "",
		},
		"release and line": {map[string]string{line: arch + " x"}, loader.OtherRelease, "command line: - x"},
		"the console of a stub": {
			map[string]string{line: "root=/dev/uki console=ttyS0", release: "6.12.1\n", "esp/loader/loader.conf": "default uki*\n"}, loader.SameSystem, "",
		},
		"another console with a stub": {
			map[string]string{line: "root=/dev/uki quiet", release: "6.12.1\n", "esp/loader/loader.conf": "default uki*\n"}, loader.OtherCommandLine, "- quiet",
		},
		"a console without a stub": {
			map[string]string{line: arch + " console=ttyS0", release: "6.12.1\n"}, loader.OtherCommandLine, "- console=ttyS0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.write(map[string]string{"esp/EFI/Linux/uki.efi": uki("root=/dev/uki")})
			f.write(v.files)
			n, err := loader.Next(t.Context(), f.open(), loader.PlanOptions{})
			require.NoError(t, err)
			assert.Equal(t, v.want, n.Difference, n.Reasons)
			assert.Contains(t, n.Reasons.String(), v.reasons)
			assert.Equal(t, v.want == loader.SameSystem, len(n.Reasons) == 0)
			assert.Equal(t, "6.12.1", n.Release)
		})
	}
}

func TestNextCannotBeDetermined(t *testing.T) {
	for name, v := range map[string]struct{ file, text, want string }{
		"no version":     {"esp/vmlinuz", kernelOf(""), "arch.conf: the version of its kernel cannot be read"},
		"no kernel":      {"esp/vmlinuz", "junk", "not a known kernel image"},
		"a missing file": {"esp/loader/entries/arch.conf", "linux /vmlinuz\ninitrd /gone\n", "/gone"},
		"an EFI program": {"esp/loader/entries/arch.conf", "efi /app.efi\n", "arch.conf"},
		"no release":     {"proc/sys/kernel/osrelease", "\n", "cannot be read"},
	} {
		f := newFake(t)
		f.write(map[string]string{v.file: v.text})
		_, err := loader.Next(t.Context(), f.open(), loader.PlanOptions{})
		require.ErrorContains(t, err, v.want, name)
	}
}
