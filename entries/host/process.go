package host

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// A Process is a running process, proc_pid_stat(5).
type Process struct {
	PID, Parent string
	Name        string // of its program, at most 15 bytes
	Start       string // in clock ticks since the boot: with PID it is unique
}

// Process returns a process by its number, or "self"; ok is false for none.
func (m Machine) Process(pid string) (p Process, ok bool) {
	line := m.Text("proc/" + pid + "/stat")
	// The name is in brackets and may have brackets in it.
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return Process{}, false
	}
	rest := strings.Fields(line[end+1:]) // from field 3 on
	if len(rest) < 20 {
		return Process{}, false
	}
	return Process{PID: strings.TrimSpace(line[:open]), Name: line[open+1 : end], Parent: rest[1], Start: rest[19]}, true
}

// LockHolder names the process that has a flock(2) on an open file, by
// proc_locks(5): "process 4711 (kexec-bls)"; "" where it cannot be seen.
func (m Machine) LockHolder(f *os.File) string {
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	dev := uint64(st.Dev) //nolint:unconvert // narrower on some architectures
	major, minor := dev>>8&0xfff|dev>>32&^0xfff, dev&0xff|dev>>12&^0xff
	file := fmt.Sprintf("%02x:%02x:%d", major, uint32(minor), st.Ino)
	for line := range strings.Lines(m.Text("proc/locks")) {
		// The fields are ID FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE START END.
		field := strings.Fields(line)
		if len(field) < 6 || field[1] != "FLOCK" || field[5] != file || strings.HasPrefix(field[4], "-") || field[4] == "0" {
			continue
		}
		if p, ok := m.Process(field[4]); ok {
			return fmt.Sprintf("process %s (%s)", p.PID, p.Name)
		}
		return "process " + field[4]
	}
	return ""
}
