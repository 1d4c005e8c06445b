package reboot_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// TestEndingOfTheSystem: a service that stops asks which way the system goes; where
// that cannot be answered it hears why.
func TestEndingOfTheSystem(t *testing.T) {
	f := program(t, "systemctl", "echo '7 kexec.target start waiting'; echo warning >&2")
	onlyPath(t, f)
	way, err := reboot.Running().Ending(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "kexec", way)
	assert.Equal(t, []string{"systemctl list-jobs --no-legend --no-pager --plain skip=1"}, f.called(t))

	onlyPath(t, program(t, "systemctl", "echo '7 kexec.target start waiting'; echo no bus >&2; exit 1"))
	_, err = reboot.Running().Ending(t.Context())
	assert.EqualError(t, err, "systemctl list-jobs: no bus")
}

func TestReached(t *testing.T) {
	f := program(t, "systemctl", "echo 1000000")
	onlyPath(t, f)
	at, err := reboot.Running().Reached(t.Context(), "multi-user.target")
	require.NoError(t, err)
	assert.Equal(t, []string{"systemctl show --property=ActiveEnterTimestampMonotonic --value multi-user.target skip=1"}, f.called(t))
	var info syscall.Sysinfo_t
	require.NoError(t, syscall.Sysinfo(&info))
	assert.WithinDuration(t, time.Now().Add(time.Second-time.Duration(info.Uptime)*time.Second), at, time.Minute)

	for name, script := range map[string]string{"never": "echo 0", "not yet, as it seems": "echo 9000000000000000"} {
		onlyPath(t, program(t, "systemctl", script))
		at, err := reboot.Running().Reached(t.Context(), "x.target")
		require.NoError(t, err, name)
		assert.Zero(t, at, name)
	}
	for name, script := range map[string]string{"empty": "", "refused": "exit 1", "text": "echo n/a"} {
		onlyPath(t, program(t, "systemctl", script))
		at, err := reboot.Running().Reached(t.Context(), "x.target")
		assert.Error(t, err, name)
		assert.Zero(t, at, name)
	}
}

func TestUnitProperty(t *testing.T) {
	f := program(t, "systemctl", "echo enabled")
	onlyPath(t, f)
	value, err := reboot.Running().UnitProperty(t.Context(), "a.service", "UnitFileState")
	require.NoError(t, err)
	assert.Equal(t, "enabled", value)
	require.NoError(t, reboot.Running().ReloadUnits(t.Context()))
	require.NoError(t, reboot.Running().SoftReboot(t.Context(), reboot.Options{NoWall: true}))
	assert.Equal(t, []string{
		"systemctl show --property=UnitFileState --value a.service skip=1",
		"systemctl daemon-reload skip=1", "systemctl soft-reboot --no-wall skip=1",
	}, f.called(t))
}

// TestReadOnlyLeavesWhatIsGone: a mount point that is no longer there does not keep
// the machine from jumping, and nothing has to be undone. Nothing is mounted here.
func TestReadOnlyLeavesWhatIsGone(t *testing.T) {
	_, _, err := reboot.ReadOnly(host.Machine{FS: root()})
	require.Error(t, err, "without a mount table nothing is known to be clean")

	gone := filepath.Join(t.TempDir(), "gone")
	m := host.Machine{FS: root("proc/self/mountinfo", "22 1 254:1 / "+gone+" rw - ext4 /dev/vda2 rw\n23 22 0:21 / /proc rw - proc proc rw\n")}
	left, undo, err := reboot.ReadOnly(m)
	require.NoError(t, err)
	assert.Equal(t, []string{gone}, left)
	assert.NoError(t, undo())
}

// TestSecret: a key of any size arrives as it was, and the copy that it came from is
// overwritten.
func TestSecret(t *testing.T) {
	for _, n := range []int{1, 4095, 4096, 4097, 60_000} {
		want := bytes.Repeat([]byte("key"), n)[:n]
		given := bytes.Clone(want)
		secret, err := reboot.NewSecret(given)
		require.NoError(t, err)
		assert.Equal(t, make([]byte, n), given)
		for range 2 {
			got, err := io.ReadAll(secret.Reader())
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
		require.NoError(t, secret.Close())
		_, err = io.ReadAll(secret.Reader())
		assert.Error(t, err, "it is gone")
	}
}

// TestEnrollIsInterrupted: whoever presses Ctrl-C is not left with a program that
// waits for a TPM.
func TestEnrollIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	started := filepath.Join(t.TempDir(), "started")
	require.NoError(t, syscall.Mkfifo(started, 0o600))
	enroller(t, "echo >'"+started+"'; exec sleep 60")
	go func() {
		_, _ = os.ReadFile(started) // until it runs
		cancel()
	}()
	err := reboot.Running().Enroll(ctx, reboot.Enrolment{Device: "/dev/x"})
	exit, ok := errors.AsType[*exec.ExitError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, syscall.SIGINT, exit.Sys().(syscall.WaitStatus).Signal())
}

// TestDropInFails: what cannot be written, read or removed is said.
func TestDropInFails(t *testing.T) {
	units := t.TempDir()
	file := filepath.Join(units, "systemd-reboot.service.d/50-kexec-bls.conf")
	require.NoError(t, os.MkdirAll(filepath.Join(file, "x"), 0o755))
	_, err := reboot.HasDropIn(units)
	require.ErrorContains(t, err, file)
	require.ErrorContains(t, reboot.RemoveDropIn(units), file)
	require.ErrorContains(t, reboot.WriteDropIn(units), file)
	assert.Equal(t, []string{"50-kexec-bls.conf"}, list(t, filepath.Dir(file)))

	require.NoError(t, os.WriteFile(filepath.Join(units, "file"), nil, 0o600))
	require.Error(t, reboot.WriteDropIn(filepath.Join(units, "file")))
}

// TestConsoleThatStays: where a console cannot be taken off a card, its driver is
// left alone.
func TestConsoleThatStays(t *testing.T) {
	g, unloaded := card(t)
	g.Host.Dir = filepath.Join(g.Host.Dir, "read-only")
	got, err := g.Release()
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.Empty(t, got)
	assert.Empty(t, *unloaded)
}

// TestDriverInUse names nobody where the kernel names nobody.
func TestDriverInUse(t *testing.T) {
	g, _ := card(t)
	g.Unload = func(string) error { return syscall.EWOULDBLOCK }
	_, err := g.Release()
	assert.ErrorContains(t, err, "nvidia_drm: resource temporarily unavailable")
	assert.NotContains(t, err.Error(), "used by")
}
