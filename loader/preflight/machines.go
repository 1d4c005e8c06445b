package preflight

import (
	"cmp"
	_ "embed" // the table of known machines
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// MachinesFile has more machines, or the machines of a site, in the form of
// the built-in table.
const MachinesFile = "/etc/kexec-bls/machines.toml"

//go:embed data/machines.toml
var builtinMachines string

// A known is a row: a machine that a kexec fails on. Patterns are compared with
// the whole text, case does not matter; * is any text, ? any character. Empty
// ones fit everything.
type known struct {
	Name string `toml:"name,omitempty"`
	// Vendor, Product, Board and BIOS are sys_vendor, product_name, board_name
	// and bios_vendor of /sys/class/dmi/id.
	Vendor  string `toml:"vendor,omitempty"`
	Product string `toml:"product,omitempty"`
	Board   string `toml:"board,omitempty"`
	BIOS    string `toml:"bios,omitempty"`
	// Model is that of the device tree, CPU is "model name" in /proc/cpuinfo,
	// Hypervisor is that of /sys/hypervisor/type ("xen"), or "hyperv".
	Model      string `toml:"model,omitempty"`
	CPU        string `toml:"cpu,omitempty"`
	Hypervisor string `toml:"hypervisor,omitempty"`
	// Module is a kernel module that is loaded, or built in with parameters; PCI are
	// the vendor and device of one that is there, "8086:7d55"; Arch is the machine's
	// in Go's terms, "arm64".
	Module string `toml:"module,omitempty"`
	PCI    string `toml:"pci,omitempty"`
	Arch   string `toml:"arch,omitempty"`
	// Kernel are the versions of the running kernel, see inRange.
	Kernel string `toml:"kernel,omitempty"`

	Severity Severity `toml:"severity"`
	Reason   string   `toml:"reason"`
	Hint     string   `toml:"hint,omitempty"`
}

// A machineTable is a file of rows.
type machineTable struct {
	Machine []known `toml:"machine"`
}

var errMachines = errors.New("malformed table of machines")

// parseMachines reads a table. On error there are no rows.
func parseMachines(text string) ([]known, error) {
	var table machineTable
	meta, err := toml.Decode(text, &table)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMachines, err)
	}
	if keys := meta.Undecoded(); len(keys) > 0 {
		return nil, fmt.Errorf("%w: unknown key %s", errMachines, keys[0])
	}
	for i, row := range table.Machine {
		switch {
		case strings.Join(append(row.patterns(), row.Module, row.PCI, row.Kernel), "") == "":
			return nil, fmt.Errorf("%w: machine %d fits everything: give it a vendor, product, board, bios, model, cpu, hypervisor, module, pci, arch or kernel", errMachines, i+1)
		case row.Reason == "":
			return nil, fmt.Errorf("%w: machine %d has no reason", errMachines, i+1)
		case row.Severity != Error && row.Severity != Warning && row.Severity != Info:
			return nil, fmt.Errorf("%w: machine %d: severity %q is not error, warning or info", errMachines, i+1, row.Severity)
		}
	}
	return table.Machine, nil
}

func (k known) patterns() []string {
	return []string{k.Vendor, k.Product, k.Board, k.BIOS, k.Model, k.CPU, k.Hypervisor, k.Arch}
}

// machine compares this one with the tables, the site's first. The first row
// that fits counts: the site may know a machine better.
func machine(l *look) []Finding {
	rows, err := parseMachines(builtinMachines)
	var found []Finding
	if err != nil {
		found = append(found, one(Warning, IDMachinesFile, "built-in table: "+err.Error(), "report it")...)
	}
	if text := l.host.Text(strings.TrimPrefix(MachinesFile, "/")); text != "" {
		more, err := parseMachines(text)
		if err != nil {
			found = append(found, one(Warning, IDMachinesFile, MachinesFile+": "+err.Error(), "fix the file")...)
		}
		rows = append(more, rows...)
	}
	facts := l.machineFacts()
	for _, row := range rows {
		if !row.fits(facts) || !row.fitsKernel(l.host) {
			continue
		}
		hint := row.Hint
		if hint == "" {
			hint = byFirmware + "; if kexec works on this one, ignore machine in /etc/kexec-bls.toml"
		}
		return append(found, one(row.Severity, IDMachine, oneLine(strings.TrimPrefix(row.Name+": "+row.Reason, ": ")), oneLine(hint))...)
	}
	return found
}

// machineFacts is what patterns are compared with, in their order.
func (l *look) machineFacts() []string {
	const dmi = "sys/class/dmi/id/"
	hypervisor := l.host.Text("sys/hypervisor/type")
	if l.host.Exists("sys/bus/vmbus") && len(l.host.Names("sys/bus/vmbus/devices")) > 0 {
		hypervisor = "hyperv"
	}
	return []string{
		l.host.Text(dmi + "sys_vendor"), l.host.Text(dmi + "product_name"), l.host.Text(dmi + "board_name"), l.host.Text(dmi + "bios_vendor"),
		l.host.Text("sys/firmware/devicetree/base/model"), l.host.CPUModel(), hypervisor, l.host.GOARCH,
	}
}

func (k known) fits(facts []string) bool {
	for i, pattern := range k.patterns() {
		if pattern != "" && !like(strings.ToLower(facts[i]), strings.ToLower(pattern)) {
			return false
		}
	}
	return true
}

// fitsKernel compares the running kernel, its modules and its devices.
func (k known) fitsKernel(m host.Machine) bool {
	switch {
	case k.Module != "" && !m.ModulePresent(k.Module):
		return false
	case k.Kernel != "" && !inRange(m.Release(), k.Kernel):
		return false
	}
	return k.PCI == "" || slices.ContainsFunc(pciDevices(m), func(d pciDevice) bool { return like(d.id, strings.ToLower(k.PCI)) })
}

// inRange reports whether a release is among versions: "6.12" is all of 6.12,
// "6.12.53..6.12.57" these and all between, and either end may be left out.
func inRange(release, versions string) bool {
	first, last, isRange := strings.Cut(versions, "..")
	if !isRange {
		last = first
	}
	return compareVersion(release, first) >= 0 && compareVersion(release, last) <= 0
}

// compareVersion compares as many numbers as the version has; "" is equal to all.
func compareVersion(release, version string) int {
	has := numbers(release)
	for i, want := range numbers(version) {
		n := 0
		if i < len(has) {
			n = has[i]
		}
		if n != want {
			return cmp.Compare(n, want)
		}
	}
	return 0
}

// numbers are the numbers that a version begins with: 6, 12 and 53 of
// "6.12.53-talos".
func numbers(version string) []int {
	if end := strings.IndexFunc(version, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }); end >= 0 {
		version = version[:end]
	}
	var found []int
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			break
		}
		found = append(found, n)
	}
	return found
}

// A pciDevice is a device on the PCI bus.
type pciDevice struct {
	id     string // vendor and device, "8086:7d55"
	class  string // "0x030000"
	driver string // "" where it has none
}

func pciDevices(m host.Machine) []pciDevice {
	const dir = "sys/bus/pci/devices"
	var found []pciDevice
	for _, name := range m.Names(dir) {
		at := dir + "/" + name + "/"
		id := strings.TrimPrefix(m.Text(at+"vendor"), "0x") + ":" + strings.TrimPrefix(m.Text(at+"device"), "0x")
		found = append(found, pciDevice{id, m.Text(at + "class"), m.LinkName(at + "driver")})
	}
	return found
}

// like matches a text with a pattern of * and ?, in time linear in the one
// times the other.
func like(text, pattern string) bool {
	t, p, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			t, p = t+1, p+1
		case star >= 0:
			mark++
			t, p = mark, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
