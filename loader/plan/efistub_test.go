package plan_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/plan"
)

// TestStubInitrd holds the rules of the kernel's EFI stub, which finds the text
// initrd= anywhere. The command line stays as it is.
func TestStubInitrd(t *testing.T) {
	long := strings.Repeat("n", 255)
	files := map[string]string{"v": kernel(), "a.img": "a", "EFI/d/b.img": "b", "empty": "", "q\"": "q", long: "l"}
	for name, v := range map[string]struct {
		options string
		want    []string
	}{
		"backslash":            {`initrd=\a.img root=/dev/sda2`, []string{"/boot/a.img"}},
		"slash":                {`root=x initrd=/a.img`, []string{"/boot/a.img"}},
		"none in front":        {`initrd=a.img`, []string{"/boot/a.img"}},
		"many in front":        {`initrd=\/\a.img`, []string{"/boot/a.img"}},
		"below":                {`initrd=\EFI\d/b.img`, []string{"/boot/EFI/d/b.img"}},
		"several, in order":    {`initrd=\EFI\d\b.img ro initrd=\a.img initrd=\EFI\d\b.img`, []string{"/boot/EFI/d/b.img", "/boot/a.img", "/boot/EFI/d/b.img"}},
		"inside a parameter":   {`rd.initrd=\a.img`, []string{"/boot/a.img"}},
		"after --":             {`x -- initrd=\a.img`, []string{"/boot/a.img"}},
		"quotes are no quotes": {`"initrd=\q" x`, []string{`/boot/q"`}},
		"an empty file":        {`initrd=\empty initrd=\a.img`, []string{"/boot/a.img"}},
		"other letter case":    {`INITRD=\a.img Initrd=\gone`, nil},
		"cut at 255":           {`initrd=\` + long + `nnn`, []string{"/boot/" + long}},
	} {
		for _, key := range []string{"linux", "efi"} {
			p := make1(t, partition(t, files), key+" /v\noptions "+v.options+" \n", plan.Firmware{})
			assert.Equal(t, v.want, origins(p), "%s, %s", name, key)
			assert.Equal(t, v.options, p.Cmdline, name)
		}
	}
}

func TestStubInitrdRefused(t *testing.T) {
	files := map[string]string{"v": kernel(), "a.img": "a", "dir/x": ""}
	for options, want := range map[string]string{
		`initrd=\gone.img`:           "/boot/gone.img: ",
		`initrd=\a.img initrd=\gone`: "/boot/gone: ",
		`initrd="\a.img"`:            `/boot/"/a.img": `,
		`initrd=\dir`:                "not a regular file",
		`quiet initrd=`:              "it names no file",
		`initrd=\ quiet`:             "it names no file",
		"initrd=\\a.img\tquiet":      "/boot/a.img\tquiet: ", // a tab ends no name
	} {
		for _, key := range []string{"linux", "efi"} {
			_, err := plan.Make(type1(t, key+" /v\noptions "+options+"\n"), partition(t, files), plan.Firmware{}, plan.Options{})
			require.ErrorIs(t, err, plan.ErrStubInitrd, options)
			assert.ErrorContains(t, err, want)
		}
	}
	_, err := plan.Make(type1(t, "linux /v\noptions initrd=/a.img\n"), partition(t, files), plan.Firmware{Grub: true}, plan.Options{})
	require.ErrorIs(t, err, plan.ErrStubInitrd, "GRUB")
}

// TestStubInitrdBesideLines: the kernel takes what systemd-boot passes, if
// anything.
func TestStubInitrdBesideLines(t *testing.T) {
	files := map[string]string{"v": kernel(), "a.img": "a", "b.img": "b", "empty": ""}
	const options = "options initrd=\\b.img\n"
	p := make1(t, partition(t, files), "linux /v\ninitrd /a.img\n"+options, plan.Firmware{})
	assert.Equal(t, []string{"/boot/a.img"}, origins(p))
	require.Len(t, p.Warnings, 1)
	assert.Contains(t, p.Warnings[0], "initrd=b.img on the command line is not loaded")
	p = make1(t, partition(t, files), "linux /v\ninitrd /empty\n"+options, plan.Firmware{})
	assert.Equal(t, []string{"/boot/b.img"}, origins(p))
	p = make1(t, partition(t, files), "efi /v\ninitrd /a.img\n"+options, plan.Firmware{})
	assert.Equal(t, []string{"/boot/b.img"}, origins(p), "lines are for linux entries")
	require.Len(t, p.Warnings, 1)
	assert.Contains(t, p.Warnings[0], "initrd lines are not used")
}

// TestEFIKernel: firmware starts a kernel by its stub, and nobody adds to its
// command line.
func TestEFIKernel(t *testing.T) {
	fw := plan.Firmware{OEMStrings: []string{"io.systemd.boot.kernel-cmdline-extra=added"}}
	files := map[string]string{"v": kernel(), "arm": armImage(), "z": zboot("gzip", compress(t, armImage(), "gzip"))}
	assert.Equal(t, "own added", make1(t, partition(t, files), "linux /v\noptions own\n", fw).Cmdline)
	for name, goarch := range map[string]string{"v": "amd64", "arm": "arm64", "z": "arm64"} {
		p := make1(t, partition(t, files), "efi /"+name+"\noptions own\n", fw)
		assert.Equal(t, "own", p.Cmdline, name)
		_, err := p.Inspect(goarch)
		require.NoError(t, err, name)
	}
	for text, want := range map[string]string{
		image(".text", "shell"):              "an EFI program, which only firmware can start",
		compress(t, armImage(), "gzip"):      "an EFI program, which only firmware can start",
		kernel()[:len(kernel())-1]:           "file is cut short",
		image(".cmdline", `x`, ".osrel", ""): "an EFI program, which only firmware can start",
	} {
		_, err := plan.Make(type1(t, "efi /x.efi\n"), partition(t, map[string]string{"x.efi": text}), fw, plan.Options{})
		require.ErrorContains(t, err, want)
	}
}

// TestStubInitrdOfUKI: systemd-stub passes an initrd, so the kernel does not read
// initrd=; an image without one is not loaded in the hope that it does not.
func TestStubInitrdOfUKI(t *testing.T) {
	files := map[string]string{
		"main.efi": image(".osrel", osrel, ".linux", "k", ".initrd", "i", ".cmdline", `initrd=\a.img own`),
		"none.efi": image(".osrel", osrel, ".linux", "k", ".cmdline", `initrd=\a.img own`),
		"a.img":    "a",
	}
	p := make1(t, partition(t, files), "uki /main.efi\n", plan.Firmware{})
	assert.Equal(t, `initrd=\a.img own`, p.Cmdline)
	assert.NotContains(t, origins(p), "/boot/a.img")
	require.Len(t, p.Warnings, 1)
	assert.Contains(t, p.Warnings[0], "initrd=a.img")
	assert.Empty(t, make1(t, partition(t, files), "uki /main.efi\noptions x\n", plan.Firmware{}).Warnings, "replaced")
	_, err := plan.Make(type1(t, "uki /none.efi\n"), partition(t, files), plan.Firmware{}, plan.Options{})
	require.ErrorIs(t, err, plan.ErrStubInitrd)
}

func TestCheckEdit(t *testing.T) {
	files := map[string]string{"v": kernel(), "a.img": "a"}
	with := make1(t, partition(t, files), "linux /v\noptions initrd=\\a.img\n", plan.Firmware{})
	require.NoError(t, with.CheckEdit(`initrd=\a.img quiet`))
	assert.Empty(t, with.Warnings, "it is loaded")
	require.NoError(t, with.CheckEdit(`initrd=\a.img initrd=\b.img`))
	require.Len(t, with.Warnings, 1)
	assert.Contains(t, with.Warnings[0], "initrd=b.img")
	none := make1(t, partition(t, files), "linux /v\n", plan.Firmware{})
	require.NoError(t, none.CheckEdit("quiet"))
	require.ErrorIs(t, none.CheckEdit(`initrd=\a.img`), plan.ErrStubInitrd)
}

// TestManyLines: a file is opened once, and a plan keeps few open.
func TestManyLines(t *testing.T) {
	files := map[string]string{"v": kernel()}
	lines := ""
	for i := range 600 {
		files[fmt.Sprint(i)] = "x"
		lines += fmt.Sprintf("initrd /%d\n", i)
	}
	src := partition(t, files)
	opens := 0
	open := src.Open
	src.Open = func(p string) (f *os.File, err error) { opens++; return open(p) }
	p := make1(t, src, "linux /v\n"+strings.Repeat("initrd /1\n", 20_000), plan.Firmware{})
	assert.Len(t, p.Initrd, 20_000)
	assert.Equal(t, 2, opens)
	assert.Len(t, p.Stamps(), 2)
	_, err := plan.Make(type1(t, "linux /v\n"+lines), src, plan.Firmware{}, plan.Options{})
	require.ErrorContains(t, err, "more than 512 files")
}
