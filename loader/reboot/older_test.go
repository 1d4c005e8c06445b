package reboot_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// TestFlagsAreDroppedOneByOne: a systemctl that knows neither of two is asked three
// times.
func TestFlagsAreDroppedOneByOne(t *testing.T) {
	f := program(t, "systemctl", old("--message", "--check-inhibitors"))
	o := reboot.Options{Program: f.path, Message: "m", CheckInhibitors: "no", Quiet: true}
	require.NoError(t, reboot.Running().Kexec(t.Context(), o))
	assert.Equal(t, []string{
		"systemctl kexec --message=m --check-inhibitors=no --quiet skip=1",
		"systemctl kexec --check-inhibitors=no --quiet skip=1",
		"systemctl kexec --ignore-inhibitors --quiet skip=1",
	}, f.called(t))
}

// TestFlagThatIsNotGiven: who refuses a flag that was dropped, or never given, is
// not asked again for ever.
func TestFlagThatIsNotGiven(t *testing.T) {
	for name, c := range map[string]struct {
		refused string
		o       reboot.Options
		calls   int
	}{
		"a message that was dropped":   {"--message", reboot.Options{Message: "m"}, 3},
		"a message that was not given": {"--message", reboot.Options{}, 2},
		"inhibitors, the old way too":  {"--ignore-inhibitors", reboot.Options{}, 2},
		"a check that was dropped":     {"--check-inhibitors", reboot.Options{Terminal: true, CheckInhibitors: "auto"}, 3},
		"a check, twice refused":       {"--check-inhibitors", reboot.Options{CheckInhibitors: "no"}, 3},
		"the entry of firmware's":      {"--boot-loader-entry", reboot.Options{Entry: "a.conf"}, 2},
	} {
		f := program(t, "systemctl", fmt.Sprintf("[ \"$1\" != --version ] || { echo systemd 245; exit; }\necho \"unrecognized option '%s'\" >&2; exit 1", c.refused))
		c.o.Program = f.path
		err := reboot.Running().Reboot(t.Context(), c.o)
		require.EqualError(t, err, fmt.Sprintf("systemd 245 does not have %s: systemctl reboot: unrecognized option '%s'", c.refused, c.refused), name)
		assert.Equal(t, "leave out "+c.refused, hint.Of(err), name)
		var refusal *reboot.RefusedError
		assert.ErrorAs(t, err, &refusal, name)
		assert.Len(t, f.called(t), c.calls, name)
	}
}

// TestVersionIsNotPassedOn: what is asked to explain a refusal is not of the user's
// request.
func TestVersionIsNotPassedOn(t *testing.T) {
	f := program(t, "systemctl", old("--when"))
	var stdout, stderr strings.Builder
	err := reboot.Running().Kexec(t.Context(), reboot.Options{Program: f.path, When: "+1h", Stdout: &stdout, Stderr: &stderr})
	require.Error(t, err)
	assert.Empty(t, stdout.String())
	assert.Equal(t, "systemctl: unrecognized option '--when=+1h'\n", stderr.String())
}

// TestCancelIsRefused: the fallback is for a systemctl that does not know the flag,
// not for one that says no.
func TestCancelIsRefused(t *testing.T) {
	shutdown := program(t, "shutdown", "echo nothing is scheduled >&2; exit 1")
	onlyPath(t, shutdown)
	f := program(t, "systemctl", "echo no bus >&2; exit 1")
	require.EqualError(t, reboot.Running().Cancel(t.Context(), reboot.Options{Program: f.path}), "systemctl reboot: no bus")
	assert.NoFileExists(t, shutdown.calls)

	f = program(t, "systemctl", old("--when"))
	var stderr strings.Builder
	err := reboot.Running().Cancel(t.Context(), reboot.Options{Program: f.path, Stderr: &stderr})
	require.EqualError(t, err, "shutdown -c: nothing is scheduled")
	assert.Contains(t, stderr.String(), "nothing is scheduled\n", "it writes where systemctl does")
}

// TestSmallRequestsAreRefused: each program's refusal is the caller's error, with
// the program and its verb.
func TestSmallRequestsAreRefused(t *testing.T) {
	var programs []fake
	for _, name := range []string{"systemctl", "busctl", "modprobe", "systemd-run"} {
		programs = append(programs, program(t, name, "echo no >&2; exit 1"))
	}
	onlyPath(t, programs...)
	s := reboot.Running()
	for want, do := range map[string]func() error{
		"systemctl kexec: no":         func() error { return s.Kexec(t.Context(), reboot.Options{}) },
		"systemctl reboot: no":        func() error { return s.Reboot(t.Context(), reboot.Options{}) },
		"systemctl soft-reboot: no":   func() error { return s.SoftReboot(t.Context(), reboot.Options{}) },
		"systemctl daemon-reload: no": func() error { return s.ReloadUnits(t.Context()) },
		"systemctl start: no":         func() error { return s.StartUnit(t.Context(), "a") },
		"systemctl enable: no":        func() error { return s.EnableUnit(t.Context(), "a", true) },
		"systemctl disable: no":       func() error { return s.EnableUnit(t.Context(), "a", false) },
		"systemctl show: no":          func() error { _, err := s.UnitProperty(t.Context(), "a", "b"); return err },
		"busctl set-property: no":     func() error { return s.SetProperty(t.Context(), "a", 1) },
		"modprobe --: no":             func() error { return s.LoadModule(t.Context(), "a") },
		"systemd-run --quiet: no":     func() error { return s.RunProgram(t.Context(), []string{"/bin/check"}) },
	} {
		require.EqualError(t, do(), want)
	}
}

// TestRefusalWithoutWords has the reason why the program did not run.
func TestRefusalWithoutWords(t *testing.T) {
	cause := errors.New("exit status 4")
	err := &reboot.RefusedError{Command: "systemctl kexec", Err: cause}
	assert.EqualError(t, err, "systemctl kexec: exit status 4")
	assert.ErrorIs(t, err, cause)
	err.Output = "no bus"
	assert.EqualError(t, err, "systemctl kexec: no bus")
	assert.ErrorIs(t, err, cause)
}

// TestPropertiesOfManyDigits are whole, and what does not fit is no number.
func TestPropertiesOfManyDigits(t *testing.T) {
	for answer, want := range map[string]uint64{"t 18446744073709551615": 1<<64 - 1, "t 0": 0} {
		onlyPath(t, program(t, "busctl", "echo '"+answer+"'"))
		n, err := reboot.Running().Property(t.Context(), "X")
		require.NoError(t, err)
		assert.Equal(t, want, n)
	}
	for _, answer := range []string{"t 18446744073709551616", "u 5", "t 5 6", "t"} {
		onlyPath(t, program(t, "busctl", "echo '"+answer+"'"))
		_, err := reboot.Running().Property(t.Context(), "X")
		require.EqualError(t, err, fmt.Sprintf("systemd's X is %q, want a number", answer))
	}
}

// TestWatchdogThatCannotBeWritten: the error is said, and the device is closed all
// the same.
func TestWatchdogThatCannotBeWritten(t *testing.T) {
	for name, end := range map[string]func(reboot.Watchdog) error{
		"release": func(w reboot.Watchdog) error { return w.Release() },
		"abandon": func(w reboot.Watchdog) error { return w.Abandon() },
	} {
		w, err := reboot.Running().OpenWatchdog("/dev/full", 0)
		require.NoError(t, err)
		require.ErrorContains(t, w.Ping(), "no space left on device", name)
		err = end(w)
		assert.Equal(t, name == "release", err != nil, "%s: %v", name, err)
		require.ErrorIs(t, w.Ping(), os.ErrClosed, name)
		require.ErrorIs(t, end(w), os.ErrClosed, name)
	}
}
