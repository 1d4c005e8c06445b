package plan

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

// TestLoadOptions: what systemd-stub finds in what systemd-boot passes. The parameters
// initrd= of a linux entry are in front of the line, so that no profile begins it.
func TestLoadOptions(t *testing.T) {
	for name, tt := range map[string]struct {
		opt     loadOptions
		profile uint64
		line    string
		given   bool
	}{
		"nothing":                    {loadOptions{}, 0, "", false},
		"blanks":                     {loadOptions{line: "  "}, 0, "", false},
		"a line":                     {loadOptions{line: " a  b "}, 0, "a  b", true},
		"a profile":                  {loadOptions{profile: 2}, 2, "", false},
		"a profile and a line":       {loadOptions{profile: 2, line: "a"}, 2, "a", true},
		"a profile in the line":      {loadOptions{line: "@3 a"}, 3, "a", true},
		"a profile alone in it":      {loadOptions{line: "@3"}, 3, "", false},
		"a profile twice":            {loadOptions{profile: 2, line: "@3 a"}, 2, "@3 a", true},
		"initrds":                    {loadOptions{initrds: true}, 0, "", true},
		"initrds and a profile":      {loadOptions{initrds: true, line: "@3 a"}, 0, "@3 a", true},
		"a control character":        {loadOptions{profile: 2, line: "a\x01"}, 0, "", false},
		"a tab, initrds":             {loadOptions{initrds: true, line: "a\tb"}, 0, "", false},
		"delete is no control there": {loadOptions{line: "a\x7fb"}, 0, "a b", true},
	} {
		profile, line, given := tt.opt.read()
		assert.Equal(t, tt.profile, profile, name)
		assert.Equal(t, tt.line, line, name)
		assert.Equal(t, tt.given, given, name)
	}
}

// TestEFIRune: lengths and limits of each sequence, overlong ones and those that are no
// UTF-8 any more included.
func TestEFIRune(t *testing.T) {
	for in, want := range map[string]struct {
		r rune
		n int
	}{
		"\x7f": {0x7f, 1}, "\x80": {-1, 1}, "\xbf": {-1, 1},
		"\xc2\x80": {0x80, 2}, "\xdf\xbf": {0x7ff, 2}, "\xc2": {-1, 2}, "\xc2\x7f": {-1, 2}, "\xc2\xc0": {-1, 2},
		"\xe0\xa0\x80": {0x800, 3}, "\xef\xbf\xbf": {0xffff, 3}, "\xef\xbf": {-1, 3}, "\xef\xbf\x00": {-1, 3},
		"\xf0\x90\x80\x80": {0x10000, 4}, "\xf7\xbf\xbf\xbf": {0x1fffff, 4},
		"\xfb\xbf\xbf\xbf\xbf": {0x3ffffff, 5}, "\xfd\xbf\xbf\xbf\xbf\xbf": {math.MaxInt32, 6},
		"\xfe\x80\x80\x80\x80\x80\x80": {-1, 1}, "\xff": {-1, 1},
	} {
		r, n := efiRune([]byte(in))
		assert.Equal(t, want.r, r, "%q", in)
		assert.Equal(t, want.n, n, "%q", in)
	}
}

// TestGrubVariable: a name begins with a letter or "_", in braces or not.
func TestGrubVariable(t *testing.T) {
	for line, want := range map[string]string{
		"": "", "a b": "", "$a": "$a", "$Z x": "$Z", "x\t$_a": "$_a", "${a} $b": "${a}", "${_": "${_", "${{a": "",
		"$": "", "${": "", "${}": "", "$1": "", "$?": "", "$@a": "", "$[": "", "$`": "", "$ä": "", "a=$b": "", "a$b": "",
	} {
		assert.Equal(t, want, grubVariable(line), line)
	}
}

// TestStubInitrdNames: find_file_option of the kernel looks for the text, and knows no
// parameters.
func TestStubInitrdNames(t *testing.T) {
	for line, want := range map[string][]string{
		"": nil, "initrd": nil, "initrd =a": nil, "INITRD=a": nil,
		"initrd=":                   {""},
		"initrd= a":                 {""},
		`initrd=\\//a\b\`:           {"a/b/"},
		"initrd=a\nb":               {"a"},
		"initrd=a\tb":               {"a\tb"},
		"initrd=initrd=a":           {"initrd=a"},
		"initrd=a initrd=b":         {"a", "b"},
		"xinitrd=a,initrd=b":        {"a,initrd=b"},
		`initrd="a b"`:              {`"a`},
		"rd.initrd=a -- initrd=b c": {"a", "b"},
	} {
		assert.Equal(t, want, stubInitrds(line), "%q", line)
	}
	assert.Equal(t, "äöü", firstRunes("äöüx", 3))
	assert.Equal(t, "äö", firstRunes("äö", 2))
	assert.Empty(t, firstRunes("ä", 0))
}

// TestKernelLimit is half of the memory that is available, and never over 1 GiB.
func TestKernelLimit(t *testing.T) {
	for available, want := range map[int64]int64{0: 1 << 30, -1: 1 << 30, 1: 0, 3: 1, 1<<31 - 2: 1<<30 - 1, 1 << 31: 1 << 30, 1 << 40: 1 << 30} {
		assert.Equal(t, want, Options{MemAvailable: available}.kernelLimit(), available)
	}
}

// TestPayloadFormat: what the kernel's build packs with, and nothing else.
func TestPayloadFormat(t *testing.T) {
	_, err := payloadFormat("rot13")
	require.EqualError(t, err, "compression rot13 is not one that the kernel's build uses")
	_, err = payloadFormat(uki.Compression(""))
	require.Error(t, err)
}

// TestHasContent: what systemd-stub makes of the image itself is no initrd.
func TestHasContent(t *testing.T) {
	made, file := initrd.Member{Name: "generated: /.extra/os-release (x)"}, initrd.Member{Name: "/boot/a: .initrd"}
	assert.False(t, hasContent(nil))
	assert.False(t, hasContent([]initrd.Member{made, made}))
	assert.True(t, hasContent([]initrd.Member{made, file}))
}

// TestFileReader: only of one file, and only its part.
func TestFileReader(t *testing.T) {
	for name, m := range map[string]initrd.Member{
		"none": {}, "two parts": {Parts: []initrd.Part{{}, {}}}, "made here": {Parts: []initrd.Part{{Data: []byte("x"), Size: 1}}},
	} {
		assert.Zero(t, fileReader(m).Size(), name)
		assert.Nil(t, wholeFile([]initrd.Member{m}), name)
	}
}
