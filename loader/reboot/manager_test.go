package reboot_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

const manager = "org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager"

func TestProperties(t *testing.T) {
	f := program(t, "busctl", `[ "$1" = set-property ] || echo 't 600000000'`)
	t.Setenv("PATH", filepath.Dir(f.path)+":"+os.Getenv("PATH"))
	system := reboot.Running()
	n, err := system.Property(t.Context(), "KExecWatchdogUSec")
	require.NoError(t, err)
	assert.EqualValues(t, 600000000, n)
	require.NoError(t, system.SetProperty(t.Context(), "KExecWatchdogUSec", 5))
	assert.Equal(t, []string{
		"busctl get-property " + manager + " KExecWatchdogUSec skip=1",
		"busctl set-property " + manager + " KExecWatchdogUSec t 5 skip=1",
	}, f.called(t))
	for _, answer := range []string{"", "s x", "t x", "t -1"} {
		f := program(t, "busctl", "echo '"+answer+"'")
		t.Setenv("PATH", filepath.Dir(f.path)+":"+os.Getenv("PATH"))
		_, err := system.Property(t.Context(), "X")
		assert.ErrorContains(t, err, "want a number", answer)
	}
	f = program(t, "busctl", "echo 't 5'; echo no bus >&2; exit 1")
	t.Setenv("PATH", filepath.Dir(f.path)+":"+os.Getenv("PATH"))
	_, err = system.Property(t.Context(), "X")
	assert.EqualError(t, err, "busctl get-property: no bus")
}

func TestUnits(t *testing.T) {
	f := program(t, "systemctl", "")
	t.Setenv("PATH", filepath.Dir(f.path)+":"+os.Getenv("PATH"))
	system := reboot.Running()
	require.NoError(t, system.EnableUnit(t.Context(), "a.service", true))
	require.NoError(t, system.EnableUnit(t.Context(), "a.service", false))
	require.NoError(t, system.StartUnit(t.Context(), "b.target"))
	require.NoError(t, system.RebootNow(t.Context()))
	assert.Equal(t, []string{
		"systemctl enable --quiet a.service skip=1", "systemctl disable --quiet a.service skip=1",
		"systemctl start b.target skip=1", "systemctl reboot --force --force skip=1",
	}, f.called(t))
}

func TestRunProgram(t *testing.T) {
	f := program(t, "systemd-run", `echo sick >&2; exit "$7"`)
	t.Setenv("PATH", filepath.Dir(f.path)+":"+os.Getenv("PATH"))
	require.NoError(t, reboot.Running().RunProgram(t.Context(), []string{"/bin/check", "0"}))
	assert.ErrorContains(t, reboot.Running().RunProgram(t.Context(), []string{"/bin/check", "3"}), "sick")
	assert.Equal(t, "systemd-run --quiet --collect --wait --pipe -- /bin/check 0 skip=1", f.called(t)[0])
}

func TestModuleParameters(t *testing.T) {
	f := program(t, "modprobe", "")
	t.Setenv("PATH", filepath.Dir(f.path)+":"+os.Getenv("PATH"))
	require.NoError(t, reboot.Running().LoadModule(t.Context(), "watchdog", "stop_on_reboot=0"))
	assert.Equal(t, []string{"modprobe -- watchdog stop_on_reboot=0 skip=1"}, f.called(t))
}

// TestWatchdog is of a file, which has no timeout: what is written counts.
func TestWatchdog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "watchdog0")
	_, err := reboot.Running().OpenWatchdog(path, 30)
	require.ErrorIs(t, err, os.ErrNotExist)
	for name, v := range map[string]struct {
		end  func(reboot.Watchdog) error
		want string
	}{
		"release": {func(w reboot.Watchdog) error { return w.Release() }, "\x00\x00V"},
		"abandon": {func(w reboot.Watchdog) error { return w.Abandon() }, "\x00\x00"},
	} {
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		w, err := reboot.Running().OpenWatchdog(path, 30)
		require.NoError(t, err)
		require.NoError(t, w.Ping())
		require.NoError(t, w.Ping())
		require.NoError(t, v.end(w))
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, v.want, string(text), name)
		assert.Error(t, w.Ping(), "closed")
	}
}
