package preflight

import (
	_ "embed" // the table of known machines
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
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
	Name string `toml:"name"`
	// Vendor, Product, Board and BIOS are sys_vendor, product_name, board_name
	// and bios_vendor of /sys/class/dmi/id.
	Vendor  string `toml:"vendor"`
	Product string `toml:"product"`
	Board   string `toml:"board"`
	BIOS    string `toml:"bios"`
	// Model is that of the device tree, CPU is "model name" in /proc/cpuinfo,
	// Hypervisor is that of /sys/hypervisor/type ("xen"), or "hyperv".
	Model      string `toml:"model"`
	CPU        string `toml:"cpu"`
	Hypervisor string `toml:"hypervisor"`

	Severity Severity `toml:"severity"`
	Reason   string   `toml:"reason"`
	Hint     string   `toml:"hint"`
}

var errMachines = errors.New("malformed table of machines")

// parseMachines reads a table. On error there are no rows.
func parseMachines(text string) ([]known, error) {
	var table struct {
		Machine []known `toml:"machine"`
	}
	meta, err := toml.Decode(text, &table)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMachines, err)
	}
	if keys := meta.Undecoded(); len(keys) > 0 {
		return nil, fmt.Errorf("%w: unknown key %s", errMachines, keys[0])
	}
	for i, row := range table.Machine {
		switch {
		case strings.Join(row.patterns(), "") == "":
			return nil, fmt.Errorf("%w: machine %d fits everything: give it a vendor, product, board, bios, model, cpu or hypervisor", errMachines, i+1)
		case row.Reason == "":
			return nil, fmt.Errorf("%w: machine %d has no reason", errMachines, i+1)
		case row.Severity != Error && row.Severity != Warning && row.Severity != Info:
			return nil, fmt.Errorf("%w: machine %d: severity %q is not error, warning or info", errMachines, i+1, row.Severity)
		}
	}
	return table.Machine, nil
}

func (k known) patterns() []string {
	return []string{k.Vendor, k.Product, k.Board, k.BIOS, k.Model, k.CPU, k.Hypervisor}
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
		if !row.fits(facts) {
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
		l.host.Text("sys/firmware/devicetree/base/model"), l.host.CPUModel(), hypervisor,
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
