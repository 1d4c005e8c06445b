package systemd

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Ending names the way in which the system is being shut down: "kexec",
// "reboot", "poweroff", "halt"; "" when it is not. It asks systemd for the
// target that has been started, so that a service may ask it while it stops.
func Ending(ctx context.Context) (string, error) {
	jobs, err := Options{}.ask(ctx, "list-jobs", "--no-legend", "--no-pager", "--plain")
	return ending(jobs), err
}

// ending looks through lines of JOB UNIT TYPE STATE.
func ending(jobs string) string {
	for line := range strings.Lines(jobs) {
		f := strings.Fields(line)
		if len(f) < 3 || f[2] != "start" {
			continue
		}
		way, ok := strings.CutSuffix(f[1], ".target")
		if ok && slices.Contains([]string{"kexec", "reboot", "poweroff", "halt"}, way) {
			return way
		}
	}
	return ""
}

// Reached is when a unit became active, by the system's clock; the zero time
// where it has not been.
func Reached(ctx context.Context, unit string) (time.Time, error) {
	text, err := Options{}.ask(ctx, "show", "--property=ActiveEnterTimestampMonotonic", "--value", unit)
	if err != nil {
		return time.Time{}, err
	}
	var mono unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono); err != nil {
		return time.Time{}, fmt.Errorf("clock_gettime: %w", err)
	}
	return since(text, time.Duration(mono.Nano()), time.Now())
}

// since turns microseconds of the monotonic clock, which is at mono now, into
// a time.
func since(microseconds string, mono time.Duration, now time.Time) (time.Time, error) {
	us, err := strconv.ParseInt(strings.TrimSpace(microseconds), 10, 64)
	if err != nil || us <= 0 || us > mono.Microseconds() {
		return time.Time{}, err
	}
	return now.Add(time.Duration(us)*time.Microsecond - mono).Round(time.Millisecond), nil
}

// LoadModule loads a kernel module with modprobe(8).
func LoadModule(ctx context.Context, name string) error {
	return Options{}.run(ctx, "modprobe", "--", name)
}

// ask runs systemctl and returns what it says.
func (o Options) ask(ctx context.Context, args ...string) (string, error) {
	var said bytes.Buffer
	o.Stdout = &said
	err := o.run(ctx, "systemctl", args...)
	return said.String(), err
}
