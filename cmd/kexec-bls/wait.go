package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A wait measures how long a process has waited for the machine: it neither
// runs, nor wants to, nor gets anything read.
type wait struct {
	pid    int
	at     time.Time // of the last sample
	before string    // what it had done by then
	waited time.Duration
}

// sample returns how long the process has waited in all.
func (w *wait) sample() time.Duration {
	now := time.Now()
	done, runs := w.done()
	// No more than two ticks: it may have been us who did not get to run.
	if !runs && done == w.before {
		w.waited += min(now.Sub(w.at), 2*questionTick)
	}
	w.at, w.before = now, done
	return w.waited
}

func (w *wait) path(name string) string { return fmt.Sprintf("/proc/%d/%s", w.pid, name) }

func (w *wait) threads() []string {
	dirs, _ := filepath.Glob(w.path("task/*"))
	return dirs
}

// done is what the process has done so far, its time on the processors and its
// calls to read, proc_pid_stat(5) and proc_pid_io(5); runs says that a thread
// runs or waits for a processor only.
func (w *wait) done() (done string, runs bool) {
	for _, dir := range w.threads() {
		p, ok := readThread(dir + "/stat")
		runs = runs || ok && p.state == "R"
		done += p.time + " "
	}
	for line := range strings.Lines(readLine(w.path("io"))) {
		if strings.HasPrefix(line, "rchar") || strings.HasPrefix(line, "syscr") {
			done += line
		}
	}
	return done, runs
}

type thread struct{ state, time string }

// readThread reads what follows the name in brackets, which may have brackets
// in it: from field 3 on, with utime and stime in 14 and 15.
func readThread(path string) (thread, bool) {
	line := readLine(path)
	rest := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	if len(rest) < 13 {
		return thread{}, false
	}
	return thread{rest[0], rest[11] + "+" + rest[12]}, true
}

// places are the files that the threads of the process wait for in a system
// call; empty where that is not to be seen.
func (w *wait) places() []string {
	var places []string
	for _, dir := range w.threads() {
		if path := w.place(strings.Fields(readLine(dir + "/syscall"))); path != "" && !slices.Contains(places, path) {
			places = append(places, path)
		}
	}
	return places
}

// place is the file of a system call: number and arguments as the kernel shows
// them in /proc/PID/task/TID/syscall.
func (w *wait) place(call []string) string {
	if len(call) < 3 {
		return "" // it runs
	}
	number, err := strconv.Atoi(call[0])
	first, firstErr := strconv.ParseUint(call[1], 0, 64)
	second, secondErr := strconv.ParseUint(call[2], 0, 64)
	if err != nil || firstErr != nil || secondErr != nil || slices.Contains(idleCalls(), number) {
		return ""
	}
	switch fd := int32(first); {
	case slices.Contains(fileCalls(), number):
		return w.file(fd)
	case first < maxFiles || fd == unix.AT_FDCWD:
		return w.below(fd, w.text(uintptr(second)))
	}
	return w.text(uintptr(first))
}

// maxFiles is more than any process has open, and less than any address.
const maxFiles = 1 << 16

// idleCalls are those in which a thread waits for its own process.
func idleCalls() []int {
	return []int{unix.SYS_FUTEX, unix.SYS_EPOLL_PWAIT, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_RESTART_SYSCALL,
		unix.SYS_RT_SIGTIMEDWAIT, unix.SYS_WRITE, unix.SYS_WAIT4, unix.SYS_WAITID, unix.SYS_PPOLL}
}

// fileCalls have a file descriptor first, and no name behind it.
func fileCalls() []int {
	return []int{unix.SYS_READ, unix.SYS_PREAD64, unix.SYS_READV, unix.SYS_GETDENTS64, unix.SYS_FSTAT, unix.SYS_FSTATFS,
		unix.SYS_LSEEK, unix.SYS_IOCTL, unix.SYS_CLOSE, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT}
}

// file is the path of an open file of the process.
func (w *wait) file(fd int32) string {
	path, err := os.Readlink(w.path(fmt.Sprintf("fd/%d", fd)))
	if err != nil || !filepath.IsAbs(path) {
		return "" // a pipe, say
	}
	return path
}

// below is a path as the process means it: from an open directory on.
func (w *wait) below(fd int32, path string) string {
	if path == "" || filepath.IsAbs(path) || fd == unix.AT_FDCWD {
		return path
	}
	return filepath.Join(w.file(fd), path)
}

// text reads a C string from the memory of the process; "" where that is not
// allowed, or is none.
func (w *wait) text(address uintptr) string {
	buf := make([]byte, 256)
	// Up to the end of the page: the next one may not be there.
	n := min(len(buf), os.Getpagesize()-int(address%uintptr(os.Getpagesize())))
	local := []unix.Iovec{{Base: &buf[0]}}
	local[0].SetLen(n)
	got, err := unix.ProcessVMReadv(w.pid, local, []unix.RemoteIovec{{Base: address, Len: n}}, 0)
	if err != nil {
		return ""
	}
	text, _, ended := bytes.Cut(buf[:got], []byte{0})
	if !ended || printable(string(text)) != string(text) {
		return ""
	}
	return string(text)
}
