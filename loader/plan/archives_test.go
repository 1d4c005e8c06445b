package plan_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/plan"
)

// listing is what is in the newc archives of an initrd: inode, mode, name and content of
// each node; "--" ends an archive.
func listing(t *testing.T, blob string) []string {
	t.Helper()
	const head = 6 + 13*8
	var lines []string
	for at := 0; at < len(blob); {
		if blob[at] == 0 {
			at++
			continue
		}
		require.Equal(t, "070701", blob[at:at+6])
		field := func(i int) int {
			n, err := strconv.ParseUint(blob[at+6+8*i:at+14+8*i], 16, 32)
			require.NoError(t, err)
			return int(n)
		}
		name := blob[at+head:][:field(11)-1]
		data := (at + head + field(11) + 3) &^ 3
		line := "--"
		if name != "TRAILER!!!" {
			line = fmt.Sprintf("%d %o %s", field(0), field(1), name)
		}
		if content := blob[data:][:field(6)]; content != "" {
			line += " = " + content
		}
		lines = append(lines, line)
		at = (data + field(6) + 3) &^ 3
	}
	return lines
}

// TestSidecarArchives are those of systemd-stub, with its modes: directories of
// credentials are for root alone.
func TestSidecarArchives(t *testing.T) {
	src := partition(t, map[string]string{
		"u.efi":                image(".linux", kernel(), ".osrel", "ID=x", ".profile", "ID=p", ".pcrsig", "{}", ".pcrpkey", "PEM"),
		"u.efi.extra.d/a.cred": "A", "u.efi.extra.d/b.cred": "B", "u.efi.extra.d/s.raw": "S", "u.efi.extra.d/c.confext.raw": "C",
		"loader/credentials/g.cred": "G", "loader/extensions/t.raw": "T", "loader/extensions/d.CONFEXT.raw": "D",
	})
	assert.Equal(t, []string{
		"1 40555 .extra", "2 40500 .extra/credentials", "3 100400 .extra/credentials/a.cred = A", "4 100400 .extra/credentials/b.cred = B", "--",
		"1 40555 .extra", "2 40500 .extra/global_credentials", "3 100400 .extra/global_credentials/g.cred = G", "--",
		"1 40555 .extra", "2 40555 .extra/sysext", "3 100444 .extra/sysext/s.raw = S", "--",
		"1 40555 .extra", "2 40555 .extra/global_sysext", "3 100444 .extra/global_sysext/t.raw = T", "--",
		"1 40555 .extra", "2 40555 .extra/confext", "3 100444 .extra/confext/c.confext.raw = C", "--",
		"1 40555 .extra", "2 40555 .extra/global_confext", "3 100444 .extra/global_confext/d.CONFEXT.raw = D", "--",
		"1 40555 .extra", "2 100444 .extra/tpm2-pcr-signature.json = {}", "--",
		"1 40555 .extra", "2 100444 .extra/tpm2-pcr-public-key.pem = PEM", "--",
		"1 40555 .extra", "2 100444 .extra/os-release = ID=x", "--",
		"1 40555 .extra", "2 100444 .extra/profile = ID=p", "--",
	}, listing(t, blobOf(t, make1(t, src, "uki /u.efi\nprofile 0\n", plan.Firmware{}))))
}

// TestExtraArchives are those of systemd-boot: one for each kind, with inodes that count on
// in the order of the lines.
func TestExtraArchives(t *testing.T) {
	src := partition(t, map[string]string{"u.efi": image(".linux", kernel()), "e/y.sysext.raw": "Y", "e/x.CRED": "X", "é/z.cred": "Z", "e/c.confext.raw": ""})
	p := make1(t, src, "uki /u.efi\nextra /e/y.sysext.raw\nextra /e/x.CRED\nextra /e/c.confext.raw\nextra /é/z.cred\n", plan.Firmware{})
	assert.Empty(t, p.Warnings)
	assert.Equal(t, []string{
		"4 40555 .extra", "5 40500 .extra/credentials", "6 100400 .extra/credentials/x.CRED = X",
		"10 40555 .extra", "11 40500 .extra/credentials", "12 100400 .extra/credentials/z.cred = Z", "--",
		"1 40555 .extra", "2 40555 .extra/sysext", "3 100444 .extra/sysext/y.sysext.raw = Y", "--",
		"7 40555 .extra", "8 40555 .extra/confext", "9 100444 .extra/confext/c.confext.raw", "--",
	}, listing(t, blobOf(t, p)))
}

// TestExtraLeftOut: a file of no kind is a warning, one that is missing an error; both are
// named.
func TestExtraLeftOut(t *testing.T) {
	src := partition(t, map[string]string{"u.efi": image(".linux", kernel()), "a.raw": "a", "é.cred": "e", "v": kernel()})
	for _, name := range []string{"a.raw", "é.cred", "gone", "cred"} {
		p := make1(t, src, "uki /u.efi\nextra /"+name+"\n", plan.Firmware{})
		assert.Equal(t, []string{"extra: /boot/" + name + " is left out: not a .cred, .sysext.raw or .confext.raw file"}, p.Warnings)
		assert.Empty(t, p.Initrd)
	}
	_, err := plan.Make(type1(t, "uki /u.efi\nextra /gone.cred\n"), src, plan.Firmware{}, plan.Options{})
	require.ErrorContains(t, err, "extra: /boot/gone.cred: ")
	assert.Equal(t, "reinstall the package of the kernel, or fix the entry", hint.Of(err))
	assert.Empty(t, make1(t, src, "linux /v\nextra /gone.cred\n", plan.Firmware{}).Initrd, "for images only")
}

// TestAddonKinds: one of five sections is enough, and an empty one is none.
func TestAddonKinds(t *testing.T) {
	const path = "loader/addons/a.addon.efi"
	for _, section := range []string{".cmdline", ".dtb", ".dtbauto", ".initrd", ".ucode"} {
		files := map[string]string{"u.efi": image(".linux", kernel()), path: image(section, "x")}
		for _, w := range make1(t, partition(t, files), "uki /u.efi\n", plan.Firmware{}).Warnings {
			assert.True(t, strings.HasPrefix(w, "device tree /boot/"+path+" is not used"), "%s: %s", section, w)
		}
		files[path] = image(section, "-")
		p := make1(t, partition(t, files), "uki /u.efi\n", plan.Firmware{})
		assert.Equal(t, []string{"addon /boot/" + path + " is left out: nothing in it that an addon could add"}, p.Warnings, section)
	}
	files := map[string]string{"u.efi": image(".linux", kernel(), ".uname", "6.1"), path: signed(image(".ucode", "U", ".uname", "-"))}
	p := make1(t, partition(t, files), "uki /u.efi\n", plan.Firmware{SecureBoot: true})
	assert.Equal(t, []string{"addon /boot/" + path + " is trusted: it is signed, by whom is not checked here"}, p.Warnings)
	assert.Equal(t, "U", blobOf(t, p), "an empty .uname asks for no release")
}
