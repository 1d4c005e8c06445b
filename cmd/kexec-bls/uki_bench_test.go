package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

	var ours, theirs time.Duration
	var rss int64
	for b.Loop() {
		began := time.Now()
		for i, s := range sections {
			dd := exec.Command("dd", "if="+path, fmt.Sprintf("of=%s/dd%d", out, i), "bs=1M", "iflag=skip_bytes,count_bytes",
				fmt.Sprintf("skip=%d", s.Offset), fmt.Sprintf("count=%d", s.FileSize), "status=none")
			require.NoError(b, dd.Run())
		}
		theirs += time.Since(began)
		began = time.Now()
		export := exec.Command(program, "export", "--esp-path="+esp, "--output="+filepath.Join(out, "export"))
		text, err := export.CombinedOutput()
		require.NoError(b, err, string(text))
		ours += time.Since(began)
		if used, ok := export.ProcessState.SysUsage().(*syscall.Rusage); ok {
			rss = max(rss, used.Maxrss)
		}
	}
	b.ReportMetric(ours.Seconds()/theirs.Seconds(), "ratio")
	b.ReportMetric(float64(rss)/1024, "MiB-rss")
}

// layBigUKI writes the image and returns its large sections.
func layBigUKI(b *testing.B, path string) []uki.Section {
	kernel := fixtures.BzImage{Size: 20 << 20}.Bytes()
	archive := make([]byte, 280<<20)
	copy(archive, "\x28\xb5\x2f\xfd") // told by its first bytes; nobody decodes it
	for i := 4; i < len(archive); i += 4096 {
		archive[i] = byte(i>>12) | 1
	}
	image := fixtures.PE{Sections: []fixtures.Section{
		fixtures.Text(".osrel", "ID=x\nNAME=X\n"),
		{Name: ".linux", Data: kernel}, {Name: ".initrd", Data: archive},
	}}
	require.NoError(b, os.WriteFile(path, image.Bytes(), 0o644))
	f, err := os.Open(path)
	require.NoError(b, err)
	b.Cleanup(func() { _ = f.Close() })
	info, err := f.Stat()
	require.NoError(b, err)
	m, err := uki.Open(f, info.Size())
	require.NoError(b, err)
	return m.Sections[1:]
}
