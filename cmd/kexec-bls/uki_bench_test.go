package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

// BenchmarkExportUKI exports a unified kernel image of 300 MiB to memory, as a
// process of its own, and holds it against dd copying the two sections: "ratio"
// of the times, and the most memory that the process had, "MiB-rss".
func BenchmarkExportUKI(b *testing.B) {
	program := filepath.Join(b.TempDir(), "kexec-bls")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := build.CombinedOutput()
	require.NoError(b, err, string(output))
	esp := b.TempDir()
	path := filepath.Join(esp, "EFI", "Linux", "big.efi")
	require.NoError(b, os.MkdirAll(filepath.Dir(path), 0o755))
	sections := layBigUKI(b, path)
	out, err := os.MkdirTemp("/dev/shm", "export-")
	require.NoError(b, err)
	b.Cleanup(func() { _ = os.RemoveAll(out) })

	var ours, theirs []time.Duration
	var rss int64
	for b.Loop() {
		began := time.Now()
		for i, s := range sections {
			dd := exec.Command("dd", "if="+path, fmt.Sprintf("of=%s/dd%d", out, i), "bs=1M", "iflag=skip_bytes,count_bytes",
				fmt.Sprintf("skip=%d", s.Offset), fmt.Sprintf("count=%d", s.FileSize), "status=none")
			require.NoError(b, dd.Run())
		}
		theirs = append(theirs, time.Since(began))
		began = time.Now()
		export := exec.Command(program, "export", "--esp-path="+esp, "--output="+filepath.Join(out, "export"))
		text, err := export.CombinedOutput()
		require.NoError(b, err, string(text))
		ours = append(ours, time.Since(began))
		if used, ok := export.ProcessState.SysUsage().(*syscall.Rusage); ok {
			rss = max(rss, used.Maxrss)
		}
		require.NoError(b, os.RemoveAll(filepath.Join(out, "export")))
	}
	b.ReportMetric(slices.Min(ours).Seconds()/slices.Min(theirs).Seconds(), "ratio") // of the best runs: others share the machine
	b.ReportMetric(float64(rss)/1024, "MiB-rss")
}

// layBigUKI writes the image and returns its large sections. It keeps this
// process small: what a child has used at most counts from the fork on.
func layBigUKI(b *testing.B, path string) []uki.Section {
	const first, kernel, archive = 1 << 20, 20 << 20, 280 << 20
	section := func(name string, offset, size uint32) fixtures.Section {
		return fixtures.Section{Name: name, Offset: &offset, VirtualSize: &size, RawSize: &size}
	}
	image := fixtures.PE{Sections: []fixtures.Section{
		fixtures.Text(".osrel", "ID=x\nNAME=X\n"), section(".linux", first, kernel), section(".initrd", first+kernel, archive),
	}}
	head := image.Bytes()
	const table = 0x40 + 24 + 0xf0                                     // section headers
	binary.LittleEndian.PutUint32(head[table+2*40+12:], 0x2000+kernel) // in memory behind .linux
	f, err := os.Create(path)
	require.NoError(b, err)
	b.Cleanup(func() { _ = f.Close() })
	_, err = f.Write(head)
	require.NoError(b, err)
	require.NoError(b, f.Truncate(first+kernel+archive))
	chunk := bytes.Repeat([]byte{0x5a}, 1<<20)
	for at := int64(0); at < kernel; at += int64(len(chunk)) {
		_, err = f.WriteAt(chunk, first+at)
		require.NoError(b, err)
	}
	_, err = f.WriteAt(fixtures.BzImage{}.Bytes()[:4096], first)
	require.NoError(b, err)
	writeZstd(b, io.NewOffsetWriter(f, first+kernel), archive)
	m, err := uki.Open(f, first+kernel+archive)
	require.NoError(b, err)
	require.NoError(b, m.Sections[2].Check())
	return m.Sections[1:]
}

// writeZstd fills all but the end of size bytes with a zstd frame of raw blocks
// (RFC 8878), so that readers go over it as they do over a real image.
func writeZstd(b *testing.B, w io.Writer, size int) {
	const block = 128 << 10
	_, err := w.Write([]byte("\x28\xb5\x2f\xfd\x00\x70")) // window of 128 MiB
	require.NoError(b, err)
	data := bytes.Repeat([]byte{0x5a}, 3+block)
	for left := size - 6; left >= 2*len(data); left -= len(data) {
		header := block << 3
		if left < 3*len(data) {
			header |= 1 // the last one
		}
		data[0], data[1], data[2] = byte(header), byte(header>>8), byte(header>>16)
		_, err = w.Write(data)
		require.NoError(b, err)
	}
}
