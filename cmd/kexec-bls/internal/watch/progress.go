package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A meter sums up how long a process has waited for the machine: between two
// looks it neither ran, nor wanted to, nor got anything read. Time alone would
// not do: a check hashes hundreds of megabytes from a slow disk, and that must
// not look like a dead one.
type meter struct {
	at     time.Time // of the last look
	before string    // its progress by then
	waited time.Duration
}

// add takes a look and returns the sum.
func (m *meter) add(now time.Time, progress string) time.Duration {
	if progress == m.before && progress != "" {
		// No more than two ticks: it may have been us who did not get to run.
		m.waited += min(now.Sub(m.at), 2*tick)
	}
	m.at, m.before = now, progress
	return m.waited
}

// progress is what a process has done so far, as a text that changes when it
// does something: the processor time of its threads, proc_pid_stat(5), and the
// bytes and calls of its reads, proc_pid_io(5). It is "" while a thread runs or
// waits for a processor only, and when the process has ended.
func progress(pid int) string {
	io, _ := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	text := ""
	for _, path := range threads {
		stat, _ := os.ReadFile(path)
		// After the name in brackets, which may have brackets in it, from field 3
		// on: the state, and utime and stime in 14 and 15.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) < 13 || fields[0] == "R" {
			return ""
		}
		text += fields[11] + "+" + fields[12] + " "
	}
	if text == "" {
		return ""
	}
	return text + string(io)
}
