package preflight

import (
	"fmt"
	"strconv"
	"strings"
)

// shortTimeout is how long a kernel may need until it takes over a watchdog,
// in seconds.
const shortTimeout = 60

// watchdog finds one that cannot be stopped (Documentation/watchdog/): it
// fires in the middle of the new kernel's start if that takes longer.
func watchdog(l *look) []Finding {
	var found []Finding
	for _, name := range l.sys.names("class/watchdog") {
		dir := "class/watchdog/" + name
		if l.sys.text(dir+"/state") != "active" || l.sys.text(dir+"/nowayout") != "1" {
			continue
		}
		f := Finding{"watchdog", Warning, fmt.Sprintf("%s runs, cannot be stopped (nowayout), and resets the machine if the new kernel does not take it over in time", name),
			"set KExecWatchdogSec= in systemd's system.conf to what a start needs"}
		if n, err := strconv.Atoi(l.sys.text(dir + "/timeout")); err == nil {
			f.Why = fmt.Sprintf("%s runs, cannot be stopped (nowayout), and resets the machine if the new kernel does not take it over in %d s", name, n)
			if n >= shortTimeout {
				f.Severity, f.Mend = Note, "nothing, if the machine starts faster than that"
			}
		}
		found = append(found, f)
	}
	return found
}

// vfio finds devices that were given to virtual machines.
func vfio(l *look) []Finding {
	var devices []string
	for _, name := range l.sys.names("bus/pci/drivers/vfio-pci") {
		if strings.Count(name, ":") == 2 { // 0000:01:00.0
			devices = append(devices, name)
		}
	}
	if len(devices) == 0 {
		return nil
	}
	return []Finding{{"vfio", Warning, fmt.Sprintf("%s assigned to virtual machines (vfio-pci); without the firmware nothing resets it fully", strings.Join(devices, ", ")),
		"shut the virtual machines down first"}}
}
