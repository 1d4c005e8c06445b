package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// MachineReport is a row of the table of machines for this one, with what else
// decides whether a kexec works in comments: kernel, devices, findings. It has no
// serial number, address or host name.
func MachineReport(env Env, found []Finding) string {
	l := newLook(env, Plan{})
	facts := l.machineFacts()
	row := known{
		Vendor: facts[0], Product: facts[1], Board: facts[2], BIOS: facts[3], Model: facts[4], CPU: facts[5], Hypervisor: facts[6], Arch: facts[7],
		Kernel: l.host.Release(), Severity: Warning, Reason: "what happens, in one clause",
	}
	var b strings.Builder
	for _, d := range pciDevices(l.host) {
		// Those that a driver may find in a state that it does not expect.
		if class := d.class; len(class) > 4 && slices.Contains([]string{"0x01", "0x02", "0x03"}, class[:4]) {
			fmt.Fprintf(&b, "# pci %s, class %s, driver %s\n", d.id, class, oneLine(d.driver))
		}
	}
	for _, f := range found {
		fmt.Fprintf(&b, "# %s %s\n", f.Severity, f.ID)
	}
	if err := toml.NewEncoder(&b).Encode(machineTable{[]known{row}}); err != nil {
		fmt.Fprintf(&b, "# %s\n", oneLine(err.Error()))
	}
	return b.String()
}
