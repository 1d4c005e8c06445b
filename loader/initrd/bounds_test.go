package initrd_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
)

// hostile are inputs of which each byte asks for as much work as it can.
func hostile(t testing.TB, size int) map[string][]byte {
	t.Helper()
	fill := func(one []byte) []byte { return bytes.Repeat(one, size/len(one)) }
	out := map[string][]byte{
		"trailers":     fill(newc()),
		"no names":     fill(entries(file{path: "", nameSize: 1 << 13})),
		"microcode":    fill(entries(text("kernel/x86/microcode/GenuineIntel.bin", ""))),
		"no parents":   fill(entries(text("a/b", ""))),
		"deep":         fill(entries(dir("a"), text(strings.Repeat("a/../", 800)+"b", ""))),
		"links":        fill(entries(link("a", "b"), link("b", "a"), text("a/x", ""))),
		"zstd streams": append(newc(text("init", "")), fill([]byte("\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00"))...),
		"junk":         append(newc(text("init", "")), fill([]byte("junk"))...),
	}
	var names, releases []byte
	for i := 0; len(names) < size; i++ {
		names = append(names, entries(file{path: fmt.Sprint(i), ino: uint32(i), nlink: 2})...)
		releases = append(releases, entries(dir(fmt.Sprintf("lib/modules/%d", i)), text(fmt.Sprintf("lib/modules/%d/x", i), ""))...)
	}
	out["names"], out["releases"] = names, releases
	for _, f := range []initrd.Format{compress.Gzip, compress.XZ, compress.LZMA, compress.LZ4, compress.LZO} {
		out[string(f)+" streams"] = append(newc(text("init", "")), fill(pad4(pack(t, f, newc())))...)
	}
	return out
}

// Memory does not grow with the input, whatever it is made of.
func TestWalkOfHostileInputs(t *testing.T) {
	for name, b := range hostile(t, 2<<20) {
		t.Run(name, func(t *testing.T) {
			rep, err := initrd.Walk(context.Background(), bytes.NewReader(b), int64(len(b)), initrd.WalkOptions{Verify: initrd.VerifyFast})
			require.NoError(t, err)
			assert.LessOrEqual(t, len(rep.Segments), 4096)
			assert.LessOrEqual(t, len(rep.Findings), 4096)
			assert.LessOrEqual(t, len(rep.Releases), 64)
		})
	}
}

// BenchmarkWalkHostile is the time for 64 MiB of each; the target is 2 s.
func BenchmarkWalkHostile(b *testing.B) {
	for name, data := range hostile(b, 64<<20) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := initrd.Walk(context.Background(), bytes.NewReader(data), int64(len(data)), initrd.WalkOptions{Verify: initrd.VerifyFast})
				require.NoError(b, err)
			}
		})
	}
}
