package reboot

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// A Watchdog is an open watchdog device, which resets the machine unless it is
// pinged (Documentation/watchdog/watchdog-api.rst).
type Watchdog struct {
	// Ping restarts its timer.
	Ping func() error
	// Release stops it and closes it. One that cannot be stopped runs on.
	Release func() error
	// Abandon closes it, and leaves it running.
	Abandon func() error
}

// openWatchdog opens a watchdog, which starts it, and sets its timeout in
// seconds. One that does not take that keeps its own.
func openWatchdog(path string, timeout int) (Watchdog, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return Watchdog{}, err
	}
	if timeout > 0 {
		// A driver without timeouts has its own, which will do.
		_ = unix.IoctlSetPointerInt(int(f.Fd()), unix.WDIOC_SETTIMEOUT, timeout)
	}
	write := func(text string) error {
		_, err := f.WriteString(text)
		return err
	}
	return Watchdog{
		Ping:    func() error { return write("\x00") },
		Release: func() error { return errors.Join(write("V"), f.Close()) }, // "magic close"
		Abandon: f.Close,
	}, nil
}
