package state

// everyName is the record of what makes a kexec of every reboot, an Every.
const everyName = "every.json"

// A Policy is what loads a kernel where every reboot is a kexec.
type Policy string

// Policies.
const (
	PolicyReboot  Policy = "reboot"  // a reboot, as it begins
	PolicyUpgrade Policy = "upgrade" // the hook of what upgrades, after an upgrade
	PolicyBoot    Policy = "boot"    // a unit, at every boot
	PolicyOff     Policy = "off"     // nothing: whoever wants a kexec loads
)

// An Every records what was enabled to make a kexec of every reboot.
type Every struct {
	Schema int    `json:"schema"` // 1
	Policy Policy `json:"policy"`
	// Units are those that were not enabled before.
	Units []string `json:"units"`
}

// SaveEvery records what is enabled; it is on the disk when SaveEvery returns.
func (h History) SaveEvery(e Every) error { return h.write(everyName, e) }

// Every reads what SaveEvery wrote; the zero value where there is nothing.
func (h History) Every() (Every, error) {
	e, err := readRecord[Every](h, everyName)
	return e, absent(err)
}

// DropEvery removes it.
func (h History) DropEvery() error { return h.remove(everyName) }
