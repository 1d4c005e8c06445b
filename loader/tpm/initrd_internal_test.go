package tpm

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// visited is an initrd of files with a text; "-> " begins the target of a link.
func visited(list ...string) Initrd {
	var i Initrd
	for n := 0; n < len(list); n += 2 {
		f := File{Path: list[n], Content: func() ([]byte, error) { return []byte(list[n+1]), nil }}
		if link, ok := strings.CutPrefix(list[n+1], "-> "); ok {
			f.Link = link
		}
		i.Visit(f)
	}
	return i
}

// TestPlacesInAnInitrd has one place a row, and what is noted of a file there.
func TestPlacesInAnInitrd(t *testing.T) {
	const unit = "a.service"
	text := entry{content: []byte("pcrextend")}
	for path, want := range map[string]Initrd{
		"etc/systemd/system/" + unit:                                   {files: map[string]entry{"etc/systemd/system/a.service": text}},
		"run/systemd/system/" + unit:                                   {files: map[string]entry{"run/systemd/system/a.service": text}},
		"usr/lib/systemd/system/" + unit:                               {files: map[string]entry{"lib/systemd/system/a.service": text}},
		"/usr/lib/systemd/system/" + unit:                              {files: map[string]entry{"lib/systemd/system/a.service": text}},
		"./lib//systemd/x/../system/" + unit:                           {files: map[string]entry{"lib/systemd/system/a.service": text}},
		"../../lib/systemd/system/" + unit:                             {files: map[string]entry{"lib/systemd/system/a.service": text}},
		"usr/local/lib/systemd/system/" + unit:                         {},
		"lib/systemd/user/" + unit:                                     {},
		"lib/systemd/system/a.socket":                                  {},
		"lib/systemd/system/x.target.wants/" + unit:                    {wants: map[string]bool{unit: true}},
		"etc/systemd/system/x.service.requires/" + unit:                {wants: map[string]bool{unit: true}},
		"run/systemd/system/x.target.upholds/" + unit:                  {wants: map[string]bool{unit: true}},
		"lib/systemd/system/x.target.after/" + unit:                    {},
		"lib/systemd/system/a.service.d/x.conf":                        {dropIns: map[string]bool{unit: true}},
		"usr/lib/systemd/system/a.service.d/x.conf":                    {dropIns: map[string]bool{unit: true}},
		"etc/systemd/system/a.target.d/x.conf":                         {},
		"etc/systemd/user/a.service.d/x.conf":                          {},
		"usr/lib/nvpcr/hardware.nvpcr":                                 {nvpcrs: true},
		"etc/nvpcr/hardware.nvpcr":                                     {nvpcrs: true},
		"run/nvpcr/hardware.nvpcr":                                     {},
		".extra/credentials/pcrlock.x.cred":                            {pcrlock: true},
		".extra/global_credentials/pcrlock.x.cred":                     {pcrlock: true},
		".extra/credentials/x.pcrlock.cred":                            {},
		".extra/system_credentials/pcrlock.x.cred":                     {},
		"usr/lib/x86_64-linux-gnu/libtss2-esys.so.0":                   {tss: true},
		"lib64/libtss2-esys.so":                                        {tss: true},
		"usr/lib/libtss2-mu.so.0":                                      {},
		"usr/lib/cryptsetup/libcryptsetup-token-systemd-tpm2.so":       {plugin: true},
		"usr/lib/libcryptsetup-token-systemd-fido2.so":                 {},
		"etc/initrd-release":                                           {files: map[string]entry{"etc/initrd-release": {}}},
		"usr/lib/initrd-release":                                       {},
		"etc/crypttab":                                                 {files: map[string]entry{"etc/crypttab": text}},
		"usr/etc/crypttab":                                             {},
		"usr/lib/systemd/system-generators/systemd-debug-generator":    {files: map[string]entry{debugGenerator: {}}},
		"usr/lib/systemd/system-generators/systemd-gpt-auto-generator": {files: map[string]entry{autoGenerator: {}}},
		".extra/tpm2-pcr-signature.json":                               {files: map[string]entry{".extra/tpm2-pcr-signature.json": text}},
		"usr/local/lib/systemd/tpm2-pcr-signature.json":                {files: map[string]entry{"local/lib/systemd/tpm2-pcr-signature.json": text}},
		"var/lib/systemd/pcrlock.json":                                 {files: map[string]entry{"var/lib/systemd/pcrlock.json": text}},
		"usr/lib/systemd/pcrlock.json":                                 {},
	} {
		got := visited(path, "pcrextend")
		for _, i := range []*Initrd{&got, &want} { // none and an empty one are the same
			for _, m := range []*map[string]bool{&i.wants, &i.dropIns} {
				if len(*m) == 0 {
					*m = nil
				}
			}
			if len(i.files) == 0 {
				i.files = nil
			}
		}
		assert.Equal(t, want, got, path)
	}
}

// TestOrderOfFiles: of files with one purpose the first in systemd's order counts, be
// it empty; none at all is nil.
func TestOrderOfFiles(t *testing.T) {
	for name, get := range map[string]func(Initrd) []byte{"signatures": Initrd.signatures, "lock": Initrd.lockFile} {
		order := []string{"etc/systemd/tpm2-pcr-signature.json", "run/systemd/tpm2-pcr-signature.json", ".extra/tpm2-pcr-signature.json",
			"usr/local/lib/systemd/tpm2-pcr-signature.json", "usr/lib/systemd/tpm2-pcr-signature.json"}
		if name == "lock" {
			order = []string{"run/systemd/pcrlock.json", "var/lib/systemd/pcrlock.json"}
		}
		var list []string
		assert.Nil(t, get(visited()), name)
		for n := len(order) - 1; n >= 0; n-- {
			list = append(list, order[n], order[n])
			assert.Equal(t, order[n], string(get(visited(list...))), name)
		}
		assert.Equal(t, []byte{}, get(visited(append(list, order[0], "")...)), "%s: an empty one hides the others", name)
	}
}

// TestLimitsOfFiles: what is longer is an error of that file, and no content.
func TestLimitsOfFiles(t *testing.T) {
	const unit, tab, other = "lib/systemd/system/a.service", "etc/crypttab", "etc/systemd/tpm2-pcr-signature.json"
	for _, c := range []struct {
		name string
		size int
		fits bool
	}{
		{unit, maxContent, true}, {unit, maxContent + 1, false}, {other, maxContent, true}, {other, maxContent + 1, false}, {tab, maxTab, true}, {tab, maxTab + 1, false},
	} {
		e := visited(c.name, "pcrextend"+strings.Repeat("x", c.size-9)).files[c.name]
		if c.fits {
			assert.NoError(t, e.err)
			assert.Len(t, e.content, c.size, c.name)
			continue
		}
		assert.EqualError(t, e.err, c.name+": too long")
		assert.Nil(t, e.content, c.name)
	}
}

// TestContentIsCopied, for the caller's buffer may be used again; and what is not of
// interest is not read.
func TestContentIsCopied(t *testing.T) {
	buffer := []byte("pcrextend 1")
	var i Initrd
	i.Visit(File{Path: "etc/crypttab", Content: func() ([]byte, error) { return buffer, nil }})
	copy(buffer, "overwritten")
	assert.Equal(t, "pcrextend 1", i.Crypttab())
	unread := func() ([]byte, error) { return nil, errors.New("was read") }
	for _, name := range []string{"etc/passwd", "etc/initrd-release", "usr/bin/true", "lib/systemd/system/x.wants/a.service", debugGenerator} {
		i.Visit(File{Path: name, Content: unread})
		assert.NoError(t, i.files[name].err, name)
	}
	i.Visit(File{Path: "etc/crypttab", Link: "/dev/null", Content: unread})
	assert.Equal(t, entry{link: "/dev/null"}, i.files["etc/crypttab"], "a link is not followed")
	assert.Empty(t, i.Crypttab())
	i.Visit(File{Path: "etc/crypttab", Content: unread})
	assert.EqualError(t, i.files["etc/crypttab"].err, "was read")
}

// TestUnknownCrypttab: one that cannot be read is not one without volumes; what is
// unpacked over it counts.
func TestUnknownCrypttab(t *testing.T) {
	read := func() ([]byte, error) { return []byte("root /dev/vda2 none\n"), nil }
	fail := func() ([]byte, error) { return nil, errors.New("damaged") }
	for want, tabs := range map[string][]File{
		"":                                       {{Path: initrdTab, Content: fail}, {Path: initrdTab, Content: read}},
		"its crypttab cannot be read: damaged":   {{Path: initrdTab, Content: read}, {Path: initrdTab, Content: fail}},
		"its crypttab is a link to crypttab.new": {{Path: initrdTab, Link: "crypttab.new"}},
	} {
		var i Initrd
		for _, f := range tabs {
			i.Visit(f)
		}
		assert.Equal(t, want, i.unknown())
		if want != "" {
			_, err := WithoutKey(Boot{Initrd: i}, nil)
			assert.ErrorContains(t, err, want)
			assert.Equal(t, "make the initrd again, with a plain file /etc/crypttab", hint.Of(err))
		}
	}
	var i Initrd
	i.Visit(File{Path: initrdTab, Link: "/dev/null"})
	assert.Empty(t, i.unknown(), "there is none")
}

// TestFilesOfUnits: /etc comes before /run and /usr/lib, and a link to anything but
// /dev/null leads on.
func TestFilesOfUnits(t *testing.T) {
	const etc, run, lib = "etc/systemd/system/a.service", "run/systemd/system/a.service", "usr/lib/systemd/system/a.service"
	for name, c := range map[string]struct {
		files  []string
		want   string // "" for none
		masked bool
	}{
		"none":             {nil, "", false},
		"vendor":           {[]string{lib, "pcrextend lib"}, "pcrextend lib", false},
		"run over vendor":  {[]string{lib, "pcrextend lib", run, "pcrextend run"}, "pcrextend run", false},
		"etc over all":     {[]string{etc, "pcrextend etc", lib, "pcrextend lib", run, "pcrextend run"}, "pcrextend etc", false},
		"masked in etc":    {[]string{etc, "-> /dev/null", lib, "pcrextend lib"}, "", true},
		"masked in run":    {[]string{run, "-> /dev/null", lib, "pcrextend lib"}, "", true},
		"etc over a mask":  {[]string{etc, "pcrextend etc", run, "-> /dev/null"}, "pcrextend etc", false},
		"empty":            {[]string{etc, "", lib, "pcrextend lib"}, "", true},
		"link to another":  {[]string{etc, "-> /usr/lib/systemd/system/a.service", lib, "pcrextend lib"}, "pcrextend lib", false},
		"link to no file":  {[]string{etc, "-> /x"}, "", false},
		"no unit measures": {[]string{lib, "true"}, "", false},
		"replaced by one":  {[]string{lib, "pcrextend lib", lib, "true"}, "", false},
	} {
		i := visited(append(c.files, "etc/systemd/system/x.wants/a.service", "-> x")...)
		e, ok := i.unitFile("a.service")
		assert.Equal(t, c.want, string(e.content), name)
		assert.Equal(t, c.want != "" || c.masked, ok, name)
		assert.Equal(t, c.masked, ok && i.masks("", "a.service"), name)
		assert.Len(t, i.units(""), len(c.want)/len("pcrextend lib"), name)
	}
}

// TestOrderOfUnits: those whose order is known come first and in it, the others by name.
func TestOrderOfUnits(t *testing.T) {
	var list, got []string
	for _, name := range []string{"z", "a", "systemd-pcrnvdone", "systemd-tpm2-setup-early", "systemd-pcrphase-initrd", "systemd-pcrosseparator"} {
		list = append(list, "usr/lib/systemd/system/"+name+".service", "ExecStart=systemd-pcrextend "+name, "etc/systemd/system/x.target.wants/"+name+".service", "-> x")
	}
	i := visited(append(list, debugGenerator, "x")...)
	for _, u := range i.units("rd.systemd.mask=b") {
		got = append(got, strings.TrimSuffix(u.name, ".service"))
	}
	assert.Equal(t, []string{"systemd-pcrosseparator", "systemd-pcrphase-initrd", "systemd-tpm2-setup-early", "systemd-pcrnvdone", "a", "z"}, got)
	assert.Len(t, i.units("rd.systemd.mask=a rd.systemd.mask=z.service"), 4)
	assert.Len(t, i.units("systemd.mask=a"), 6)
}

// TestUnitsThatAreNotSure have a condition that nobody can tell.
func TestUnitsThatAreNotSure(t *testing.T) {
	const path, text, wanted = "lib/systemd/system/a.service", "ExecStart=systemd-pcrextend w\n", "lib/systemd/system/x.wants/a.service"
	i := visited(path, text, wanted, "-> x", "etc/systemd/system/a.service.d/x.conf", "[Unit]")
	require.Len(t, i.units(""), 1)
	assert.Equal(t, unit{name: "a.service", conditions: []condition{{"drop-in", "a.service.d"}}, extends: []extension{{[]int{11}, "w"}}}, i.units("")[0])
	i = visited(path, text, wanted, "-> x")
	i.Visit(File{Path: path, Content: func() ([]byte, error) { return nil, fmt.Errorf("%s: damaged", path) }})
	assert.Equal(t, []unit{{name: "a.service", conditions: []condition{{"content", path + ": damaged"}}, extends: []extension{{pcrs: allPCRs()}}}}, i.units(""))
}
