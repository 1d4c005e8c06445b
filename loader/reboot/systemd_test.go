package reboot_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// A fake is a program that notes how it was called, one line a call.
type fake struct{ path, calls string }

// program makes a fake from what follows in a shell script.
func program(t *testing.T, name, script string) fake {
	dir := t.TempDir()
	f := fake{filepath.Join(dir, name), filepath.Join(dir, "calls")}
	text := fmt.Sprintf("#!/bin/sh\necho \"%s $* skip=$SYSTEMCTL_SKIP_AUTO_KEXEC\" >> '%s'\n%s\n", name, f.calls, script)
	require.NoError(t, os.WriteFile(f.path, []byte(text), 0o700))
	return f
}

func (f fake) called(t *testing.T) []string {
	b, err := os.ReadFile(f.calls)
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// old is a systemctl that does not know some flags.
func old(flags ...string) string {
	script := "[ \"$1\" != --version ] || { echo 'systemd 245 (245.4-4ubuntu3)'; echo +PAM; exit 0; }\nfor a; do case $a in\n"
	for _, f := range flags {
		script += fmt.Sprintf("%s*) echo \"systemctl: unrecognized option '$a'\" >&2; exit 1;;\n", f)
	}
	return script + "esac; done"
}

func TestKexecPassesFlagsOn(t *testing.T) {
	for name, c := range map[string]struct {
		o    reboot.Options
		want string
	}{
		"nothing": {reboot.Options{}, "kexec"},
		"all": {
			reboot.Options{When: "+5min", Message: "kexec into arch.conf; $(boo)", CheckInhibitors: "no", NoWall: true, NoBlock: true, Force: true, Quiet: true},
			"kexec --when=+5min --message=kexec into arch.conf; $(boo) --check-inhibitors=no --no-wall --no-block --force --quiet",
		},
		"at a terminal":               {reboot.Options{Terminal: true}, "kexec --check-inhibitors=yes"},
		"at a terminal, auto":         {reboot.Options{Terminal: true, CheckInhibitors: "auto"}, "kexec --check-inhibitors=yes"},
		"at a terminal, but":          {reboot.Options{Terminal: true, CheckInhibitors: "no"}, "kexec --check-inhibitors=no"},
		"auto, but not at a terminal": {reboot.Options{CheckInhibitors: "auto"}, "kexec --check-inhibitors=auto"},
	} {
		f := program(t, "systemctl", "")
		c.o.Program = f.path
		require.NoError(t, reboot.Running().Kexec(t.Context(), c.o), name)
		assert.Equal(t, []string{"systemctl " + c.want + " skip=1"}, f.called(t), name)
	}
}

func TestProgramIsFoundInPath(t *testing.T) {
	f := program(t, "systemctl", "")
	t.Setenv("PATH", filepath.Dir(f.path)+":"+os.Getenv("PATH"))
	require.NoError(t, reboot.Running().Reboot(t.Context(), reboot.Options{NoWall: true}))
	assert.Equal(t, []string{"systemctl reboot --no-wall skip=1"}, f.called(t), "an ordinary reboot must not become a kexec")
	require.NoError(t, reboot.Running().Reboot(t.Context(), reboot.Options{Entry: "win.conf"}))
	assert.Equal(t, "systemctl reboot --boot-loader-entry=win.conf skip=1", f.called(t)[1])
}

// TestRefusalHasTheWords holds that what systemctl says reaches the caller both
// ways, and that its text cannot play with the terminal when it is printed
// again.
func TestRefusalHasTheWords(t *testing.T) {
	f := program(t, "systemctl", `echo out; printf 'Operation inhibited by "\033[31mapt" (PID 12).\n\nPlease retry.\n' >&2; exit 3`)
	var stdout, stderr strings.Builder
	err := reboot.Running().Kexec(t.Context(), reboot.Options{Program: f.path, Stdout: &stdout, Stderr: &stderr})
	assert.EqualError(t, err, `systemctl kexec: Operation inhibited by " [31mapt" (PID 12).; Please retry.`)
	var refused *reboot.RefusedError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "systemctl kexec", refused.Command)
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 3, exit.ExitCode())
	assert.Equal(t, "out\n", stdout.String())
	assert.Contains(t, stderr.String(), "\x1b[31mapt", "as it was said")

	f = program(t, "systemctl", "exit 1")
	assert.EqualError(t, reboot.Running().Kexec(t.Context(), reboot.Options{Program: f.path}), "systemctl kexec: exit status 1")

	f = program(t, "systemctl", "yes xxxxxxxxx | head -c 1000000 >&2; exit 1")
	err = reboot.Running().Kexec(t.Context(), reboot.Options{Program: f.path})
	assert.Less(t, len(err.Error()), 5000, "a flood is cut")

	err = reboot.Running().Kexec(t.Context(), reboot.Options{Program: "/nonexistent/systemctl"})
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "systemctl kexec: ")
}

func TestOlderSystemctl(t *testing.T) {
	for name, c := range map[string]struct {
		unknown string
		o       reboot.Options
		last    string // the call that had to do
		err     string
	}{
		"inhibitors are ignored the old way": {
			"--check-inhibitors", reboot.Options{CheckInhibitors: "no", Force: true},
			"kexec --ignore-inhibitors --force", "",
		},
		"our own check is left to it": {
			"--check-inhibitors", reboot.Options{Terminal: true}, "kexec", "",
		},
		"a check that was asked for is not dropped": {
			"--check-inhibitors", reboot.Options{CheckInhibitors: "yes"},
			"--version", "systemd 245 does not have --check-inhibitors: systemctl kexec: systemctl: unrecognized option '--check-inhibitors=yes'",
		},
		"the message is dropped": {"--message", reboot.Options{Message: "m", NoWall: true}, "kexec --no-wall", ""},
		"a time is not dropped": {
			"--when", reboot.Options{When: "+1h", Message: "m"},
			"--version", "systemd 245 does not have --when: systemctl kexec: systemctl: unrecognized option '--when=+1h'",
		},
	} {
		f := program(t, "systemctl", old(c.unknown))
		c.o.Program = f.path
		err := reboot.Running().Kexec(t.Context(), c.o)
		calls := f.called(t)
		assert.Equal(t, "systemctl "+c.last+" skip=1", calls[len(calls)-1], name)
		if c.err == "" {
			assert.NoError(t, err, name)
		} else {
			assert.EqualError(t, err, c.err, name)
		}
	}
}

func TestVersionThatCannotBeRead(t *testing.T) {
	for _, answer := range []string{"exit 1", "echo toybox 1.0", ""} {
		f := program(t, "systemctl", "[ \"$1\" != --version ] || { "+answer+"\nexit; }\n"+old("--when"))
		err := reboot.Running().Kexec(t.Context(), reboot.Options{When: "now", Program: f.path})
		assert.EqualError(t, err, "systemctl kexec: systemctl: unrecognized option '--when=now'")
	}
}

// TestCancel holds that taking back does not need a loaded kernel, as the verb
// kexec does, and works with a systemd that leaves it to shutdown(8).
func TestCancel(t *testing.T) {
	f := program(t, "systemctl", "")
	require.NoError(t, reboot.Running().Cancel(t.Context(), reboot.Options{Program: f.path, When: "x", Force: true, Terminal: true}))
	assert.Equal(t, []string{"systemctl reboot --when=cancel --check-inhibitors=no skip=1"}, f.called(t))

	f = program(t, "systemctl", old("--when"))
	shutdown := program(t, "shutdown", "")
	t.Setenv("PATH", filepath.Dir(shutdown.path)+":"+os.Getenv("PATH"))
	require.NoError(t, reboot.Running().Cancel(t.Context(), reboot.Options{Program: f.path}))
	assert.Equal(t, []string{"shutdown -c skip=1"}, shutdown.called(t))
}

// TestContextDoesNotBetrayTheReboot holds that a requester who is told to end,
// as all are by the reboot they asked for, still hears that it was accepted.
func TestContextDoesNotBetrayTheReboot(t *testing.T) {
	f := program(t, "systemctl", "sleep 0.3")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	assert.NoError(t, reboot.Running().Kexec(ctx, reboot.Options{Program: f.path}))
	assert.Error(t, ctx.Err())

	f = program(t, "systemctl", "sleep 0.3; exit 1")
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var exit *exec.ExitError
	assert.True(t, errors.As(reboot.Running().Kexec(ctx, reboot.Options{Program: f.path}), &exit))
}
