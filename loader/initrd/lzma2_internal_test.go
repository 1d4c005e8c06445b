package initrd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz/lzma"
)

// mixed is content with matches near and far, long and short, and with bytes
// that nothing foretells.
func mixed(n int) []byte {
	r := rand.New(rand.NewPCG(3, 5))
	var b []byte
	for len(b) < n {
		switch r.IntN(4) {
		case 0:
			for range r.IntN(30) {
				b = append(b, byte(r.Uint32()))
			}
		case 1:
			b = append(b, bytes.Repeat([]byte{byte(r.IntN(4))}, r.IntN(300))...)
		default:
			if len(b) > 0 {
				from := max(0, len(b)-1-r.IntN(1<<r.IntN(18)))
				b = append(b, b[from:min(len(b), from+2+r.IntN(60))]...)
			}
		}
	}
	return b[:n]
}

func lzma2Of(t testing.TB, data []byte, p lzma.Properties, dict int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := lzma.Writer2Config{Properties: &p, DictCap: dict}.NewWriter2(&b)
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// All parameters of the model; a window that wraps many times, one that just
// fits, and one that grows.
func TestLZMA2(t *testing.T) {
	data := mixed(300_000)
	for _, p := range []lzma.Properties{{LC: 3, PB: 2}, {}, {LC: 4}, {LP: 4, PB: 4}, {LC: 1, LP: 2, PB: 1}} {
		for _, dict := range []int{lzma2Window, 1 << 17, 1 << 20} {
			t.Run(fmt.Sprint(p, dict), func(t *testing.T) {
				packed := lzma2Of(t, data, p, dict)
				for _, r := range []io.Reader{newLZMA2(bytes.NewReader(packed), int64(dict)), iotest.OneByteReader(newLZMA2(bytes.NewReader(packed), int64(dict)))} {
					got, err := io.ReadAll(r)
					require.NoError(t, err)
					require.True(t, bytes.Equal(data, got))
				}
			})
		}
	}
}

func TestLZMA2Damage(t *testing.T) {
	packed := lzma2Of(t, mixed(5000), lzma.Properties{LC: 3, PB: 2}, 1<<16)
	for n := range len(packed) {
		_, err := io.ReadAll(newLZMA2(bytes.NewReader(packed[:n]), 1<<16))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "cut at %d", n)
	}
	size := int(packed[3])<<8 + int(packed[4]) + 1
	for name, b := range map[string][]byte{
		"no properties yet":            append([]byte{0x80}, packed[1:]...),
		"properties of nothing":        append(append(bytes.Clone(packed[:5]), 225), packed[6:]...),
		"lc and lp too large":          append(append(bytes.Clone(packed[:5]), 4+9*1), packed[6:]...),
		"no dictionary yet":            append([]byte{0xc0}, packed[1:]...),
		"plain without dictionary":     {2, 0, 0, 'x', 0},
		"unknown kind":                 {1, 0, 0, 'x', 3, 0, 0},
		"too short for a range coder":  {0xe0, 0, 0, 0, 3, 93, 0, 0, 0, 0},
		"content less than there is":   append([]byte{packed[0], packed[1], packed[2] - 1}, packed[3:]...),
		"content more than there is":   append([]byte{packed[0], packed[1], packed[2] + 1}, packed[3:]...),
		"more input than content":      append([]byte{packed[0], 0, 9}, packed[3:]...),
		"ends with another code":       append(append(bytes.Clone(packed[:6+size-1]), packed[6+size-1]^1), 0),
		"a match before the beginning": {0xe0, 0, 9, 0, 9, 93, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0},
	} {
		_, err := io.ReadAll(newLZMA2(bytes.NewReader(b), 1<<16))
		assert.ErrorIs(t, err, errLZMA2, name)
	}
}

// Chunks that go on with the state of those before them, and chunks without
// compression between them.
func TestLZMA2PlainChunks(t *testing.T) {
	noise := make([]byte, 200_000)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	data := append(append(mixed(100_000), noise...), mixed(100_000)...)
	packed := lzma2Of(t, data, lzma.Properties{LC: 3, PB: 2}, 1<<17)
	got, err := io.ReadAll(newLZMA2(bytes.NewReader(packed), 1<<17))
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got))
}

// The window is never larger than what was decoded, twice.
func TestLZMA2WindowGrows(t *testing.T) {
	data := mixed(150_000)
	l := newLZMA2(bytes.NewReader(lzma2Of(t, data, lzma.Properties{LC: 3, PB: 2}, 1<<20)), 1<<30)
	assert.Empty(t, l.win.buf)
	_, err := io.ReadFull(l, make([]byte, 1000))
	require.NoError(t, err)
	assert.Len(t, l.win.buf, lzma2Window)
	_, err = io.Copy(io.Discard, l)
	require.NoError(t, err)
	assert.LessOrEqual(t, len(l.win.buf), 2*len(data))
}

// What we take, the library takes, and it comes to the same. (Only the library
// looks at the first byte of a range coder; the kernel does not.)
func FuzzLZMA2(f *testing.F) {
	f.Add(lzma2Of(f, mixed(3000), lzma.Properties{LC: 3, PB: 2}, 1<<16))
	f.Add(lzma2Of(f, mixed(300), lzma.Properties{LP: 4, PB: 4}, 1<<16))
	f.Add([]byte{1, 0, 3, 'a', 'b', 'c', 'd', 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := io.ReadAll(io.LimitReader(newLZMA2(bytes.NewReader(b), 1<<16), 1<<20))
		if err != nil || len(got) == 1<<20 {
			return
		}
		var want []byte
		r, err := lzma.Reader2Config{DictCap: 1 << 16}.NewReader2(bytes.NewReader(b))
		if err == nil {
			want, err = io.ReadAll(r)
		}
		if err != nil && strings.Contains(err.Error(), "first byte not zero") {
			return
		}
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got))
	})
}

// xz --x86 made calls.xz of code with calls near its edges and in each other's
// operands.
func TestX86Filter(t *testing.T) {
	b := packedFile(t, "calls.xz")
	got, end, err := decodeAll(XZ, b)
	require.NoError(t, err)
	assert.EqualValues(t, len(b), end)
	assert.Equal(t, "87c647ec3e9370bc", sum16(got))

	fr, err := frameEnd(XZ, bytes.NewReader(b), 0, int64(len(b)))
	require.NoError(t, err)
	d, err := decode(XZ, bytes.NewReader(b), 0, fr)
	require.NoError(t, err)
	slow, err := io.ReadAll(iotest.OneByteReader(d))
	require.NoError(t, err)
	assert.True(t, bytes.Equal(got, slow))
}

func TestX86ReaderPassesErrorsOn(t *testing.T) {
	want := errors.New("disk")
	got, err := io.ReadAll(&x86Reader{r: io.MultiReader(bytes.NewReader([]byte("12345")), iotest.ErrReader(want))})
	require.ErrorIs(t, err, want)
	assert.Equal(t, "1", string(got), "the rest may be the beginning of a call")
}

func TestXZFilterFault(t *testing.T) {
	only := func(o string) func(string) bool { return func(option string) bool { return option == o } }
	for name, tc := range map[string]struct {
		block xzBlock
		built func(string) bool
		want  string
	}{
		"none":               {xzBlock{}, only(""), ""},
		"x86":                {xzBlock{filter: xzX86, filters: 1}, only("CONFIG_XZ_DEC_X86"), ""},
		"x86, all built":     {xzBlock{filter: xzX86, filters: 1}, nil, ""},
		"x86, not built":     {xzBlock{filter: xzX86, filters: 1}, only("CONFIG_XZ_DEC_ARM"), "xz with the filter x86, which is not in the new kernel's configuration (CONFIG_XZ_DEC_X86)"},
		"x86 from an offset": {xzBlock{filter: xzX86, filters: 1, tuned: true}, nil, "xz with the filter x86 and these settings, which the kernel refuses"},
		"two":                {xzBlock{filter: xzX86, filters: 2}, nil, "xz with the filter x86 and these settings, which the kernel refuses"},
		"delta":              {xzBlock{filter: xzDelta, filters: 1, tuned: true}, nil, "xz with the filter delta and these settings, which the kernel refuses"},
		"unknown":            {xzBlock{filter: 99, filters: 1}, nil, "xz with the filter 0x63 and these settings, which the kernel refuses"},
	} {
		assert.Equal(t, tc.want, tc.block.filterFault(tc.built), name)
	}
	for id, want := range map[uint64]string{5: "POWERPC", 6: "IA64", 7: "ARM", 8: "ARMTHUMB", 9: "SPARC", 10: "ARM64", 11: "RISCV"} {
		_, option := xzFilterName(id)
		assert.Equal(t, "CONFIG_XZ_DEC_"+want, option)
	}
}
