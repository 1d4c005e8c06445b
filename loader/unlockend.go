package loader

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/state"
	"github.com/kexec-bls/kexec-bls/loader/tpm"
)

// marked reports whether the PCR has the value that an earlier key was made for.
func (m *Machine) marked(machine tpm.Machine) bool {
	u, err := m.history().Unlock()
	return err == nil && u.BootID != "" && bytes.Equal(machine.Once(), u.Mark)
}

// EndUnlock removes the keys for one kexec, whichever boot made them, and returns the
// names of their volumes. Without any it does nothing.
func (m *Machine) EndUnlock(ctx context.Context) ([]string, error) {
	lock, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	u, err := m.history().Unlock()
	if err != nil {
		return nil, unreadUnlock(err)
	}
	names := []string{}
	for _, v := range u.Volumes {
		names = append(names, v.Name)
	}
	return names, m.endUnlock(ctx)
}

// endUnlock removes the keys by their policies. What cannot be removed stays on
// record.
func (m *Machine) endUnlock(ctx context.Context) error {
	u, err := m.history().Unlock()
	switch {
	case err != nil:
		return unreadUnlock(err)
	case u.BootID == "":
		return nil
	}
	for _, v := range u.Volumes {
		err = errors.Join(err, m.wipe(ctx, v))
	}
	if err == nil && bytes.Equal(tpm.ReadMachine(m.Host.FS).Once(), u.Mark) {
		err = m.Init.ResetPCR(tpm.OncePCR)
	}
	if err != nil {
		return fmt.Errorf("remove the key for one kexec: %w", err)
	}
	if err := m.history().DropUnlock(); err != nil {
		return err
	}
	_ = m.Init.EnableUnit(ctx, UnlockUnit, false) // one that remains enabled does nothing
	return nil
}

// unreadUnlock is the error of a record that does not say which keys there are.
func unreadUnlock(err error) error {
	return hint.Errorf("look for a key with PCR 23 in cryptsetup luksDump DEVICE, systemd-cryptenroll --wipe-slot=SLOT DEVICE, and remove the file",
		"the record of a key for one kexec: %w", err)
}

// slots are the key slots of a volume with the policy of its key for one kexec.
func (m *Machine) slots(v state.UnlockedVolume) ([]int, error) {
	volume := tpm.Volume{Source: v.Device}
	volume.ReadHeader(m.Host.FS)
	return volume.Header.Slots(v.Policy), volume.Err
}

func (m *Machine) wipe(ctx context.Context, v state.UnlockedVolume) error {
	slots, err := m.slots(v)
	if err == nil && len(slots) > 0 {
		if err = m.Init.WipeSlots(ctx, v.Device, slots); err == nil {
			slots, err = m.slots(v)
		}
	}
	if err == nil && len(slots) > 0 {
		err = fmt.Errorf("key slot %d is still there", slots[0])
	}
	if err != nil {
		return fmt.Errorf("%s: %w", v.Name, err)
	}
	return nil
}

// leftover is the finding of a key for one kexec that did not end with it: that of
// another boot, or of this one without a loaded kernel.
func (m *Machine) leftover() []Finding {
	u, err := m.history().Unlock()
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil // who may not read it does not know it
	case err != nil:
		err = unreadUnlock(err)
		return []Finding{{ID: FindingLeftover, Severity: SeverityError, Text: err.Error(), Hint: hint.Of(err)}}
	case u.BootID == "":
		return nil
	}
	if loaded, err := m.Kernel.Loaded(); u.BootID == m.Host.BootID() && (err != nil || loaded) {
		return nil
	}
	var found []Finding
	for _, v := range u.Volumes {
		if slots, err := m.slots(v); err != nil || len(slots) > 0 {
			found = append(found, Finding{ID: FindingLeftover, Severity: SeverityError, Volume: v.Name,
				Text: fmt.Sprintf("the key of %s for one kexec that reboot made is still there", v.Name), Hint: "run kexec-bls unload, which removes it"})
		}
	}
	return found
}
