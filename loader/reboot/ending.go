package reboot

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

func ending(ctx context.Context) (string, error) {
	jobs, err := Options{}.query(ctx, "list-jobs", "--no-legend", "--no-pager", "--plain")
	return endingOf(jobs), err
}

// endingOf looks through lines of JOB UNIT TYPE STATE.
func endingOf(jobs string) string {
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

func reached(ctx context.Context, unit string) (time.Time, error) {
	text, err := unitProperty(ctx, unit, "ActiveEnterTimestampMonotonic")
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

// query runs systemctl and returns its output.
func (o Options) query(ctx context.Context, args ...string) (string, error) {
	var output bytes.Buffer
	o.Stdout = &output
	err := o.run(ctx, "systemctl", args...)
	return output.String(), err
}
