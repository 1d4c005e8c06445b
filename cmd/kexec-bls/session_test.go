//go:build e2e

package main

import (
	"bytes"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// The terminal of the session, in columns and lines, and of a cell, in pixels.
const (
	sessionWidth, sessionHeight = 92, 26
	cellWidth, cellHeight       = 8.4, 18
)

// TestSession records the session of README in a Debian guest:
//
//	go test -tags e2e -run '^TestSession$' ./cmd/kexec-bls -update
func TestSession(t *testing.T) {
	s := setup{boot: map[string][]byte{}}
	for name, lines := range map[string]string{
		"debian-6.12.conf": "title Debian GNU/Linux 13 (trixie)\nversion 6.12\nsort-key debian\ninitrd /debian/ucode.img\ninitrd /debian/initrd.img\n",
		"debian-6.10.conf": "title Debian GNU/Linux 13 (trixie)\nversion 6.10\nsort-key debian\ninitrd /debian/gone.img\n",
	} {
		s.boot["loader/entries/"+name] = []byte(lines + "linux /debian/linux\noptions " + s.options("quiet") + "\n")
	}
	s.boot["loader/entries/windows.conf"] = []byte("title Windows 11\nefi /EFI/Microsoft/bootmgfw.efi\n")
	program, err := os.ReadFile(vm.FindDebian(t, vm.Trixie).Boot)
	require.NoError(t, err)
	s.boot["EFI/Microsoft/bootmgfw.efi"] = program
	g := s.start(t)
	g.MustRun("rm /efi/loader/entries/two.conf /efi/loader/entries/other.conf; echo 'default debian-6.12*' >/efi/loader/loader.conf")
	g.Reboot("systemctl reboot") // so that the boot loader has seen that
	g.MustRun("hostname lab")
	var frames []string
	frame := func(command string, keys ...string) {
		frames = append(frames, screenOf(t, command, inTerminal(t, g, command, keys)))
	}
	frame("kexec-bls list")
	frame("kexec-bls check")
	frame("kexec-bls reboot --menu", "")
	frame("kexec-bls reboot --menu", "win", `\r`)
	frame("kexec-bls load")
	frame("kexec-bls status")
	if *update {
		require.NoError(t, os.WriteFile("../../.github/session.svg", []byte(drawSession(frames)), 0o644))
	}
}

// inTerminal is what a command writes to a terminal, up to where it restores the
// screen that was there before it.
func inTerminal(t *testing.T, g *vm.Guest, command string, keys []string) string {
	t.Helper()
	inside := fmt.Sprintf(`TERM=xterm-256color LANG=C.UTF-8 script -qec "stty cols %d rows %d; %s" /dev/null`, sessionWidth, sessionHeight, command)
	if keys == nil {
		return g.Run(inside + " </dev/null").Stdout
	}
	typed := ""
	for _, k := range append(keys, `\003`) {
		typed += fmt.Sprintf("sleep 10; printf '%s'; ", k)
	}
	screen, _, _ := strings.Cut(g.Run("("+typed+") | "+inside).Stdout, "\x1b[?1049l")
	return screen
}

// screenOf is the screen of a terminal with that on it, with its attributes.
func screenOf(t *testing.T, command, written string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "out"), []byte("\x1b[1m# "+command+"\x1b[m\r\n"+written), 0o600))
	tmux := func(args ...string) string {
		out, err := exec.Command("tmux", append([]string{"-S", filepath.Join(dir, "tmux"), "-f", "/dev/null"}, args...)...).CombinedOutput()
		require.NoError(t, err, "tmux %q: %s", args, out)
		return string(out)
	}
	tmux("new-session", "-d", "-x", strconv.Itoa(sessionWidth), "-y", strconv.Itoa(sessionHeight), "stty raw; cat "+dir+"/out; sleep 60")
	defer tmux("kill-server")
	time.Sleep(2 * time.Second) // for cat
	return tmux("capture-pane", "-e", "-N", "-p", "-t", "0")
}

// drawSession shows one frame after the other.
func drawSession(frames []string) string {
	const seconds = 6
	width, height := cellWidth*sessionWidth+24, cellHeight*sessionHeight+24
	var svg bytes.Buffer
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%d" font-family="monospace" font-size="14" xml:space="preserve">
<style>
text{fill:#d7d7d7;white-space:pre}
.b{font-weight:bold}.f{opacity:.55}.c1{fill:#e05a5a}.c2{fill:#6ac46a}.c3{fill:#dcbe46}.c6{fill:#50c8d2}
.s{animation:s %ds infinite}
@keyframes s{0%%,%.2f%%{opacity:1}%.2f%%,100%%{opacity:0}}
</style>
<rect width="100%%" height="100%%" rx="8" fill="#181a20"/>
`, width, height, seconds*len(frames), 100/float64(len(frames)), 100/float64(len(frames))+.01)
	for i, frame := range frames {
		shown := 0 // where nothing is animated, the first
		if i == 0 {
			shown = 1
		}
		fmt.Fprintf(&svg, "<g class=\"s\" style=\"opacity:%d;animation-delay:%ds\">\n", shown, i*seconds)
		var a attributes
		for y, line := range strings.Split(strings.TrimRight(frame, "\n "), "\n") {
			a = drawLine(&svg, line, y, a)
		}
		svg.WriteString("</g>\n")
	}
	svg.WriteString("</svg>\n")
	return svg.String()
}

// attributes are those that text has.
type attributes struct {
	colour               int
	bold, faint, reverse bool
}

// drawLine draws the runs of a line, and returns the attributes that it ends with.
func drawLine(svg *bytes.Buffer, line string, y int, a attributes) attributes {
	x := 0
	for line != "" {
		text, rest, found := strings.Cut(line, "\x1b[")
		drawRun(svg, text, x, y, a)
		x += ansi.StringWidth(text)
		if !found {
			break
		}
		codes, after, _ := strings.Cut(rest, "m")
		for code := range strings.SplitSeq(codes, ";") {
			a = a.with(code)
		}
		line = after
	}
	return a
}

func (a attributes) with(code string) attributes {
	n, _ := strconv.Atoi(code) // "" is 0
	switch {
	case n == 0:
		return attributes{}
	case n == 1:
		a.bold = true
	case n == 2:
		a.faint = true
	case n == 7:
		a.reverse = true
	case n >= 30 && n <= 39:
		a.colour = n % 10 % 9 // 39 is the default, 0
	}
	return a
}

func drawRun(svg *bytes.Buffer, text string, x, y int, a attributes) {
	if trimmed := strings.TrimLeft(text, " "); !a.reverse {
		x, text = x+len(text)-len(trimmed), strings.TrimRight(trimmed, " ")
	}
	width := cellWidth * float64(ansi.StringWidth(text))
	left, top := 12+cellWidth*float64(x), 12+cellHeight*y
	class := fmt.Sprintf("c%d", a.colour)
	if a.bold {
		class += " b"
	}
	if a.faint {
		class += " f"
	}
	style := ""
	if a.reverse {
		fmt.Fprintf(svg, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"#d7d7d7\"/>\n", left, top, width, cellHeight)
		style = ` style="fill:#181a20"`
	}
	if strings.TrimSpace(text) != "" {
		fmt.Fprintf(svg, "<text x=\"%.1f\" y=\"%d\" textLength=\"%.1f\" class=\"%s\"%s>%s</text>\n", left, top+14, width, class, style, html.EscapeString(text))
	}
}
