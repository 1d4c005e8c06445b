package initrd_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
)

func TestEarlyFirst(t *testing.T) {
	zst := pack(t, compress.Zstd, mainImage)
	both := append(bytes.Clone(ucodeIntel), acpiTables...)
	for name, tc := range map[string]struct {
		in   [][]byte
		want string
	}{
		"nothing":                       {nil, ""},
		"in front already":              {[][]byte{ucodeIntel, zst}, "ab"},
		"microcode":                     {[][]byte{zst, ucodeIntel, extraImage}, "bac"},
		"order among them":              {[][]byte{zst, ucodeAMD, extraImage, acpiTables, ucodeIntel}, "bdeac"},
		"two archives in one file":      {[][]byte{zst, both}, "ba"},
		"mixed image stays whole":       {[][]byte{zst, append(bytes.Clone(ucodeIntel), zst...)}, "ab"},
		"other directories":             {[][]byte{zst, newc(dir("etc"), text("kernel/x86/microcode/GenuineIntel.bin", "u"))}, "ab"},
		"other files":                   {[][]byte{zst, newc(text("kernel/x86/microcode/GenuineIntel.bin", "u"), text("x", "1"))}, "ab"},
		"links":                         {[][]byte{zst, newc(text("kernel/x86/microcode/GenuineIntel.bin", "u"), link("kernel/x", "y"))}, "ab"},
		"directories only":              {[][]byte{zst, newc(dir("kernel"))}, "ab"},
		"compressed":                    {[][]byte{zst, pack(t, compress.Gzip, ucodeIntel)}, "ab"},
		"damaged":                       {[][]byte{zst, ucodeIntel[:len(ucodeIntel)-150]}, "ab"},
		"with a bootconfig":             {[][]byte{zst, append(bytes.Clone(ucodeIntel), bootconfig("x=1\n")...)}, "ab"},
		"empty, junk and zeros as well": {[][]byte{nil, []byte("junk"), make([]byte, 4), ucodeAMD}, "dabc"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := initrd.EarlyFirst(members(t, tc.in...))
			require.NoError(t, err)
			var order strings.Builder
			for _, m := range got {
				order.WriteString(m.Name)
			}
			assert.Equal(t, tc.want, order.String())
		})
	}
}

func TestEarlyFirstMendsTheFinding(t *testing.T) {
	ms := members(t, pack(t, compress.Zstd, mainImage), ucodeIntel)
	for want, order := range map[string]func([]initrd.Member) ([]initrd.Member, error){
		"b:microcode-late": func(m []initrd.Member) ([]initrd.Member, error) { return m, nil },
		"":                 initrd.EarlyFirst,
	} {
		ms, err := order(ms)
		require.NoError(t, err)
		b, layout := join(t, initrd.JoinOptions{}, ms)
		assert.Equal(t, want, ids(walk(t, b, initrd.WalkOptions{Layout: layout})))
	}
}

func TestEarlyFirstUnreadable(t *testing.T) {
	f := tempFile(t, mainImage)
	_, err := initrd.EarlyFirst([]initrd.Member{{Name: "img", Parts: []initrd.Part{{File: f, Size: 1 << 20}}}})
	require.ErrorContains(t, err, "img: ")
}
