package entries

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
)

// Vars is what the boot loader and the user left in EFI variables. The zero
// value is a machine that was not booted with EFI.
type Vars struct {
	OneShot, Preferred, Default string
	LastBooted, Selected        string
	// Entries are the ids that the boot loader reported, in its order.
	Entries []string
	// Features is LoaderFeatures; HasFeatures distinguishes 0 from absent.
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

// readVars reads each variable once, and names it to asking, as firmware may not
// answer. A variable that cannot be decoded is an error beside the values of the
// others.
func readVars(v efivar.Vars, asking func(what string) (answered func())) (Vars, error) {
	var vars Vars
	var errs []error
	for name, field := range map[string]*string{
		bli.EntryOneShot:    &vars.OneShot,
		bli.EntryPreferred:  &vars.Preferred,
		bli.EntryDefault:    &vars.Default,
		bli.EntryLastBooted: &vars.LastBooted,
		bli.EntrySelected:   &vars.Selected,
		bli.Info:            &vars.Info,
		bli.ImageIdentifier: &vars.Image,
		bli.DevicePartUUID:  &vars.Device,
	} {
		answered := asking("EFI variable " + name)
		var err error
		*field, err = v.Loader(name)
		errs = append(errs, present(err))
		answered()
	}
	answered := asking("EFI variable " + bli.Entries)
	var err error
	vars.Entries, err = v.LoaderList(bli.Entries)
	errs = append(errs, present(err))
	answered()
	answered = asking("EFI variable " + bli.Features)
	defer answered()
	vars.Features, err = v.LoaderUint64(bli.Features)
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

// SystemdBoot reports whether systemd-boot started the machine. GRUB 2.12 names
// itself in LoaderInfo too.
func (v Vars) SystemdBoot() bool { return strings.HasPrefix(v.Info, "systemd-boot ") }

func (v Vars) knowsPreferred() bool { return !v.HasFeatures || v.Features&bli.FeaturePreferred != 0 }
