package main

import (
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHookSysupdate: a call of systemd-sysupdate is answered when the work is done,
// which a process does that does not see the connection.
func TestHookSysupdate(t *testing.T) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	stdin, caller := os.Stdin, os.NewFile(uintptr(pair[1]), "caller")
	os.Stdin = os.NewFile(uintptr(pair[0]), "standard input")
	t.Cleanup(func() { os.Stdin = stdin })
	_, err = caller.WriteString("{\"method\":\"io.systemd.SysUpdate.Notify.OnCompletedUpdate\",\"parameters\":{}}\x00")
	require.NoError(t, err)
	require.NoError(t, syscall.Shutdown(pair[1], syscall.SHUT_WR))

	h := newHooked(t, "notify")
	var ran []string
	h.self = func(args []string) *exec.Cmd {
		ran = args
		return exec.Command("sh", "-c", "cat; echo done")
	}
	got := h.run("hook", "sysupdate")
	require.Equal(t, exitDone, got.code, got.stderr)
	assert.Equal(t, []string{"--within", "hook", "sysupdate"}, ran)
	assert.Equal(t, "done\n", got.stderr)
	require.NoError(t, os.Stdin.Close())
	answer, err := io.ReadAll(caller)
	require.NoError(t, err)
	assert.Equal(t, "{\"parameters\":{}}\x00", string(answer))
	require.NoError(t, caller.Close())

	assert.Equal(t, arrow, h.hook(t, "sysupdate"), "the work is that of the other hooks")
}
