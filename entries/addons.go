package entries

import (
	"errors"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/uki"
)

// An Addon is a PE file that adds to the command line of UKIs: all of the
// partition (Global) or the one beside it.
type Addon struct {
	// Path is "/loader/addons/x.addon.efi", or relative to the UKI's folder.
	Path   string
	Global bool
	// Options is the addon's .cmdline, "" when it has none or is no addon for
	// the machine.
	Options string
}

const (
	addonDir    = "loader/addons"
	addonSuffix = ".addon.efi"
)

// globalAddons reads the addons for all UKIs of the volume, once.
func (r *reader) globalAddons() []Addon {
	if !r.haveAddons {
		r.haveAddons = true
		r.addons = r.readAddons(addonDir, r.names(addonDir, addonSuffix))
		for i := range r.addons {
			r.addons[i].Global = true
			r.addons[i].Path = "/" + addonDir + "/" + r.addons[i].Path
		}
	}
	return r.addons
}

// localAddons reads the addons beside a UKI, in a directory with its name on
// disk as bootctl does: systemd-stub takes the boot counter off first.
func (r *reader) localAddons(dir string, companions []string) []Addon {
	addons := r.readAddons(type2Dir+"/"+dir, companions)
	for i := range addons {
		addons[i].Path = dir + "/" + addons[i].Path
	}
	return addons
}

// readAddons reads those of the files that are called addons; their paths are
// the bare names. As in bootctl's list, one that cannot be used is there too.
func (r *reader) readAddons(dir string, names []string) []Addon {
	var addons []Addon
	for _, name := range names {
		if !bls.IsEntryName(name, addonSuffix) {
			continue
		}
		options, err := r.addonOptions(dir + "/" + name)
		if err != nil {
			r.problem(&bls.ParseError{Path: r.volume.Where(dir + "/" + name), Err: err})
		}
		addons = append(addons, Addon{Path: name, Options: options})
	}
	return addons
}

// errNoAddon means that neither bootctl nor systemd-stub would use the file.
var errNoAddon = errors.New("not an addon for this machine")

func (r *reader) addonOptions(p string) (string, error) {
	f, m, err := openPE(r.volume, p)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if !m.IsAddon(uki.MachineByArchName(r.arch)) {
		return "", errNoAddon
	}
	base, err := m.Profile(0)
	if err != nil {
		return "", err
	}
	options, err := base.Text(".cmdline")
	return strings.TrimSpace(options), err
}

// setExtras lists what bootctl shows for a Type #1 entry: the addons of the
// partition, though they reach UKIs only, and its own extra files.
func (e *Entry) setExtras(addons []Addon) {
	for _, a := range addons {
		e.ExtraFiles = append(e.ExtraFiles, a.Path)
	}
	for _, p := range e.Extras {
		if isExtra(p) {
			e.ExtraFiles = append(e.ExtraFiles, p)
		}
	}
}

// isExtra knows the kinds of files that systemd-stub packs into the initrd.
func isExtra(name string) bool {
	for _, suffix := range []string{".cred", ".sysext.raw", ".confext.raw"} {
		if bls.IsEntryName(name, suffix) {
			return true
		}
	}
	return false
}

// ukiExtras lists the companions of a UKI as bootctl does, beside the addons
// of the whole partition.
func (r *reader) ukiExtras(dir string, companions []string) []string {
	var extras []string
	for _, a := range r.globalAddons() {
		extras = append(extras, a.Path)
	}
	for _, suffix := range []string{".confext.raw", ".sysext.raw", ".cred", addonSuffix} {
		for _, name := range companions {
			if bls.IsEntryName(name, suffix) {
				extras = append(extras, dir+"/"+name)
			}
		}
	}
	return extras
}
