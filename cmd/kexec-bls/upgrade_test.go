package main

import (
	"context"
	"errors"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/watch"
)

// TestHookPassesOn is a hook whose work is a shell's: it never fails.
func TestHookPassesOn(t *testing.T) {
	h := newHooked(t, "notify")
	said := func(script string) string {
		t.Helper()
		h.self = func([]string) *exec.Cmd { return exec.Command("sh", "-c", script) }
		got := h.run("hook", "pacman")
		assert.Equal(t, exitDone, got.code)
		assert.Empty(t, got.stdout)
		return got.stderr
	}
	assert.Equal(t, "one\ntwo\n", said("echo one; echo two >&2"))
	assert.Equal(t, "one\nkexec-bls: warning: the hook ended early: exit status 3\n", said("echo one; exit 3"))
	assert.Contains(t, said("kill -9 $$"), "killed")
	assert.Len(t, said("head -c 300000 /dev/zero"), 300000)
}

// TestHookThatHangs: the user is told, unless it was the user who ended it.
func TestHookThatHangs(t *testing.T) {
	h := newHooked(t, "notify")
	report := func(ctx context.Context, err error) string {
		return capture(h.fake, func(a *app) { a.reportEnd(ctx, err) })
	}
	hung := &watch.HungError{What: "/efi", Limit: notifyLimit}
	assert.Equal(t, "kexec-bls: warning: /efi: no answer within 10s; kexec-bls status shows what is loaded\n", report(t.Context(), hung))
	assert.Empty(t, report(t.Context(), nil))
	assert.Empty(t, report(canceled(t), context.Canceled))
	assert.Contains(t, report(t.Context(), errors.New("broken")), "the hook ended early: broken")
}

// TestHookRunsItselfOnce: the process has the same flags and arguments.
func TestHookRunsItselfOnce(t *testing.T) {
	h := newHooked(t, "notify")
	var ran []string
	h.self = func(args []string) *exec.Cmd {
		ran = args
		return exec.Command("echo", "done")
	}
	got := h.run("-q", "hook", "kernel-install", "--esp-path="+h.esp, "--", "add", "6.12.1", "--odd")
	require.Equal(t, exitDone, got.code, got.stderr)
	assert.Equal(t, "done\n", got.stderr)
	assert.Equal(t, []string{"--within", "-q", "hook", "kernel-install", "--esp-path=" + h.esp, "--", "add", "6.12.1", "--odd"}, ran)

	h.self = func([]string) *exec.Cmd { return exec.Command("/nowhere") }
	got = h.run("hook", "pacman")
	assert.Equal(t, exitDone, got.code)
	assert.Contains(t, got.stderr, "/nowhere: no such file or directory")

	h = newHooked(t, "off")
	h.self = func([]string) *exec.Cmd { t.Error("nothing to do"); return exec.Command("true") }
	assert.Empty(t, h.run("hook", "pacman").stderr)
}
