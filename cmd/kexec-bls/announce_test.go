package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal: what is written to the second file is read from
// the first.
func terminal(t *testing.T) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = screen.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tty.Close() })
	return screen, tty
}

// onTerminal is what a command prints to a terminal as its messages.
func (f *fake) onTerminal(t *testing.T, args ...string) string {
	t.Helper()
	screen, tty := terminal(t)
	var stdout bytes.Buffer
	require.Equal(t, exitDone, run(context.Background(), args, f.environment, &stdout, tty), "%q", args)
	text := make([]byte, 1<<16)
	n, err := screen.Read(text)
	require.NoError(t, err)
	return strings.ReplaceAll(string(text[:n]), "\r\n", "\n")
}

// TestRebootSaysWhatHappensNext in three lines on a terminal, in one elsewhere.
func TestRebootSaysWhatHappensNext(t *testing.T) {
	f, esp := newFake(t, archFiles())
	const steps = `kexec-bls: next: arch.conf%s, kernel 6.12.1 (6.1.0 runs)
kexec-bls: services stop and file systems are unmounted, then the new kernel starts without firmware
kexec-bls: if it does not come up, reset the machine: firmware then boots as before
`
	assert.Equal(t, fmt.Sprintf(steps, ", Arch Linux"), f.onTerminal(t, "reboot", "--esp-path="+esp))
	assert.Equal(t, fmt.Sprintf(steps, ""), f.onTerminal(t, "reboot", "--loaded"))
	assert.Empty(t, f.run("reboot", "--loaded", "-q").stderr)
	assert.Equal(t, "kexec-bls: rebooting into arch.conf by kexec\n", f.run("reboot", "--loaded").stderr)
	assert.Equal(t, "kexec-bls: rebooting into arch.conf by kexec\n", f.run("reboot", "--esp-path="+esp).stderr)
	assert.Empty(t, f.run("reboot", "-q", "--esp-path="+esp).stderr)
	assert.Equal(t, "kexec-bls: rebooting through firmware\n", f.run("reboot", "--firmware").stderr)
	assert.Equal(t, "kexec-bls: no reboot was scheduled\n", f.run("reboot", "--when=cancel").stderr)
	write(t, f.dir, map[string]string{"run/systemd/shutdown/scheduled": "USEC=1795824000000000\nMODE=kexec\n"})
	assert.Equal(t, "kexec-bls: scheduled reboot cancelled\n", f.run("reboot", "--when=cancel").stderr)
	assert.NotContains(t, f.run("reboot", "--when=+5min", "--esp-path="+esp).stderr, "rebooting")
}

// TestDryRunEndsInAVerdict.
func TestDryRunEndsInAVerdict(t *testing.T) {
	f, esp := newFake(t, archFiles())
	got := f.run("reboot", "-n", "--esp-path="+esp)
	assert.Equal(t, "kexec-bls: arch.conf would be started by kexec; nothing was changed\n", got.stderr)
	assert.Empty(t, f.run("reboot", "-n", "-q", "--esp-path="+esp).stderr)
	write(t, f.dir, map[string]string{"sys/class/watchdog/watchdog0/state": "active\n", "sys/class/watchdog/watchdog0/nowayout": "1\n"})
	got = f.run("reboot", "-n", "--esp-path="+esp)
	assert.Contains(t, got.stderr, "[watchdog]\nkexec-bls: arch.conf would be started by kexec, with 1 warning; nothing was changed\n")
	require.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code)
	f.acts = nil
	assert.Contains(t, f.run("reboot", "-n", "--loaded").stderr, "kexec-bls: arch.conf would be started by kexec; nothing was changed\n")
	assert.Contains(t, f.run("reboot", "-n", "--firmware").stderr, "kexec-bls: the machine would reboot through firmware; nothing was changed\n")
	assert.Empty(t, f.acts)
}

// TestSuccessNamesTheThing.
func TestSuccessNamesTheThing(t *testing.T) {
	f, esp := newFake(t, archFiles())
	out := t.TempDir()
	for _, c := range []struct{ line, want string }{
		{"load", "arch.conf is loaded: systemctl kexec starts it, from systemd 256 on systemctl reboot too; kexec-bls unload drops it"},
		{"unload", "unloaded arch.conf"},
		{"unload", "nothing was loaded"},
		{"export --output=" + out, "wrote arch.conf to " + out},
	} {
		got := f.run(append(strings.Fields(c.line), "--esp-path="+esp)...)
		require.Equal(t, exitDone, got.code, got.stderr)
		assert.Equal(t, "kexec-bls: "+c.want+"\n", got.stderr, c.line)
	}
}

// TestVerbose changes what every command prints that reads something.
func TestVerbose(t *testing.T) {
	f, esp := newFake(t, archFiles())
	write(t, f.dir, map[string]string{"etc/kexec-bls.toml": "[cmdline]\nappend = ['quiet']\n"})
	for _, verb := range []string{"list", "show", "check", "status", "load", "reboot", "reboot-required"} {
		got := f.run(verb, "-v", "--esp-path="+esp)
		assert.Contains(t, got.stderr, "kexec-bls: configuration: "+f.paths.File+"\n", verb)
		assert.Contains(t, got.stderr, "kexec-bls: boot partition: esp "+esp, verb)
		assert.NotContains(t, f.run(verb, "--esp-path="+esp).stderr, "kexec-bls: configuration: ", verb)
	}
	assert.Contains(t, f.run("show", "-v", "--esp-path="+esp).stderr, "kexec-bls: entry: arch.conf, loader.conf default arch*\n")
}
