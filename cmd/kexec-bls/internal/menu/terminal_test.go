//go:build tools

package menu

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestMain is the program in the terminal, when the tests below start it.
func TestMain(m *testing.M) {
	if os.Getenv("MENU_IN_TERMINAL") == "" {
		os.Exit(m.Run())
	}
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE) // the menu is to notice by itself
	opt := threeEntries()
	opt.In, opt.Out = os.Stdin, os.Stdout
	plan := opt.Plan
	opt.Plan = func(id string, line *string) Plan {
		if line != nil && *line == "panic" {
			panic("no plan")
		}
		return plan(id, line)
	}
	choice, err := Run(context.Background(), opt)
	line := "the entry's own"
	if choice.Cmdline != nil {
		line = *choice.Cmdline
	}
	fmt.Printf("left with action %d, id %q, line %q, error %v\n", choice.Action, choice.ID, line, err)
	if path := os.Getenv("MENU_SAYS"); path != "" { // stdout has gone
		_ = os.WriteFile(path, fmt.Appendf(nil, "%d %v", choice.Action, err), 0o600)
	}
}

// A terminal is a tmux of its own, with the menu in it.
type terminal struct {
	t      *testing.T
	socket string
}

func open(t *testing.T, width, height int, command string) *terminal {
	t.Helper()
	_, err := exec.LookPath("tmux")
	require.NoError(t, err, "the menu is driven in tmux; fixtures/setup.sh test installs it")
	x := &terminal{t, filepath.Join(t.TempDir(), "tmux")}
	x.tmux("-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), command+"; sleep 600")
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", x.socket, "kill-server").Run() }) // a test may have ended it
	return x
}

func openMenu(t *testing.T, width, height int) *terminal {
	t.Helper()
	x := open(t, width, height, "env MENU_IN_TERMINAL=1 "+os.Args[0])
	x.waitFor("plan of arch-lts.conf")
	return x
}

func (x *terminal) tmux(args ...string) string {
	x.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", x.socket}, args...)...).CombinedOutput()
	require.NoError(x.t, err, "tmux %q: %s", args, out)
	return string(out)
}

func (x *terminal) keys(keys ...string) { x.tmux(append([]string{"send-keys", "-t", "0"}, keys...)...) }

func (x *terminal) screen() string { return x.tmux("capture-pane", "-p", "-t", "0") }

func (x *terminal) waitFor(text string) {
	x.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		screen := x.screen()
		if strings.Contains(screen, text) {
			return
		}
		require.True(x.t, time.Now().Before(end), "%q never came; the screen:\n%s", text, screen)
	}
}

func TestTerminalScreens(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		name := fmt.Sprintf("%dx%d", size[0], size[1])
		t.Run(name, func(t *testing.T) {
			x := openMenu(t, size[0], size[1])
			golden := filepath.Join("testdata", name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(x.screen()), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), x.screen())
		})
	}
}

func TestTerminalChooses(t *testing.T) {
	x := openMenu(t, 80, 24)
	x.keys("Up")
	x.waitFor("plan of arch.conf")
	x.keys("Tab")
	x.waitFor("cmdline> root=/dev/sda2 quiet")
	x.keys("C-w", "debug", "Enter")
	x.waitFor("cmdline root=/dev/sda2 debug")
	x.keys("Enter")
	x.waitFor("Reboot into arch.conf?")
	x.keys("Enter") // does not confirm
	x.keys("l")
	x.waitFor(`left with action 1, id "arch.conf", line "root=/dev/sda2 debug", error <nil>`)
	assert.NotContains(t, x.screen(), "plan of", "the screen is as it was before the menu")
}

func TestTerminalResize(t *testing.T) {
	x := openMenu(t, 80, 24)
	x.tmux("resize-window", "-x", "50", "-y", "12")
	x.waitFor("\n" + "-- arch-lts.conf " + strings.Repeat("-", 33) + "\n")
	x.keys("Down")
	x.waitFor("> x Windows")
	x.tmux("resize-window", "-x", "100", "-y", "30")
	x.waitFor("-- windows.conf " + strings.Repeat("-", 84))
	x.waitFor("Up/Down move")
}

// Escape is told from the sequences that begin with it, a pasted newline from
// Enter, and the mouse from both.
func TestTerminalKeys(t *testing.T) {
	x := openMenu(t, 80, 24)
	x.tmux("set-buffer", "windows\n")
	x.tmux("paste-buffer", "-p", "-t", "0")
	x.waitFor("> windows")
	x.waitFor("an EFI program")
	x.keys("Escape")
	x.waitFor("type to search")
	x.tmux("send-keys", "-t", "0", "-l", "\x1b[<0;5;4M")
	x.waitFor("plan of arch.conf")
	x.keys("Escape")
	x.waitFor(`left with action 0, id "", line "the entry's own", error <nil>`)
}

// The settings of the terminal are as they were, also after a panic, and whoever
// reads next gets all that is typed.
func TestTerminalIsGivenBack(t *testing.T) {
	for _, tt := range []struct {
		name string
		keys []string
		says string
	}{
		{"left", []string{"C-c"}, "left with action 0"},
		{"panicked", []string{"Tab", "C-u", "panic", "Enter"}, "panic: no plan"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			settings := filepath.Join(t.TempDir(), "settings")
			x := open(t, 200, 50, fmt.Sprintf("stty -g >%s; env MENU_IN_TERMINAL=1 %s; stty -g | cmp - %[1]s && read -r next && echo given back, then $next", settings, os.Args[0]))
			x.waitFor("plan of arch-lts.conf")
			x.keys(tt.keys...)
			x.waitFor(tt.says)
			x.keys("t", "h", "i", "s", "Enter")
			x.waitFor("given back, then this")
		})
	}
}

func TestTerminalInterrupt(t *testing.T) {
	x := openMenu(t, 80, 24)
	x.keys("C-c")
	x.waitFor(`left with action 0, id "", line "the entry's own", error <nil>`)
}

// The terminal goes away: nothing was chosen, and nobody is left waiting.
func TestTerminalHangsUp(t *testing.T) {
	says := filepath.Join(t.TempDir(), "says")
	pid := filepath.Join(t.TempDir(), "pid")
	x := open(t, 80, 24, fmt.Sprintf("sh -c 'echo $$ >%s; MENU_SAYS=%s MENU_IN_TERMINAL=1 exec %s'", pid, says, os.Args[0]))
	x.waitFor("plan of arch-lts.conf")
	text, err := os.ReadFile(pid)
	require.NoError(t, err)
	var id int
	_, err = fmt.Sscan(string(text), &id)
	require.NoError(t, err)
	x.tmux("kill-session", "-t", "0")
	require.Eventually(t, func() bool { return unix.Kill(id, 0) == unix.ESRCH }, 20*time.Second, 20*time.Millisecond)
	said, err := os.ReadFile(says)
	require.NoError(t, err)
	assert.Regexp(t, "^0 menu: read the keys: ", string(said))
}

// Output into a pipe is no terminal, whatever is at its other end.
func TestNoTerminal(t *testing.T) {
	x := open(t, 80, 24, "env MENU_IN_TERMINAL=1 "+os.Args[0]+" | head -n 1")
	x.waitFor("a menu needs a terminal")
	x = open(t, 80, 24, "env MENU_IN_TERMINAL=1 "+os.Args[0]+" </dev/null")
	x.waitFor("a menu needs a terminal")
}

// A terminal without colours or size, as a serial console is.
func TestSerialConsole(t *testing.T) {
	x := open(t, 80, 24, "stty rows 0 cols 0; env TERM=vt220 MENU_IN_TERMINAL=1 "+os.Args[0])
	x.waitFor("plan of arch-lts.conf")
	x.keys("Enter")
	x.waitFor("Reboot into arch-lts.conf?")
	x.keys("r")
	x.waitFor(`left with action 2, id "arch-lts.conf"`)
}
