package initrd_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
)

// The bytes of files, 200 MiB here, do not go through our heap.
func TestJoinMemory(t *testing.T) {
	var heap []uint64
	for _, size := range []int64{1 << 20, 67 << 20} {
		f := tempFile(t, nil)
		require.NoError(t, f.Truncate(size))
		m, err := initrd.FileMember("img", f)
		require.NoError(t, err)
		heap = append(heap, allocated(func() { join3(t, m) }))
	}
	assert.Less(t, heap[1], uint64(2<<20))
	assert.InDelta(t, heap[0], heap[1], 256<<10)
}

func join3(t testing.TB, m initrd.Member) {
	t.Helper()
	dst, err := initrd.Create("test")
	require.NoError(t, err)
	defer closeAll(t, dst)
	_, err = joinTo(dst, []initrd.Member{m, m, m}, initrd.JoinOptions{})
	require.NoError(t, err)
	require.NoError(t, initrd.Seal(dst))
}

// allocated is how many bytes of heap f asked for, given back or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Looking into an image takes as much memory for 16 MiB as for 4. (xz and lzma
// have a dictionary as large as the content, up to what the header says.)
func TestWalkMemory(t *testing.T) {
	for _, f := range []initrd.Format{initrd.Newc, compress.Gzip, compress.LZO, compress.LZ4, compress.Zstd} {
		var heap []uint64
		for _, mib := range []int{4, 16} {
			b := pack(t, f, newc(text("zeros", string(make([]byte, mib<<20)))))
			heap = append(heap, allocated(func() { walk(t, b, initrd.WalkOptions{Verify: initrd.VerifyAll}) }))
		}
		assert.InDelta(t, heap[0], heap[1], 4<<20, f)
	}
}

// noise is content that compresses to about half, as programs do.
func noise(n int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	words := make([][]byte, 4096)
	for i := range words {
		words[i] = make([]byte, 4+i%29)
		_, _ = r.Read(words[i])
	}
	var b bytes.Buffer
	for b.Len() < n {
		b.Write(words[r.Uint64()%4096])
		_, _ = io.CopyN(&b, r, 2)
	}
	return b.Bytes()[:n]
}

// BenchmarkJoin joins 3 images of 200 MiB together into a memfd, and has cat
// write them to tmpfs; times-cat is the ratio.
func BenchmarkJoin(b *testing.B) {
	var ms []initrd.Member
	var cat []string
	data := noise(100 << 20)
	for i, n := range []int{100 << 20, 60<<20 + 1, 40 << 20} {
		f := tempFile(b, data[:n])
		m, err := initrd.FileMember(fmt.Sprint(i), f)
		require.NoError(b, err)
		ms, cat = append(ms, m), append(cat, f.Name())
	}
	compare(b, func() *os.File {
		f, err := initrd.Create("bench")
		require.NoError(b, err)
		_, err = joinTo(f, ms, initrd.JoinOptions{})
		require.NoError(b, err)
		return f
	}, func(out *os.File) {
		cmd := exec.Command("cat", cat...)
		cmd.Stdout = out
		require.NoError(b, cmd.Run())
	}, "times-cat")
}

// BenchmarkFlat flattens 100 MiB in a format against the tool that writes them
// to tmpfs; two images of different files, which are decoded side by side; and
// two of the same files, where nothing can stay where it was decoded to.
func BenchmarkFlat(b *testing.B) {
	one, two := program("lib", 100<<20), program("usr", 100<<20)
	zst, xz := packed(b, one, "zstd", "-3"), packed(b, one, "xz", "-0", "--check=crc32")
	more := packed(b, two, "xz", "-0", "--check=crc32")
	for _, bench := range []struct {
		name  string
		paths []string
	}{{"zstd", []string{zst}}, {"xz", []string{xz}}, {"both", []string{zst, more}}, {"override", []string{zst, xz}}} {
		b.Run(bench.name, func(b *testing.B) {
			var ms []initrd.Member
			for _, path := range bench.paths {
				f, err := os.Open(path)
				require.NoError(b, err)
				defer closeAll(b, f)
				m, err := initrd.FileMember(path, f)
				require.NoError(b, err)
				ms = append(ms, m)
			}
			compare(b, func() *os.File {
				f, _, err := initrd.Flat(context.Background(), ms, initrd.FlatOptions{})
				require.NoError(b, err)
				return f
			}, func(out *os.File) {
				for _, path := range bench.paths {
					cmd := exec.Command(filepath.Base(path), "-dc", path)
					cmd.Stdout = out
					require.NoError(b, cmd.Run())
				}
			}, "times-"+bench.name)
		})
	}
}

// program is an archive of n bytes in files as large as those of an initrd.
func program(top string, n int) []byte {
	files := []file{dir(top)}
	data := noise(n)
	for i := 0; len(data) > 0; i++ {
		size := min(len(data), 1<<10<<(i%10))
		files = append(files, text(fmt.Sprintf("%s/%d", top, i), string(data[:size])))
		data = data[size:]
	}
	return newc(files...)
}

func packed(b *testing.B, data []byte, tool string, args ...string) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), tool)
	out, err := os.Create(path)
	require.NoError(b, err)
	defer closeAll(b, out)
	cmd := exec.Command(tool, append(args, "-c")...)
	cmd.Stdin, cmd.Stdout = bytes.NewReader(data), out
	require.NoError(b, cmd.Run())
	return path
}

// compare runs ours and theirs in turn and reports the ratio of their times,
// and that of the best of each, which says more where others use the machine.
// Giving the memory of the files back is not part of it.
func compare(b *testing.B, ours func() *os.File, theirs func(out *os.File), unit string) {
	b.Helper()
	var a, z, bestA, bestZ time.Duration
	took := func(start time.Time, sum, best *time.Duration) {
		d := time.Since(start)
		*sum += d
		if *best == 0 || d < *best {
			*best = d
		}
	}
	for b.Loop() {
		start := time.Now()
		f := ours()
		took(start, &a, &bestA)
		require.NoError(b, f.Close())
		out, err := os.CreateTemp("/dev/shm", "kexec-bls-bench")
		require.NoError(b, err)
		start = time.Now()
		theirs(out)
		took(start, &z, &bestZ)
		require.NoError(b, out.Close())
		require.NoError(b, os.Remove(out.Name()))
	}
	b.ReportMetric(float64(a)/float64(z), unit)
	b.ReportMetric(float64(bestA)/float64(bestZ), "best-"+unit)
	b.ReportMetric(bestA.Seconds(), "best-s/ours")
	b.ReportMetric(bestZ.Seconds(), "best-s/theirs")
}
