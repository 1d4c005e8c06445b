package reboot

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// manager names systemd's manager on the bus, for busctl(1).
func manager() []string {
	return []string{"org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"}
}

// getProperty reads a number of systemd's manager: "t 60000000".
func getProperty(ctx context.Context, name string) (uint64, error) {
	var text strings.Builder
	args := append(append([]string{"get-property"}, manager()...), name)
	if err := (Options{Stdout: &text}).run(ctx, "busctl", args...); err != nil {
		return 0, err
	}
	kind, value, _ := strings.Cut(strings.TrimSpace(text.String()), " ")
	n, err := strconv.ParseUint(value, 10, 64)
	if kind != "t" || err != nil {
		return 0, fmt.Errorf("systemd's %s is %q, want a number", name, strings.TrimSpace(text.String()))
	}
	return n, nil
}

func setProperty(ctx context.Context, name string, value uint64) error {
	args := append(append([]string{"set-property"}, manager()...), name, "t", strconv.FormatUint(value, 10))
	return Options{}.run(ctx, "busctl", args...)
}

// enableUnit enables or disables a unit for later boots; it is on the disk then.
func enableUnit(ctx context.Context, unit string, on bool) error {
	verb := "disable"
	if on {
		verb = "enable"
	}
	err := Options{}.run(ctx, "systemctl", verb, "--quiet", unit)
	unix.Sync()
	return err
}

// unitProperty reads a property of a unit, such as UnitFileState; "" where it has
// none.
func unitProperty(ctx context.Context, unit, name string) (string, error) {
	text, err := Options{}.query(ctx, "show", "--property="+name, "--value", unit)
	return strings.TrimSpace(text), err
}

func startUnit(ctx context.Context, unit string) error {
	return Options{}.run(ctx, "systemctl", "start", unit)
}

// rebootNow ends the machine without a shutdown, through the firmware.
func rebootNow(ctx context.Context) error {
	return Options{}.run(ctx, "systemctl", "reboot", "--force", "--force")
}

// runProgram runs a program of the user's as a unit of its own, without the limits
// of ours. Its output is in the error.
func runProgram(ctx context.Context, argv []string) error {
	return Options{}.run(ctx, "systemd-run", append([]string{"--quiet", "--collect", "--wait", "--pipe", "--"}, argv...)...)
}
