package host

import (
	"slices"
	"strconv"
	"strings"
)

// A Watchdog is a watchdog device, /sys/class/watchdog/NAME
// (Documentation/ABI/testing/sysfs-class-watchdog).
type Watchdog struct {
	Name     string // of the device: "watchdog0"
	Identity string // "i6300ESB timer"; "" where it is not known
	Driver   string // its kernel module; "" for one that is built in
	// Software is set for the kernel's own timer, which ends with the kernel.
	Software bool
	Active   bool // it runs
	// InUse is set where the driver cannot be unloaded: a process has the device
	// open, or the kernel pings a watchdog that ran before its driver was loaded.
	InUse    bool
	NoWayOut bool // it cannot be stopped
	// Fired is set where it caused the last reset, as far as its driver reports
	// that (WDIOF_CARDRESET).
	Fired bool
	// Timeout is what is set, MaxTimeout the most that the driver takes, in
	// seconds; 0 is not known.
	Timeout, MaxTimeout int
}

const watchdogClass = "sys/class/watchdog/"

// Watchdogs returns the watchdog devices in the order of their names.
func (m Machine) Watchdogs() []Watchdog {
	const cardReset = 0x20 // include/uapi/linux/watchdog.h
	var list []Watchdog
	for _, name := range m.Names(watchdogClass[:len(watchdogClass)-1]) {
		if !strings.HasPrefix(name, "watchdog") {
			continue
		}
		dir := watchdogClass + name + "/"
		number := func(file string) int {
			n, err := strconv.ParseInt(m.Text(dir+file), 0, 32)
			if err != nil {
				return 0
			}
			return int(n)
		}
		w := Watchdog{
			Name: name, Identity: m.Text(dir + "identity"),
			Active: m.Text(dir+"state") == "active", NoWayOut: m.Text(dir+"nowayout") == "1", Fired: number("bootstatus")&cardReset != 0,
			Timeout: number("timeout"), MaxTimeout: number("max_timeout"),
		}
		w.Software = w.Identity == "Software Watchdog"
		w.Driver = m.watchdogModule(dir, w.Identity)
		w.InUse = w.Driver != "" && !slices.Contains([]string{"", "0"}, m.Text("sys/module/"+w.Driver+"/refcnt"))
		list = append(list, w)
	}
	return list
}

// watchdogModule is the module of a watchdog's driver: that of its device, of the
// driver with its identity where it names no device (i6300esb), or the only one
// that uses the core; "" for none.
func (m Machine) watchdogModule(dir, identity string) string {
	links := []string{dir + "device/driver/module"}
	if isRelease(identity) {
		links = append(links, "sys/bus/pci/drivers/"+identity+"/module", "sys/bus/platform/drivers/"+identity+"/module")
	}
	for _, link := range links {
		if module := m.LinkName(link); module != "" {
			return module
		}
	}
	if users := m.ModuleUsers("watchdog"); len(users) == 1 {
		return users[0]
	}
	return ""
}

// WatchdogsStop reports whether the kernel stops watchdogs as it ends, a kexec
// included: the parameter stop_on_reboot of the module watchdog is not 0. By
// default it is the driver's choice, and most stop theirs
// (drivers/watchdog/watchdog_core.c).
func (m Machine) WatchdogsStop() bool {
	return m.Text("sys/module/watchdog/parameters/stop_on_reboot") != "0"
}

// ModuleUsers returns the modules that use a loaded one; nil for none.
func (m Machine) ModuleUsers(name string) []string {
	if !isRelease(name) {
		return nil
	}
	return m.Names("sys/module/" + name + "/holders")
}
