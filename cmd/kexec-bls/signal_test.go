package main

import (
	"context"
	"debug/elf"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// TestQuit: SIGQUIT between the load and the hand-over undoes the load.
func TestQuit(t *testing.T) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGQUIT) // else a failure would end all tests
	defer signal.Reset(syscall.SIGQUIT)
	f, esp := newFake(t, archFiles())
	f.loading = func() { require.NoError(t, unix.Kill(os.Getpid(), syscall.SIGQUIT)) }
	f.machine.Init.Kexec = func(ctx context.Context, _ reboot.Options) error {
		<-ctx.Done()
		return ctx.Err()
	}
	got := f.run("reboot", "--esp-path="+esp)
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.stderr, "nothing was rebooted; unloaded again")
	assert.False(t, f.isThere)
}

// TestClosedOutput: whose reader has gone, SIGPIPE, does not end a reboot
// half-way; nor does an output that was closed from the start.
func TestClosedOutput(t *testing.T) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	defer signal.Reset(syscall.SIGPIPE)
	for _, name := range []string{"pipe", "closed"} {
		t.Run(name, func(t *testing.T) {
			f, esp := newFake(t, archFiles())
			r, w, err := os.Pipe()
			require.NoError(t, err)
			defer w.Close()
			require.NoError(t, r.Close())
			if name == "closed" {
				require.NoError(t, w.Close())
			}
			f.loading = func() { require.NoError(t, unix.Kill(os.Getpid(), syscall.SIGPIPE)) }
			run(t.Context(), []string{"reboot", "-v", "--esp-path=" + esp}, f.environment, w, w)
			require.True(t, f.isThere)
			assert.Equal(t, []string{"load", "systemctl kexec into arch.conf"}, f.acts, "handed over")
		})
	}
}

// TestProgramNeedsNoInterpreter: the program starts on machines of any C
// library, which Go's PIE does not: it names one as its interpreter.
func TestProgramNeedsNoInterpreter(t *testing.T) {
	program := builtBinary(t)
	image, err := elf.Open(program)
	require.NoError(t, err)
	defer image.Close()
	for _, p := range image.Progs {
		assert.NotEqual(t, elf.PT_INTERP, p.Type)
	}
	require.NoError(t, exec.Command(program, "--version").Run())
}

// TestSecurityNamesFiles holds that what SECURITY.md names as tests is there.
func TestSecurityNamesFiles(t *testing.T) {
	text, err := os.ReadFile("../../.github/SECURITY.md")
	require.NoError(t, err)
	named := regexp.MustCompile("`((?:bls|cmd|entries|fixtures|loader)/[^` ]+)`").FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(named), 10)
	for _, n := range named {
		found, err := filepath.Glob(filepath.Join("../..", n[1]))
		require.NoError(t, err)
		assert.NotEmpty(t, found, n[1])
	}
}
