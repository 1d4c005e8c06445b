package systemd

import (
	"io/fs"
	"os"
	"path"
	"strings"
)

// Kind is an init system: the program that runs as PID 1.
type Kind string

// The init systems that are told apart. OpenRC is one only where openrc-init
// runs as PID 1; with another PID 1 it just starts services.
const (
	Systemd  Kind = "systemd"
	OpenRC   Kind = "openrc"
	Runit    Kind = "runit"
	Dinit    Kind = "dinit"
	S6       Kind = "s6"
	SysVinit Kind = "sysvinit"
	BusyBox  Kind = "busybox"
	Other    Kind = "other"
)

// Booted reports whether systemd is the init system, as sd_booted(3) does.
func Booted() bool { return booted(os.DirFS("/")) }

// Init tells which init system runs.
func Init() Kind { return Detect(os.DirFS("/")) }

func booted(root fs.FS) bool {
	info, err := fs.Lstat(root, "run/systemd/system")
	return err == nil && info.IsDir()
}

// Detect tells which init system runs on the machine with this root directory,
// from what each leaves in /run, and from PID 1 itself.
func Detect(root fs.FS) Kind {
	if booted(root) {
		return Systemd
	}
	switch pid1 := process1(root); {
	case pid1 == "openrc-init":
		return OpenRC
	case pid1 == "runit", pid1 == "runit-init":
		return Runit
	case pid1 == "dinit":
		return Dinit
	case strings.HasPrefix(pid1, "s6-"):
		return S6
	case pid1 == "busybox":
		return BusyBox
	case pid1 == "init" && (exists(root, "run/initctl") || exists(root, "dev/initctl")):
		return SysVinit // its FIFO, where telinit writes
	}
	return Other
}

// process1 names the program of PID 1: by its executable, which only root may
// see, else by its name, where init may be a link to the program.
func process1(root fs.FS) string {
	names := []string{"proc/1/exe"}
	if comm, err := fs.ReadFile(root, "proc/1/comm"); err == nil {
		name := strings.TrimSpace(string(comm))
		if name != "init" {
			return name
		}
		names = append(names, "sbin/init", "usr/sbin/init", "usr/bin/init", "bin/init")
	}
	for _, name := range names {
		if target, err := fs.ReadLink(root, name); err == nil {
			// A replaced executable has " (deleted)" behind its name.
			target, _, _ = strings.Cut(path.Base(target), " ")
			if target != "init" {
				return target
			}
		}
	}
	return "init"
}

func exists(root fs.FS, name string) bool {
	_, err := fs.Stat(root, name)
	return err == nil
}
