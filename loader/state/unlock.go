package state

// unlockName is the record of keys for one kexec, an Unlock, in a history.
const unlockName = "unlock.json"

// An Unlock records the keys that a TPM releases after one kexec. It is written
// before they are made, and removed when they are. There is no secret in it.
type Unlock struct {
	Schema int `json:"schema"` // 1
	// BootID is that of the boot which made them.
	BootID string `json:"bootId"`
	// Mark is the value that a PCR was given for them, which is made zero again.
	Mark    []byte           `json:"mark"`
	Volumes []UnlockedVolume `json:"volumes"`
}

// An UnlockedVolume is a volume with a key for one kexec.
type UnlockedVolume struct {
	Name   string `json:"name"` // of its mapping
	Device string `json:"device"`
	// Policy is the digest of the policy of its token.
	Policy []byte `json:"policy"`
}

// SaveUnlock records keys; it is on the disk when SaveUnlock returns.
func (h History) SaveUnlock(u Unlock) error { return h.write(unlockName, u) }

// Unlock reads what SaveUnlock wrote; the zero value where there is nothing.
func (h History) Unlock() (Unlock, error) {
	u, err := readRecord[Unlock](h, unlockName)
	return u, absent(err)
}

// DropUnlock removes it.
func (h History) DropUnlock() error { return h.remove(unlockName) }
