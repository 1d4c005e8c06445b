package plan_test

import (
	"encoding/binary"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/plan"
)

// partition lays files out and lists them as a boot partition does.
func partition(t testing.TB, files map[string]string) plan.Source {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return plan.Source{
		Open: func(p string) (*os.File, error) { return os.Open(filepath.Join(dir, p)) },
		Names: func(p string) ([]string, error) {
			list, err := os.ReadDir(filepath.Join(dir, p))
			if os.IsNotExist(err) {
				return nil, nil
			}
			var names []string
			for _, d := range list {
				if d.Type().IsRegular() {
					names = append(names, d.Name())
				}
			}
			return names, err
		},
		Where: func(p string) string { return "/boot/" + strings.TrimPrefix(p, "/") },
	}
}

// image builds a PE file of name, text, name, text ...; a text "-" masks.
func image(sections ...string) string {
	var pe fixtures.PE
	for i := 0; i < len(sections); i += 2 {
		s := fixtures.Text(sections[i], sections[i+1])
		if sections[i+1] == "-" {
			s = fixtures.Masked(sections[i])
		}
		pe.Sections = append(pe.Sections, s)
	}
	return string(pe.Bytes())
}

// signed gives an image a certificate table.
func signed(image string) string {
	const certificates = 0x40 + 24 + 112 + 4*8
	b := []byte(image)
	binary.LittleEndian.PutUint32(b[certificates:], uint32(len(b)))
	binary.LittleEndian.PutUint32(b[certificates+4:], 8)
	return string(b) + "\x08\x00\x00\x00\x00\x02\x02\x00"
}

func type1(t testing.TB, text string) *bls.Entry {
	t.Helper()
	e, problems := bls.ParseEntry("loader/entries/a.conf", []byte(text))
	require.Empty(t, problems)
	return e
}

func make1(t testing.TB, src plan.Source, entry string, fw plan.Firmware) *plan.Plan {
	t.Helper()
	p, err := plan.Make(type1(t, entry), src, fw, plan.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	return p
}

func content(t testing.TB, r io.ReaderAt, size int64) string {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(r, 0, size))
	require.NoError(t, err)
	return string(b)
}

func blobOf(t testing.TB, p *plan.Plan) string {
	t.Helper()
	blob, err := p.Blob(nil)
	require.NoError(t, err)
	return content(t, blob, blob.Size())
}

func origins(p *plan.Plan) []string {
	var names []string
	for _, m := range p.Initrd {
		names = append(names, m.Name)
	}
	return names
}

const osrel = "ID=x\nNAME=X\n"

// TestStubOrder has one of everything: what comes first and what last, and
// that each says where it is from.
func TestStubOrder(t *testing.T) {
	addon := func(who string) string { return image(".ucode", "U"+who, ".initrd", "I"+who, ".cmdline", who) }
	src := partition(t, map[string]string{
		"k/u+3-1.efi": image(".osrel", osrel, ".cmdline", "own\n", ".linux", "kernel", ".initrd", "main", ".ucode", "ucode",
			".pcrsig", "{}", ".pcrpkey", "PEM", ".profile", "ID=main"),
		"k/u.efi.extra.d/b.cred": "", "k/u.efi.extra.d/A.CRED": "a", "k/u.efi.extra.d/.c.cred": "hidden", "k/u.efi.extra.d/é.cred": "x",
		"k/u.efi.extra.d/z.raw": "z", "k/u.efi.extra.d/Y.sysext.raw": "y", "k/u.efi.extra.d/c.confext.raw": "c", "k/u.efi.extra.d/other": "o",
		"k/u.efi.extra.d/a.addon.efi": addon("l1"), "k/u.efi.extra.d/Z.ADDON.EFI": addon("l0"),
		"loader/addons/g.addon.efi":       addon("g"),
		"loader/credentials/gc.cred":      "g",
		"loader/extensions/s.raw":         "s",
		"loader/extensions/c.confext.raw": "c",
		"e/x.cred":                        "X", "e/y.sysext.raw": "Y", "i.img": "not passed",
	})
	p := make1(t, src, "uki /k/u+3-1.efi\nextra /e/y.sysext.raw\nextra /e/x.cred\ninitrd /i.img\n", plan.Firmware{})
	const u, l, g = "/boot/k/u+3-1.efi: ", "/boot/k/u.efi.extra.d/", "/boot/loader/addons/g.addon.efi: "
	assert.Equal(t, []string{
		l + "a.addon.efi: .ucode", l + "Z.ADDON.EFI: .ucode", g + ".ucode", u + ".ucode",
		"generated: /.extra/credentials (x.cred)", "generated: /.extra/sysext (y.sysext.raw)",
		u + ".initrd",
		"generated: /.extra/credentials (A.CRED, b.cred)", "generated: /.extra/global_credentials (gc.cred)",
		"generated: /.extra/sysext (Y.sysext.raw, z.raw)", "generated: /.extra/global_sysext (s.raw)",
		"generated: /.extra/confext (c.confext.raw)", "generated: /.extra/global_confext (c.confext.raw)",
		"generated: /.extra/tpm2-pcr-signature.json (" + u + ".pcrsig)", "generated: /.extra/tpm2-pcr-public-key.pem (" + u + ".pcrpkey)",
		"generated: /.extra/os-release (" + u + ".osrel)", "generated: /.extra/profile (" + u + ".profile)",
		g + ".initrd", l + "Z.ADDON.EFI: .initrd", l + "a.addon.efi: .initrd",
	}, origins(p))
	assert.Equal(t, "own g l0 l1", p.Cmdline)
	assert.Equal(t, u+".linux", p.Kernel.Name)
	require.Len(t, p.Warnings, 1)
	assert.Contains(t, p.Warnings[0], "initrd lines")

	blob := blobOf(t, p)
	assert.True(t, strings.HasPrefix(blob, "Ul1\x00Ul0\x00Ug\x00\x00ucod"), "each padded to 4")
	assert.True(t, strings.HasSuffix(blob, "Ig\x00\x00Il0\x00Il1\x00"), "the last one too")
	// systemd-boot counts the inodes of extra files on in the order of lines.
	assert.Contains(t, blob, "070701000000040000416d"[:14])
	assert.Less(t, strings.Index(blob, ".extra/credentials/x.cred"), strings.Index(blob, ".extra/sysext/y.sysext.raw"))
	stamps, err := p.Hash()
	require.NoError(t, err)
	assert.Greater(t, len(stamps), 10, "every file that was used is in the receipt")
}

func TestStubPadding(t *testing.T) {
	for name, v := range map[string]struct{ image, entry, want string }{
		"one section stays as it is": {image(".linux", "k", ".initrd", "abc"), "uki /u.efi\n", "abc"},
		"nothing":                    {image(".linux", "k"), "uki /u.efi\n", ""},
		"two sections":               {image(".linux", "k", ".initrd", "abc", ".ucode", "u"), "uki /u.efi\n", "u\x00\x00\x00abc\x00"},
		"the loader's is one":        {image(".linux", "k"), "linux /u.efi\ninitrd /a\ninitrd /empty\ninitrd /b\n", "a\x00\x00\x00bb"},
		"and padded by the stub":     {image(".linux", "k", ".initrd", "i"), "linux /u.efi\ninitrd /a\ninitrd /b\n", "a\x00\x00\x00bb\x00\x00i\x00\x00\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			src := partition(t, map[string]string{"u.efi": v.image, "a": "a", "b": "bb", "empty": ""})
			p := make1(t, src, v.entry, plan.Firmware{})
			if v.want == "" {
				assert.Empty(t, p.Initrd)
				return
			}
			assert.Equal(t, v.want, blobOf(t, p))
		})
	}
}

// TestStubZeros: what VirtualSize has more than the file is zeros.
func TestStubZeros(t *testing.T) {
	size, raw := uint32(7), uint32(3)
	u := fixtures.PE{Sections: []fixtures.Section{
		fixtures.Text(".linux", "kernel"),
		{Name: ".initrd", Data: []byte("abcdef"), VirtualSize: &size, RawSize: &raw},
		fixtures.Text(".ucode", "1234"),
	}}
	src := partition(t, map[string]string{"u.efi": string(u.Bytes())})
	assert.Equal(t, "1234abc\x00\x00\x00\x00\x00", blobOf(t, make1(t, src, "uki /u.efi\n", plan.Firmware{})))
}

func TestStubProfiles(t *testing.T) {
	u := image(".osrel", osrel, ".cmdline", "base", ".linux", "kernel", ".initrd", "base", ".uname", "1",
		".profile", "ID=main",
		".profile", "ID=a", ".cmdline", "a", ".initrd", "A", ".linux", "other", ".initrd", "second",
		".profile", "ID=b", ".initrd", "-", ".osrel", "-")
	files := map[string]string{"u.efi": u, "loader/addons/g.addon.efi": image(".cmdline", "g", ".uname", "1")}
	for n, want := range []struct{ line, kernel, initrd string }{
		{"base g", "kernel", "base"}, {"a g", "other", "A\x00\x00\x00"}, {"base g", "kernel", ""},
	} {
		p := make1(t, partition(t, files), "uki /u.efi\nprofile "+string(rune('0'+n))+"\n", plan.Firmware{})
		assert.Equal(t, want.line, p.Cmdline)
		assert.Equal(t, want.kernel, content(t, p.Kernel.Parts[0].File, math.MaxInt32)[p.Kernel.Parts[0].Offset:][:p.Kernel.Parts[0].Size])
		blob := blobOf(t, p)
		if want.initrd != "" {
			assert.True(t, strings.HasPrefix(blob, want.initrd), "profile %d", n)
		} else {
			assert.True(t, strings.HasPrefix(blob, "070701"), "masked")
			assert.NotContains(t, blob, "os-release", "masked")
		}
	}
	_, err := plan.Make(type1(t, "uki /u.efi\nprofile 3\n"), partition(t, files), plan.Firmware{}, plan.Options{})
	require.ErrorIs(t, err, uki.ErrNoProfile)
	assert.Contains(t, err.Error(), "/boot/u.efi")
}

// TestStubPassed: which command line wins.
func TestStubPassed(t *testing.T) {
	u := image(".cmdline", " own\tline \n", ".linux", "kernel", ".initrd", "i",
		".profile", "", ".profile", "", ".cmdline", "one\x00two")
	for name, v := range map[string]struct {
		entry, want string
		fw          plan.Firmware
		warned      bool
	}{
		"none":                            {"uki /u.efi", "own line", plan.Firmware{}, false},
		"replaced":                        {"uki /u.efi\noptions a  b\noptions c", "a  b c", plan.Firmware{}, false},
		"profile key":                     {"uki /u.efi\nprofile 1", "one", plan.Firmware{}, false},
		"profile key and options":         {"uki /u.efi\nprofile 1\noptions @0 x", "@0 x", plan.Firmware{}, false},
		"profile in the options":          {"uki /u.efi\noptions @1", "one", plan.Firmware{}, false},
		"profile in the options and more": {"uki /u.efi\noptions @1 x", "x", plan.Firmware{}, false},
		"no profile":                      {"uki /u.efi\noptions @1x y", "@1x y", plan.Firmware{}, false},
		"a control character":             {"uki /u.efi\nprofile 1\noptions a\tb", "own line", plan.Firmware{}, true},
		"efi":                             {"efi /u.efi\noptions e", "e", plan.Firmware{}, false},
		"linux":                           {"linux /u.efi\noptions e", "e", plan.Firmware{}, false},
		"linux with an initrd":            {"linux /u.efi\ninitrd /i", "", plan.Firmware{}, false},
		"linux with an initrd and @":      {"linux /u.efi\ninitrd /i\noptions @1 x", "@1 x", plan.Firmware{}, false},
		"secure boot":                     {"uki /u.efi\noptions e", "own line", plan.Firmware{SecureBoot: true}, true},
		"secure boot and a profile":       {"uki /u.efi\nprofile 1\noptions e", "one", plan.Firmware{SecureBoot: true}, true},
		"secure boot, no own":             {"uki /bare.efi\noptions e", "e", plan.Firmware{SecureBoot: true}, false},
		"secure boot, confidential":       {"uki /bare.efi\noptions e", "", plan.Firmware{SecureBoot: true, Confidential: true}, true},
		"confidential":                    {"uki /u.efi\noptions e", "e", plan.Firmware{Confidential: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			src := partition(t, map[string]string{"u.efi": u, "bare.efi": image(".linux", "k"), "i": "i"})
			p := make1(t, src, v.entry+"\n", v.fw)
			assert.Equal(t, v.want, p.Cmdline)
			assert.Equal(t, v.warned, slices.ContainsFunc(p.Warnings, func(w string) bool { return strings.Contains(w, "options of the entry are not used") }))
		})
	}
}

func TestOEMStrings(t *testing.T) {
	fw := plan.Firmware{OEMStrings: []string{
		"other", "io.systemd.boot.kernel-cmdline-extra=boot  words", "io.systemd.stub.kernel-cmdline-extra= stub\twords ",
		"io.systemd.stub.kernel-cmdline-extra=second", "io.systemd.boot.kernel-cmdline-extra=second",
	}}
	files := map[string]string{
		"u.efi": image(".cmdline", "own", ".linux", "k"), "v": "kernel",
		"loader/addons/g.addon.efi": image(".cmdline", "global"),
	}
	grub := fw
	grub.Grub = true
	trusting := fw
	trusting.Confidential = true
	for _, v := range []struct {
		entry string
		fw    plan.Firmware
		want  string
	}{
		{"uki /u.efi\n", fw, "own global stub words"},
		{"linux /v\noptions o\n", fw, "o boot  words"},
		{"linux /v\n", fw, "boot  words"},
		{"linux /v\nprofile 1\noptions o\n", fw, "@1 o boot  words"},
		{"linux /v\nprofile 0\noptions o\n", plan.Firmware{}, "o"},
		{"linux /v\nprofile 2\n", grub, ""},
		{"linux /v\noptions o\n", grub, "o"},
		{"uki /u.efi\n", grub, "own global stub words"},
		{"linux /u.efi\n", fw, "boot  words global stub words"},
		{"uki /u.efi\n", trusting, "own global"},
		{"linux /v\noptions o\n", trusting, "o"},
	} {
		p := make1(t, partition(t, files), v.entry, v.fw)
		assert.Equal(t, v.want, p.Cmdline, v.entry)
	}
}

// TestPlainLineIn16Bits has what systemd-boot's strings do not hold: bytes that
// are not UTF-8, and characters above 16 bits. GRUB passes bytes.
func TestPlainLineIn16Bits(t *testing.T) {
	src := partition(t, map[string]string{"v": "kernel"})
	const entry = "linux /v\noptions ä=\xff1 b=🙂2\n"
	assert.Equal(t, "ä=1 b=2", make1(t, src, entry, plan.Firmware{}).Cmdline)
	assert.Equal(t, "ä=\xff1 b=🙂2", make1(t, src, entry, plan.Firmware{Grub: true}).Cmdline)
}

// TestNoUKI: what cannot be started says why, with the file.
func TestNoUKI(t *testing.T) {
	src := partition(t, map[string]string{"prog.efi": image(".text", "x"), "text": "hello", "u.efi": image(".linux", "k", ".profile", "", ".linux", "-")})
	for entry, want := range map[string]string{
		"efi /prog.efi\n":     "/boot/prog.efi: nothing in it that kexec could boot: an EFI program",
		"uki /prog.efi\n":     "/boot/prog.efi: not a unified kernel image",
		"uki /text\n":         "/boot/text: not a unified kernel image",
		"uki /none\n":         "uki: /boot/none: ",
		"uki /u.efi\n":        "/boot/u.efi: profile 0 has no .linux",
		"uki-url http://x/\n": "a.conf: nothing in it that kexec could boot",
	} {
		_, err := plan.Make(type1(t, entry), src, plan.Firmware{}, plan.Options{})
		require.Error(t, err, entry)
		assert.Contains(t, err.Error(), want)
	}
	p := make1(t, src, "linux /prog.efi\n", plan.Firmware{})
	_, err := p.Inspect("amd64")
	require.ErrorIs(t, err, uki.ErrCannotKexec)
}

// TestCutUKI cuts an image at every 4 KiB and at every byte of its headers:
// always an error that names the file, never a plan.
func TestCutUKI(t *testing.T) {
	u := image(".osrel", osrel, ".linux", string(fixtures.BzImage{Size: 40 << 10}.Bytes()), ".initrd", strings.Repeat("070701", 5000), ".cmdline", "x")
	var cuts []int
	for n := range len(u) {
		if n < 700 || n%4096 == 0 || n%4096 == 1 {
			cuts = append(cuts, n)
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "u.efi")
	src := plan.Source{
		Open:  func(string) (*os.File, error) { return os.Open(path) },
		Names: func(string) ([]string, error) { return nil, nil },
		Where: func(string) string { return "/boot/u.efi" },
	}
	for _, n := range cuts {
		require.NoError(t, os.WriteFile(path, []byte(u[:n]), 0o644))
		_, err := plan.Make(type1(t, "uki /u.efi\n"), src, plan.Firmware{}, plan.Options{})
		require.Error(t, err, "%d bytes", n)
		assert.Contains(t, err.Error(), "/boot/u.efi: ")
		if n > 700 {
			require.ErrorIs(t, err, uki.ErrTruncated, "%d bytes", n)
			assert.Contains(t, err.Error(), "section .")
		}
	}
}

// TestUKIKernelCut: the image is whole, the kernel inside is not.
func TestUKIKernelCut(t *testing.T) {
	cut := fixtures.BzImage{Size: 20 << 10}.Bytes()[:10<<10]
	p := make1(t, partition(t, map[string]string{"u.efi": image(".linux", string(cut))}), "uki /u.efi\n", plan.Firmware{})
	_, err := p.Inspect("amd64")
	require.ErrorIs(t, err, uki.ErrTruncated)
	assert.Contains(t, err.Error(), "/boot/u.efi: .linux")
}

func TestUnreadableSidecar(t *testing.T) {
	src := partition(t, map[string]string{"u.efi": image(".linux", "k"), "loader/credentials": "a file, not a directory"})
	p := make1(t, src, "uki /u.efi\n", plan.Firmware{})
	assert.Empty(t, p.Initrd, "the stub finds no directory there either")

	names := src.Names
	src.Names = func(dir string) ([]string, error) {
		if dir == "loader/credentials" {
			return []string{"gone.cred"}, nil
		}
		return names(dir)
	}
	_, err := plan.Make(type1(t, "uki /u.efi\n"), src, plan.Firmware{}, plan.Options{})
	require.Error(t, err, "a credential that cannot be read is not left out in silence")
	assert.Contains(t, err.Error(), "gone.cred")
}

// TestRoomBehindKernel: a .linux section that asks for more memory than it stores
// is a kernel of the stored bytes, whatever it asks for.
func TestRoomBehindKernel(t *testing.T) {
	room := uint32(100 << 20)
	section := fixtures.Text(".linux", kernel())
	section.VirtualSize = &room
	src := partition(t, map[string]string{"u.efi": string(fixtures.PE{Sections: []fixtures.Section{section}}.Bytes())})
	p := make1(t, src, "uki /u.efi\n", plan.Firmware{})
	m, err := p.Image(nil)
	require.NoError(t, err)
	defer m.Close()
	assert.Equal(t, kernel(), content(t, m.Kernel, int64(len(kernel()))+1))
}

// TestStubBootSecret: the archive of the secret is systemd-stub's, after that of the
// profile and before the initrds of addons.
func TestStubBootSecret(t *testing.T) {
	src := partition(t, map[string]string{
		"u.efi":                     image(".osrel", "ID=debian\n", ".linux", kernel(), ".initrd", "MAIN"),
		"u.efi.extra.d/a.addon.efi": image(".initrd", "ADDON"),
	})
	secret := filepath.Join(t.TempDir(), "boot-secret")
	require.NoError(t, os.WriteFile(secret, []byte("SECRET"), 0o400))
	asked := ""
	fw := plan.Firmware{BootSecret: func(r uki.OSRelease) (*os.File, error) {
		asked = r.SortKey
		return os.Open(secret)
	}}
	p := make1(t, src, "uki /u.efi\n", fw)
	assert.Equal(t, "debian", asked)
	require.Len(t, p.Initrd, 4)
	m := p.Initrd[2]
	assert.True(t, m.Secret)
	assert.Contains(t, p.Initrd[1].Name, "os-release")
	assert.Contains(t, p.Initrd[3].Name, "addon.efi")
	head := string(m.Parts[0].Data)
	assert.Contains(t, head, "07070100000001000041"+"6d", "the directory is 0555")
	assert.Contains(t, head, "0707010000000200008100", "the file is 0400")
}
