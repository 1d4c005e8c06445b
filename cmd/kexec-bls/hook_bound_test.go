package main

import (
	"bytes"
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// runBounded is a hook's work by a shell.
func runBounded(ctx context.Context, script string, limit time.Duration) (said string, took time.Duration) {
	var out bytes.Buffer
	a := &app{ui: &ui{out: &out, err: &out}}
	begin := time.Now()
	a.bounded(ctx, exec.Command("sh", "-c", script), limit)
	return out.String(), time.Since(begin)
}

func TestHookIsBounded(t *testing.T) {
	ctx := context.Background()
	said, _ := runBounded(ctx, "echo one; echo two >&2", time.Minute)
	assert.Equal(t, "one\ntwo\n", said)
	said, _ = runBounded(ctx, "echo one; exit 3", time.Minute)
	assert.Equal(t, "one\nkexec-bls: warning: the hook ended early: exit status 3\n", said)
	said, _ = runBounded(ctx, "kill -9 $$", time.Minute)
	assert.Contains(t, said, "killed")
	said, _ = runBounded(ctx, "head -c 300000 /dev/zero", time.Minute)
	assert.Len(t, said, 300000)

	const gaveUp = "kexec-bls: warning: gave up after 100ms: something does not answer"
	said, took := runBounded(ctx, "echo one; sleep 60", 100*time.Millisecond)
	assert.Contains(t, said, "one\n"+gaveUp)
	assert.Less(t, took, 30*time.Second)
	said, took = runBounded(ctx, "trap '' TERM; exec sleep 60", 100*time.Millisecond)
	assert.Contains(t, said, gaveUp, "even where it does not want to end")
	assert.Less(t, took, 30*time.Second)
	said, took = runBounded(ctx, "sleep 60 & exit", 100*time.Millisecond)
	assert.Less(t, took, 30*time.Second, "a child of it that keeps the pipe open")
	assert.NotContains(t, said, "panic")

	ctx, cancel := context.WithCancel(ctx)
	time.AfterFunc(100*time.Millisecond, cancel)
	said, took = runBounded(ctx, "sleep 60", time.Minute)
	assert.Empty(t, said, "the user wanted it")
	assert.Less(t, took, 30*time.Second)
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
	assert.Equal(t, []string{"hook", "kernel-install", "--within", "--esp-path=" + h.esp, "--quiet=true", "--", "add", "6.12.1", "--odd"}, ran)

	h.self = func([]string) *exec.Cmd { return exec.Command("/nowhere") }
	got = h.run("hook", "pacman")
	assert.Equal(t, exitDone, got.code)
	assert.Contains(t, got.stderr, "the hook cannot start")

	h = newHooked(t, "off")
	h.self = func([]string) *exec.Cmd { t.Error("nothing to do"); return exec.Command("true") }
	assert.Empty(t, h.run("hook", "pacman").stderr)
}
