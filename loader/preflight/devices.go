package preflight

import (
	"fmt"
	"strconv"
	"strings"
)

// watchdog finds one that cannot be stopped (Documentation/watchdog/): it
// fires in the middle of the new kernel's start if that takes longer.
func watchdog(l *look) []Finding {
	const shortTimeout = 60 // s that a kernel may need until it takes over a watchdog
	var found []Finding
	for _, name := range l.host.Names("sys/class/watchdog") {
		dir := "sys/class/watchdog/" + name
		if l.host.Text(dir+"/state") != "active" || l.host.Text(dir+"/nowayout") != "1" {
			continue
		}
		within := "in time"
		if n, err := strconv.Atoi(l.host.Text(dir + "/timeout")); err == nil {
			if n >= shortTimeout {
				continue
			}
			within = fmt.Sprintf("in %d s", n)
		}
		found = append(found, one(Warning, IDWatchdog,
			fmt.Sprintf("%s runs, cannot be stopped (nowayout), and resets the machine if the new kernel does not take it over %s", name, within),
			"set KExecWatchdogSec= in systemd's system.conf to what a start needs")...)
	}
	return found
}

// vfio finds devices that were given to virtual machines.
func vfio(l *look) []Finding {
	var devices []string
	for _, name := range l.host.Names("sys/bus/pci/drivers/vfio-pci") {
		if strings.Count(name, ":") == 2 { // 0000:01:00.0
			devices = append(devices, name)
		}
	}
	if len(devices) == 0 {
		return nil
	}
	return one(Warning, IDVFIO, fmt.Sprintf("%s assigned to virtual machines (vfio-pci); without the firmware nothing resets it fully", strings.Join(devices, ", ")),
		"shut the virtual machines down first")
}
