package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// once says a line that the same run of a package manager has not heard yet:
// five kernels call the hooks of kernel-install and dpkg five times and more.
// A mark in the run directory remembers what was said to whom.
func (a *app) once(say func(string, ...any), format string, args ...any) {
	line := strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")
	who := a.packageManager()
	path := filepath.Join(a.runDir, "said")
	var said []string
	if b, err := readSmall(path, 64<<10); err == nil && who != "" {
		said = strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	}
	if len(said) == 0 || said[0] != who {
		said = []string{who}
	}
	if slices.Contains(said[1:], line) {
		return
	}
	if who != "" && os.MkdirAll(a.runDir, 0o755) == nil {
		_ = os.WriteFile(path, []byte(strings.Join(append(said, line), "\n")+"\n"), 0o600) // else it is said twice
	}
	say("%s", line)
}

// packageManager names the outermost process above this one that is a package
// manager, by its PID and start time; "" when there is none.
func (a *app) packageManager() string {
	known := []string{"pacman", "dpkg", "apt", "apt-get", "aptitude", "unattended-upgr", "dnf", "dnf5", "yum", "rpm", "zypper", "packagekitd", "kernel-install"}
	found, pid := "", "self"
	for range 64 { // no chain is that long
		p, ok := readProcess(a.proc + "/" + pid + "/stat")
		if !ok {
			break
		}
		if slices.Contains(known, p.name) {
			found = p.pid + " " + p.start
		}
		pid = p.parent
	}
	return found
}

type process struct{ pid, name, parent, start string }

// readProcess reads proc_pid_stat(5). The name stands in brackets and may have
// brackets in it.
func readProcess(path string) (process, bool) {
	line := readLine(path)
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return process{}, false
	}
	rest := strings.Fields(line[end+1:]) // from field 3 on
	if len(rest) < 20 {
		return process{}, false
	}
	return process{strings.TrimSpace(line[:open]), line[open+1 : end], rest[1], rest[19]}, true
}
