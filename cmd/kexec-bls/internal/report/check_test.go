package report

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/loader"
)

var update = flag.Bool("update", false, "write golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "make it with -update")
	assert.Equal(t, string(want), got)
}

// inspection has an area of each result.
func inspection() loader.Inspection {
	disabled := loader.Finding{ID: "kexec-disabled", Severity: loader.SeverityError, Text: "kexec is disabled until the next boot: kernel.kexec_load_disabled is 1", Hint: "reboot through the firmware, after removing it from /etc/sysctl.d/99-hardening.conf"}
	script := loader.Finding{ID: "shutdown-script", Severity: loader.SeverityError, Text: "/run/initramfs/shutdown ends the shutdown, and knows no kexec: the machine would be switched off", Hint: "remove the file before the reboot"}
	kdump := loader.Finding{ID: "kdump-lost", Severity: loader.SeverityWarning, Text: "256 MiB are reserved for a crash kernel, and the new command line has no crashkernel=: there will be no kdump", Hint: "add crashkernel=256M to the command line"}
	modules := loader.Finding{ID: "xz-check", Severity: loader.SeverityInfo, Member: "/efi/a.img", Text: "xz with another check than CRC32"}
	return loader.Inspection{
		Findings: []loader.Finding{disabled, script, kdump, modules},
		Areas: []loader.Area{
			{ID: "kernel", Facts: []string{"Linux 6.15.3-arch1-1 runs", "kexec_load_disabled is 1", "loads are not limited", "user root"}, Findings: []loader.Finding{disabled},
				Evidence: []loader.Evidence{{Source: "/proc/sys/kernel/kexec_load_disabled", Value: "1"}}},
			{ID: "entry", Facts: []string{"kernel /efi/0123456789abcdef0123456789abcdef/6.16.1-arch1-1/linux (6.16.1-arch1-1, 14 MiB)", "its modules are installed"}},
			{ID: "initrd", Facts: []string{"2 images, 31 MiB", "all files in it were read"}, Findings: []loader.Finding{modules}},
			{ID: "security", Facts: []string{"Secure Boot is on", "lockdown is none"}, Unseen: []string{"/proc/keys"}},
			{ID: "shutdown", Facts: []string{"init: systemd", "a shutdown ends in a script"}, Findings: []loader.Finding{script}},
			{ID: "memory", Facts: []string{"the load needs 46 MiB", "7712 MiB are available"}, Findings: []loader.Finding{kdump}},
			{ID: "history"},
		},
	}
}

func TestCheckScreenFits(t *testing.T) {
	r := checkOf(inspection(), CheckOptions{Ignore: []loader.FindingID{"shutdown-script"}, Evidence: true})
	r.name, r.Entry = "arch.conf", &EntryRef{"arch.conf", "Arch\x1b[2J Linux", "6.16.1"}
	for _, v := range []term.View{{Width: 40, Symbols: true}, {Width: 80, Symbols: true}, {Width: 200, Symbols: true}, {Width: 80}} {
		text := strings.Join(r.Screen(v), "\n") + "\n"
		name := fmt.Sprintf("check-%s.txt", strings.ReplaceAll(v.String(), ",", "-"))
		golden(t, name, text)
		for line := range strings.Lines(text) {
			assert.LessOrEqual(t, ansi.StringWidth(strings.TrimSuffix(line, "\n")), v.Width, "%s: %s", name, line)
		}
		v.Colour = true
		coloured := strings.Join(r.Screen(v), "\n") + "\n"
		assert.NotEqual(t, text, coloured)
		assert.Equal(t, text, ansi.Strip(coloured), "colours change nothing else")
	}
	for width := range 40 { // whatever the width
		for _, line := range r.Screen(term.View{Width: width + 1, Symbols: true}) {
			assert.LessOrEqual(t, ansi.StringWidth(line), max(width+1, 12), "%d: %s", width, line)
		}
	}
}

func TestCheckVerdict(t *testing.T) {
	in := inspection()
	for _, tt := range []struct {
		found  []loader.Finding
		ignore []loader.FindingID
		unseen []string
		want   string
	}{
		{nil, nil, nil, "ok nothing was found that would prevent a kexec into x"},
		{in.Findings[3:], nil, nil, "ok nothing was found that would prevent a kexec into x"},
		{nil, nil, []string{"/proc/keys"}, "ok nothing was found that would prevent a kexec into x; not all could be seen"},
		{in.Findings[2:], nil, nil, "warning a kexec into x is possible, with 1 warning"},
		{in.Findings, nil, nil, "error reboot refuses x: 2 errors; to go on: --ignore=kexec-disabled,shutdown-script"},
		{in.Findings[1:], []loader.FindingID{"all"}, nil, "warning reboot goes on into x in spite of 1 ignored error"},
	} {
		r := checkOf(loader.Inspection{Findings: tt.found, Areas: []loader.Area{{ID: "kernel", Unseen: tt.unseen}}}, CheckOptions{Ignore: tt.ignore})
		r.name = "x"
		mark, text := r.verdict()
		assert.Equal(t, tt.want, mark.Word()+" "+text)
	}
}

func TestCheckAdvice(t *testing.T) {
	r := checkOf(loader.Inspection{}, CheckOptions{Untried: true})
	last := func(r *Check) string { l := r.Screen(term.View{Width: 120}); return l[len(l)-1] }
	assert.Contains(t, last(r), "TROUBLESHOOTING")
	assert.Len(t, r.Notes(), 2)
	r = checkOf(inspection(), CheckOptions{Untried: true})
	assert.NotContains(t, last(r), "TROUBLESHOOTING", "it is blocked")
	assert.Empty(t, r.Notes())
}
