package preflight

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestNames: the release is a whole word of the file's name, not a part of a longer one.
func TestNames(t *testing.T) {
	for file, want := range map[string]bool{
		"initrd.img-6.1.0": true, "initrd-6.1.0.img": true, "6.1.0": true, "initramfs-6.1.0.x86_64.img": true, "initrd-6.1.0.img.old": true, "linux6.1.0+": true,
		"initrd-6.1.0-13.img": false, "initrd-6.1.0_1.img": false, "initrd-6.1.01.img": false, "initrd-6.1.0.1.img": false, "initrd-16.1.0": false, "initrd-6.1.img": false, "": false,
	} {
		assert.Equal(t, want, names(file, "6.1.0"), file)
	}
	assert.False(t, names("initrd.img", ""), "of no release")
}

// TestLike: * is any text, ? one character, and all of the text counts.
func TestLike(t *testing.T) {
	for _, v := range []struct {
		text, pattern string
		want          bool
	}{
		{"", "", true}, {"", "*", true}, {"", "?", false}, {"a", "", false},
		{"abc", "abc", true}, {"abc", "ab", false}, {"ab", "abc", false}, {"abc", "a?c", true}, {"abc", "a?", false},
		{"abc", "*c", true}, {"abc", "a*", true}, {"abc", "*b*", true}, {"abc", "*d*", false}, {"abc", "***", true},
		{"abc", "a*?c", true}, {"ac", "a*?c", false}, {"aab", "*ab", true}, {"abab", "a*b", true}, {"ababa", "a*b", false},
		{"a*c", "a*c", true}, {"ABC", "abc", false},
	} {
		assert.Equal(t, v.want, like(v.text, v.pattern), "%q like %q", v.text, v.pattern)
	}
	long := strings.Repeat("a", 2000)
	assert.False(t, like(long, strings.Repeat("a*", 1000)+"b"), "it ends, although a thousand stars have to be tried")
}

// TestNumbers of a version: those in front, whatever follows.
func TestNumbers(t *testing.T) {
	for version, want := range map[string][]int{
		"6.12.53-talos": {6, 12, 53}, "6": {6}, "6.1+": {6, 1}, "6.12rc1": {6, 12}, "6.9.10": {6, 9, 10}, "6..1": {6}, ".6": nil, "": nil, "v6": nil, "6.99999999999999999999.1": {6},
	} {
		assert.Equal(t, want, numbers(version), version)
	}
}

// TestAutomatic is what crypttab(5) opens a volume with.
func TestAutomatic(t *testing.T) {
	for name, v := range map[string]struct {
		line              crypttabLine
		automatic, noneIn bool // with a token in the header perhaps, and with none
	}{
		"no line":        {crypttabLine{}, false, false},
		"none":           {crypttabLine{key: "none"}, false, false},
		"a hyphen":       {crypttabLine{key: "-"}, false, false},
		"a key file":     {crypttabLine{key: "/key"}, true, true},
		"a script":       {crypttabLine{key: "none", options: []string{"luks", "keyscript=/bin/x"}}, true, true},
		"a TPM":          {crypttabLine{options: []string{"tpm2-device=auto"}}, true, false},
		"FIDO2":          {crypttabLine{options: []string{"fido2-device=auto"}}, true, false},
		"a smart card":   {crypttabLine{options: []string{"discard", "pkcs11-uri=auto"}}, true, false},
		"another option": {crypttabLine{options: []string{"tpm2-device-key=x", "xtpm2-device=auto", ""}}, false, false},
	} {
		assert.Equal(t, v.automatic, v.line.automatic(false), name)
		assert.Equal(t, v.noneIn, v.line.automatic(true), name)
	}
}

// TestParameter: the last one counts.
func TestParameter(t *testing.T) {
	for line, want := range map[string]string{"": "", "a": "", "a=1": "1", "a=1 a=2": "2", "a=1 a=": "", "xa=1 aa=2": "", "\ta=b=c\n": "b=c"} {
		assert.Equal(t, want, parameter(line, "a"), line)
	}
}

// TestShortened: text on one line of at most 80 bytes and three dots.
func TestShortened(t *testing.T) {
	for text, want := range map[string]string{
		strings.Repeat("x", 80): strings.Repeat("x", 80), strings.Repeat("x", 81): strings.Repeat("x", 80) + "...",
		"\x00a\x00": "a", "a\x00b": "3 bytes", "a\nb": "2 lines", "a\r\nb": "4 bytes", "a\x7fb": "3 bytes", "\u0085x": "3 bytes", " \t\n": "empty",
		strings.Repeat("x", 78) + "éé": strings.Repeat("x", 78) + "é...",
	} {
		assert.Equal(t, want, shortened(text), "%q", text)
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "no disk", 1: "1 disk", 2: "2 disks"} {
		assert.Equal(t, want, count(n, "disk"))
	}
	for n, want := range map[int64]string{0: "0 MiB", 1: "1 MiB", 1 << 20: "1 MiB", 1<<20 + 1: "2 MiB", 1 << 40: "1048576 MiB"} {
		assert.Equal(t, want, mebibytes(n), "%d bytes, rounded up", n)
	}
}
