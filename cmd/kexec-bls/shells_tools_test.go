//go:build tools

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// A shell is an interactive one in a terminal, with the completion that we install.
type shell struct {
	t           *testing.T
	socket, dir string // of tmux; where it works
	esp         string
	typed       int // lines
}

// newShell starts a shell by its name: command runs it, setup makes it complete.
func newShell(t *testing.T, program, name, command, setup string) *shell {
	t.Helper()
	for _, tool := range []string{name, "tmux"} {
		_, err := exec.LookPath(tool)
		require.NoError(t, err, "%s is needed; fixtures/setup.sh test installs it", tool)
	}
	s := &shell{t: t, dir: t.TempDir()}
	s.socket, s.esp = filepath.Join(s.dir, "tmux"), filepath.Join(s.dir, "esp")
	require.NoError(t, os.MkdirAll(filepath.Join(s.dir, "work"), 0o755))
	require.NoError(t, os.MkdirAll(s.esp, 0o755))
	script, err := exec.Command(program, "completion", name).Output()
	require.NoError(t, err)
	write(t, s.dir, map[string]string{"comp/_kexec-bls": string(script)})
	env := "exec env SYSTEMD_ESP_PATH=" + s.esp + " SYSTEMD_PAGER=cat HISTFILE=/dev/null HOME=" + s.dir + " PATH=" + filepath.Dir(program) + ":$PATH "
	s.tmux("-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "50", "-c", filepath.Join(s.dir, "work"), env+command)
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", s.socket, "kill-server").Run() }) // it may be gone
	s.line(strings.ReplaceAll(setup, "COMP", filepath.Join(s.dir, "comp")), "Enter")
	return s
}

func (s *shell) tmux(args ...string) string {
	s.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", s.socket}, args...)...).CombinedOutput()
	require.NoError(s.t, err, "tmux %q: %s", args, out)
	return string(out)
}

// line types a line and keys, and waits until the shell has worked through it all.
func (s *shell) line(text string, keys ...string) {
	s.t.Helper()
	s.tmux("send-keys", "-l", "-t", "0", text)
	s.tmux(append([]string{"send-keys", "-t", "0"}, keys...)...)
	s.typed++
	s.tmux("send-keys", "-l", "-t", "0", fmt.Sprintf("echo end''-%d.", s.typed))
	s.tmux("send-keys", "-t", "0", "Enter")
	s.await(fmt.Sprintf("end-%d.", s.typed))
}

// await waits for a text on the screen.
func (s *shell) await(text string) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		screen := s.screen()
		if strings.Contains(screen, text) {
			return
		}
		require.True(s.t, time.Now().Before(end), "%q never came; the screen:\n%s", text, screen)
	}
}

func (s *shell) screen() string { return s.tmux("capture-pane", "-p", "-t", "0") }

// entry makes the boot partition one with two entries: a safe one, and another.
func (s *shell) entry(name, title string) {
	s.t.Helper()
	require.NoError(s.t, os.RemoveAll(filepath.Join(s.esp, "loader")))
	write(s.t, s.esp, map[string]string{
		"loader/entries/" + name:          "title " + title + "\nlinux /vmlinuz\n",
		"loader/entries/safe-choice.conf": "title Safe\nsort-key z\nlinux /vmlinuz\n",
	})
}

// TestShellsRunNothing: whatever the name and the title of an entry, TAB and Enter run
// nothing of them in the real shells. Each would write a file PWNED.
func TestShellsRunNothing(t *testing.T) {
	program := filepath.Join(t.TempDir(), "kexec-bls")
	require.NoError(t, os.WriteFile(program, vm.Build(t, "."), 0o755))
	for _, shell := range []struct{ name, command, setup string }{
		{"bash", "bash --norc --noprofile -i", ". /usr/share/bash-completion/bash_completion; . COMP/_kexec-bls"},
		{"zsh", "zsh -f -i", "PS1='> '; fpath=(COMP $fpath); autoload -U compinit; compinit -u -D"},
		{"fish", "fish --no-config -i", "function fish_prompt; echo '> '; end; source COMP/_kexec-bls"},
	} {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			s := newShell(t, program, shell.name, shell.command, shell.setup)
			write(t, s.esp, map[string]string{"vmlinuz": "x"})
			s.entry("other.conf", "Other")
			s.tmux("send-keys", "-l", "-t", "0", "kexec-bls show safe-c")
			s.tmux("send-keys", "-t", "0", "Tab")
			s.await("kexec-bls show safe-choice.conf") // else nothing is tested here
			s.tmux("send-keys", "-t", "0", "C-u")
			for i, name := range hostileNames() {
				title := "Title"
				if i%2 == 1 {
					title = "$(touch PWNED)`touch PWNED`(touch PWNED);touch PWNED;"
				}
				s.entry(name, title)
				s.line("kexec-bls show ", "Tab", "Tab", "Enter", "Enter")
				s.entry("q"+name, title) // one that a letter and TAB complete
				s.line("kexec-bls show q", "Tab", "Tab", "Enter", "Enter")
				require.NoFileExists(t, filepath.Join(s.dir, "work/PWNED"), "%q\n%s", name, s.screen())
			}
			files, err := os.ReadDir(filepath.Join(s.dir, "work"))
			require.NoError(t, err)
			assert.Empty(t, files)
		})
	}
}

// hostileNames are of entries whose names are commands, in one shell or another.
func hostileNames() []string {
	return []string{
		"plain.conf", "also-plain.conf", // with a hostile title
		"$(touch PWNED).conf", "`touch PWNED`.conf", ";touch PWNED;.conf", "|touch PWNED;.conf", "&touch PWNED&.conf", "(touch PWNED).conf",
		"<(touch PWNED).conf", "=(touch PWNED).conf", "'$(touch PWNED)'.conf", "\"$(touch PWNED)\".conf", "$(touch${IFS}PWNED).conf",
		"a'$(touch PWNED)'b.conf", "{a,$(touch PWNED)}.conf", "x\ntouch PWNED\n.conf", "x\\$(touch PWNED).conf", "a]$(touch PWNED)[b.conf",
		":$(touch PWNED):x.conf", "%$(touch PWNED).conf", "a\t$(touch PWNED).conf", "~$(touch PWNED).conf", "a$(touch PWNED)b.conf", "a`touch PWNED`b.conf",
		"a(touch PWNED)b.conf", "${x:-$(touch PWNED)}.conf", "$'x\\n$(touch PWNED)'.conf",
	}
}

// TestFishFindsItsCompletion wherever install.sh puts it, without XDG_DATA_DIRS.
func TestFishFindsItsCompletion(t *testing.T) {
	fish, err := exec.LookPath("fish")
	require.NoError(t, err, "fish is needed; fixtures/setup.sh test installs it")
	cmd := exec.Command(fish, "-c", `string join \n $fish_complete_path`)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, prefix := range []string{"/usr", "/usr/local", "/opt/kb"} {
		for path := range install(t, "PREFIX="+prefix, "HOOKS=") {
			if strings.HasSuffix(path, ".fish") {
				assert.Contains(t, strings.Fields(string(out)), filepath.Dir(path), prefix)
			}
		}
	}
}
