package plan_test

import (
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/plan"
)

func sha(text string) string { s := sha256.Sum256([]byte(text)); return string(s[:]) }

const thinKernel, thinInitrd = `\EFI\nixos\kernel.efi`, `\EFI\nixos\initrd.efi`

// TestThin follows an image of lanzaboote to its files.
func TestThin(t *testing.T) {
	files := map[string]string{
		"EFI/nixos/kernel.efi": kernel(), "EFI/nixos/initrd.efi": "main",
		"t.efi": image(".osrel", osrel, ".cmdline", "init=/nix\n", ".linux", thinKernel, ".linuxh", sha(kernel()),
			".initrd", thinInitrd, ".initrdh", sha("main")),
		"t.efi.extra.d/c.cred": "c", "loader/addons/a.addon.efi": image(".cmdline", "added"), "i.img": "i",
	}
	fw := plan.Firmware{OEMStrings: []string{"io.systemd.stub.kernel-cmdline-extra=stub"}}
	p := make1(t, partition(t, files), "uki /t.efi\n", fw)
	assert.Equal(t, "/boot/EFI/nixos/kernel.efi", p.Kernel.Name)
	assert.Equal(t, []string{"/boot/EFI/nixos/initrd.efi"}, origins(p), "and nothing that systemd-stub would make")
	assert.Equal(t, "init=/nix", p.Cmdline)
	require.Len(t, p.Warnings, 1)
	assert.Contains(t, p.Warnings[0], "c.cred is left out")
	_, err := p.Inspect("amd64")
	require.NoError(t, err)
	assert.Equal(t, "passed", make1(t, partition(t, files), "efi /t.efi\noptions passed\n", fw).Cmdline)
	fw.SecureBoot = true
	assert.Equal(t, "init=/nix", make1(t, partition(t, files), "efi /t.efi\noptions passed\n", fw).Cmdline)
	_, err = plan.Make(type1(t, "linux /t.efi\ninitrd /i.img\n"), partition(t, files), fw, plan.Options{})
	require.ErrorContains(t, err, "an image of lanzaboote, which does not start where the entry passes an initrd")
}

func TestThinRefused(t *testing.T) {
	for name, v := range map[string]struct {
		sections []string
		want     string
	}{
		"another kernel": {[]string{".linux", thinKernel, ".linuxh", sha("x")}, "kernel.efi: the file has another SHA-256"},
		"another initrd": {[]string{".linux", thinKernel, ".linuxh", sha(kernel()), ".initrd", thinInitrd, ".initrdh", sha("x")}, "initrd.efi: the file has another SHA-256"},
		"kernel is gone": {[]string{".linux", `\gone`, ".linuxh", sha(kernel())}, "/boot/gone: "},
		"initrd is gone": {[]string{".linux", thinKernel, ".linuxh", sha(kernel()), ".initrd", `\gone`, ".initrdh", sha("x")}, "/boot/gone: "},
		"short hash":     {[]string{".linux", thinKernel, ".linuxh", "x"}, "no SHA-256 in section .linuxh"},
		"no hash":        {[]string{".linux", thinKernel, ".linuxh", sha(kernel()), ".initrd", thinInitrd}, "no SHA-256 in section .initrdh"},
		"no path":        {[]string{".linux", " ", ".linuxh", sha(kernel())}, "it names no file"},
	} {
		files := map[string]string{"EFI/nixos/kernel.efi": kernel(), "EFI/nixos/initrd.efi": "main", "t.efi": image(v.sections...)}
		_, err := plan.Make(type1(t, "uki /t.efi\n"), partition(t, files), plan.Firmware{}, plan.Options{})
		require.ErrorContains(t, err, v.want, name)
		assert.ErrorContains(t, err, "/boot/t.efi: ", name)
		assert.ErrorContains(t, err, "lanzaboote", name)
	}
}
