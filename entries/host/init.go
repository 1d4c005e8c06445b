package host

import (
	"io/fs"
	"path"
	"strings"
)

// Kind is an init system: the program that runs as PID 1.
type Kind string

// The init systems that are distinguished. OpenRC is one only where openrc-init
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

// InitSystem returns the init system that runs, by what each leaves in /run and
// by PID 1 itself. Systemd is what sd_booted(3) reports; Other is an unknown one.
func (m Machine) InitSystem() Kind {
	if info, err := fs.Lstat(m.fsys(), "run/systemd/system"); err == nil && info.IsDir() {
		return Systemd
	}
	switch pid1 := m.process1(); {
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
	case pid1 == "init" && (m.Exists("run/initctl") || m.Exists("dev/initctl")):
		return SysVinit // its FIFO, where telinit writes
	}
	return Other
}

// process1 names the program of PID 1: by its executable, which only root may
// see, else by its name, where init may be a link to the program.
func (m Machine) process1() string {
	names := []string{"proc/1/exe"}
	if name := m.Text("proc/1/comm"); name != "" {
		if name != "init" {
			return name
		}
		names = append(names, "sbin/init", "usr/sbin/init", "usr/bin/init", "bin/init")
	}
	for _, name := range names {
		// A replaced executable has " (deleted)" after its name.
		target, _, _ := strings.Cut(m.LinkName(name), " ")
		if target != "" && target != "init" {
			return path.Base(target)
		}
	}
	return "init"
}

// UnitActive reports whether a unit of systemd has been started: systemd keeps a
// dangling link with its invocation.
func (m Machine) UnitActive(unit string) bool {
	return isRelease(unit) && m.Link("run/systemd/units/invocation:"+unit) != ""
}
