package loader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/bls/grub"
	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/loader/internal/raw"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// wayBack is what makes a fallback the boot loader's next choice, in the order in
// which it is to be written. LoaderEntryOneShot is not used: the kernel's efibc
// writes over it at a kexec, and the boot loader deletes it at the first reset,
// so that a second one would boot the new entry. A one-shot entry that is set
// comes before all else, and is set aside.
func (m *Machine) wayBack(sys *entries.System, fallback *entries.Entry) ([]state.SettingChange, error) {
	if sys.GRUB() {
		return grubWayBack(sys, fallback)
	}
	info, err := m.Vars.Loader(bli.Info)
	if err != nil || !strings.HasPrefix(info, "systemd-boot ") {
		return nil, hint.Errorf("boot through systemd-boot or GRUB", "neither systemd-boot nor GRUB was detected: the next choice of the boot loader cannot be set")
	}
	name := bli.EntryDefault
	if features, err := m.Vars.LoaderUint64(bli.Features); err == nil && features&bli.FeaturePreferred != 0 {
		name = bli.EntryPreferred
	}
	var changes []state.SettingChange
	oneShot, err := m.variable(bli.EntryOneShot)
	if err != nil {
		return nil, err
	}
	if oneShot.Before != nil {
		changes = append(changes, oneShot)
	}
	choice, err := m.variable(name)
	if err != nil {
		return nil, err
	}
	choice.During = bli.Encode(fallback.ID)
	return append(changes, choice), nil
}

// variable is a variable as it is now, to be absent during the trial.
func (m *Machine) variable(name string) (state.SettingChange, error) {
	c := state.SettingChange{Name: name}
	v, err := m.Vars.Read(name, bli.LoaderVendor)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, nil
	case err != nil:
		return c, err
	}
	c.Attributes, c.Before = v.Attributes, append([]byte{}, v.Data...)
	return c, nil
}

// changeSetting writes the value that a setting has during the trial.
func (m *Machine) changeSetting(c state.SettingChange) error {
	if c.Block != "" {
		return setBlock(string(c.Block), c.Name, c.During)
	}
	return m.writeVariable(c, c.During)
}

// restoreSetting writes the value that a setting had before the trial, unless
// somebody else has changed it since. The boot loader deletes a one-shot setting,
// and the kernel's efibc writes into it.
func (m *Machine) restoreSetting(c state.SettingChange) error {
	now, err := m.setting(c)
	if err != nil {
		return err
	}
	var once bool
	if c.Block != "" {
		once = len(now) == 0 && c.Name == "next_entry"
	} else {
		text, decoded := bli.Decode(now)
		once = c.Name == bli.EntryOneShot && (now == nil || decoded == nil && text == bli.KexecJunk)
	}
	switch {
	case same(now, c.Before):
		return nil
	case !same(now, c.During) && !once:
		return nil // it is somebody's decision
	case c.Block != "":
		return setBlock(string(c.Block), c.Name, c.Before)
	}
	return m.writeVariable(c, c.Before)
}

// same compares values of which nil is an absent one.
func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// setting is the value now, nil for none.
func (m *Machine) setting(c state.SettingChange) ([]byte, error) {
	if c.Block != "" {
		block, err := readBlock(string(c.Block))
		if err != nil {
			return nil, err
		}
		return blockValue(block, c.Name)
	}
	now, err := m.variable(c.Name)
	return now.Before, err
}

// writeVariable writes a variable, or deletes it where the value is nil.
func (m *Machine) writeVariable(c state.SettingChange, value []byte) error {
	if value == nil {
		if _, err := m.Vars.Consume(c.Name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	attributes := c.Attributes
	if attributes == 0 {
		attributes = 7 // non-volatile, for boot services and at run time
	}
	return m.Vars.Restore(efivar.Saved{Name: c.Name, Variable: efivar.Variable{Attributes: attributes, Data: value}})
}

// grubWayBack is next_entry in the environment block, and saved_entry, for GRUB
// empties next_entry at the first reset.
func grubWayBack(sys *entries.System, fallback *entries.Entry) ([]state.SettingChange, error) {
	name := sys.GrubEnv()
	if name == "" {
		return nil, hint.Errorf("make one with grub2-editenv - create, or grub-editenv", "GRUB reads no environment block from a file: next_entry cannot be set")
	}
	block, err := readBlock(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var changes []state.SettingChange
	for _, variable := range []string{"saved_entry", "next_entry"} {
		before, err := blockValue(block, variable)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		changes = append(changes, state.SettingChange{
			Name: variable, Block: raw.String(name), Before: before, During: []byte(grubID(fallback.ID)),
		})
	}
	return changes, nil
}

// maxBlock bounds an environment block, in bytes.
const maxBlock = 64 << 10

func readBlock(name string) (grub.Block, error) {
	f, err := esp.OpenFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	block, err := io.ReadAll(io.LimitReader(f, maxBlock))
	return block, err
}

// blockValue is the value of a variable, nil for none.
func blockValue(b grub.Block, name string) ([]byte, error) {
	vars, err := b.Vars()
	var value []byte
	for _, v := range vars {
		if v.Name == name {
			value = append([]byte{}, v.Value...)
		}
	}
	return value, err
}

// setBlock sets a variable of a block in its place on the disk, where GRUB looks
// for it; nil removes it.
func setBlock(file, name string, value []byte) error {
	block, err := readBlock(file)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if value == nil {
		block, err = block.Delete(name)
	} else {
		block, err = block.Set(name, string(value))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(block, 0)
	return errors.Join(err, f.Sync(), f.Close())
}

// grubID is an id as GRUB's blscfg has it.
func grubID(id string) string { return strings.TrimSuffix(id, ".conf") }
