package entries

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/kexec-bls/kexec-bls/entries/efivar"
)

// Vars is what the boot loader and the user left in EFI variables. The zero
// value is a machine that was not booted with EFI.
type Vars struct {
	OneShot, Preferred, Default string
	LastBooted, Selected        string
	// Entries are the ids that the boot loader reported, in its order.
	Entries []string
	// Features is LoaderFeatures; HasFeatures tells 0 from absent.
	Features    uint64
	HasFeatures bool
	// Info names the boot loader, "systemd-boot 262"; "" without one that
	// follows the boot loader interface.
	Info string
	// Image is the path of the boot loader on its partition, with backslashes.
	Image string
	// Device is the partition that systemd-boot was started from, a lower-case
	// GPT UUID.
	Device string
}

// featurePreferred is the LoaderFeatures bit of a systemd-boot that knows
// LoaderEntryPreferred and the key preferred (v260).
const featurePreferred = 1 << 19

// efibcJunk is what the kernel's efibc module writes into LoaderEntryOneShot
// at a kexec: no entry, whatever the files are called.
const efibcJunk = "kexec reboot"

// ReadVars reads each variable once. A variable that cannot be decoded is an
// error beside the values of the others.
func ReadVars(v efivar.Vars) (Vars, error) {
	var vars Vars
	var errs []error
	for name, field := range map[string]*string{
		"LoaderEntryOneShot":    &vars.OneShot,
		"LoaderEntryPreferred":  &vars.Preferred,
		"LoaderEntryDefault":    &vars.Default,
		"LoaderEntryLastBooted": &vars.LastBooted,
		"LoaderEntrySelected":   &vars.Selected,
		"LoaderInfo":            &vars.Info,
		"LoaderImageIdentifier": &vars.Image,
		"LoaderDevicePartUUID":  &vars.Device,
	} {
		var err error
		*field, err = v.Loader(name)
		errs = append(errs, present(err))
	}
	var err error
	vars.Entries, err = v.LoaderList("LoaderEntries")
	errs = append(errs, present(err))
	vars.Features, err = v.LoaderUint64("LoaderFeatures")
	vars.HasFeatures = err == nil
	errs = append(errs, present(err))
	return vars, errors.Join(errs...)
}

// present drops the error of a variable that does not exist.
func present(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// SystemdBoot says whether systemd-boot started the machine. GRUB 2.12 names
// itself in LoaderInfo too.
func (v Vars) SystemdBoot() bool { return strings.HasPrefix(v.Info, "systemd-boot ") }

func (v Vars) knowsPreferred() bool { return !v.HasFeatures || v.Features&featurePreferred != 0 }
