package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
)

// layMany makes a partition as kernel-install leaves it, with that many Type #1
// entries, each with a kernel and an initrd of its own, and UKIs of 16 MiB.
func layMany(tb testing.TB, dir string, texts, ukis int) {
	tb.Helper()
	const machineID = "0123456789abcdef0123456789abcdef"
	put := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(tb, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(tb, os.WriteFile(path, data, 0o644))
		return path
	}
	put("loader/loader.conf", []byte("timeout 3\ndefault "+machineID+"-*\n"))
	for i := range texts {
		release := fmt.Sprintf("6.%d.%d-200.fc42.x86_64", i/100, i%100)
		at := "/" + machineID + "/" + release
		put(at+"/linux", []byte("MZ"))
		put(at+"/initrd", []byte("070701"))
		put("loader/entries/"+machineID+"-"+release+".conf", fmt.Appendf(nil, `# Boot Loader Specification type#1 entry
# File created by kernel-install
title      Fedora Linux 42 (Workstation Edition)
version    %[1]s
machine-id %[2]s
sort-key   fedora
options    root=UUID=3f3b1b2e-5a54-4a3c-9c0e-6b4f3f1f4d11 ro rootflags=subvol=root rhgb quiet systemd.machine_id=%[2]s
linux      %[3]s/linux
initrd     %[3]s/initrd
`, release, machineID, at))
	}
	for i := range ukis {
		release := fmt.Sprintf("6.15.%d-arch1-1", i)
		path := put(fmt.Sprintf("EFI/Linux/arch-%s.efi", release), fixtures.PE{Sections: []fixtures.Section{
			fixtures.Text(".osrel", "NAME=\"Arch Linux\"\nPRETTY_NAME=\"Arch Linux\"\nID=arch\nBUILD_ID=rolling\n"),
			fixtures.Text(".uname", release), fixtures.Text(".cmdline", "root=/dev/mapper/root rw quiet"),
			{Name: ".initrd", Data: make([]byte, 1<<20)}, {Name: ".linux", Data: make([]byte, 1<<20)},
		}}.Bytes())
		require.NoError(tb, os.Truncate(path, 16<<20))
	}
}

// builtBinary is the program as it is installed, and its path.
func builtBinary(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "kexec-bls")
	cmd := exec.CommandContext(tb.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(tb, err, "%s", out)
	return path
}

// A peer is a command that lists the entries below $SYSTEMD_ESP_PATH.
type peer struct {
	name string
	argv []string
	took []time.Duration
}

func (p *peer) run(tb testing.TB, dir string) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), p.argv[0], p.argv[1:]...)
	cmd.Env = append(os.Environ(), "SYSTEMD_RELAX_ESP_CHECKS=1", "SYSTEMD_ESP_PATH="+dir, "SYSTEMD_XBOOTLDR_PATH="+dir)
	start := time.Now()
	out, err := cmd.Output() // through a pipe, as a script reads it
	require.NoError(tb, err, p.name)
	require.NotEmpty(tb, out, p.name)
	p.took = append(p.took, time.Since(start))
}

func (p *peer) median() time.Duration {
	slices.Sort(p.took)
	return p.took[len(p.took)/2]
}

// BenchmarkList times whole processes, ours and bootctl's in turn on the same
// tree, and reports the medians and their ratio. $BOOTCTL is the command to use
// in place of bootctl; without one only ours is timed.
func BenchmarkList(b *testing.B) {
	ours := builtBinary(b)
	bootctl := bootctlCommand()
	for _, texts := range []int{100, 500, 2000} {
		b.Run(fmt.Sprintf("entries=%d", texts), func(b *testing.B) {
			dir := b.TempDir()
			layMany(b, dir, texts, 5)
			us := &peer{name: "kexec-bls", argv: []string{ours, "list", "--json=short"}}
			them := &peer{name: "bootctl", argv: append(slices.Clone(bootctl), "list", "--json=short")}
			for b.Loop() {
				us.run(b, dir)
				if len(bootctl) > 0 {
					them.run(b, dir)
				}
			}
			b.ReportMetric(float64(us.median().Microseconds()), "median-µs")
			if len(bootctl) > 0 {
				b.ReportMetric(float64(them.median().Microseconds()), "bootctl-median-µs")
				b.ReportMetric(float64(us.median())/float64(them.median()), "of-bootctl")
			}
		})
	}
}

// bootctlCommand is empty where there is no bootctl.
func bootctlCommand() []string {
	if command := os.Getenv("BOOTCTL"); command != "" {
		return strings.Fields(command) // a shell in between would be timed too
	}
	if path, err := exec.LookPath("bootctl"); err == nil {
		return []string{path}
	}
	return nil
}
