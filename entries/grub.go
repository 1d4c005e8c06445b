package entries

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/entries/esp"
)

// A Grub is the environment of a machine that GRUB's blscfg boots.
type Grub struct {
	// Path is the grubenv file, for messages.
	Path string
	Env  bls.GrubEnv
}

// grubEnvSize is the size of a GRUB environment block, in bytes; a larger file
// is none.
const grubEnvSize = 1024

// FindGrub returns the GRUB environment of the boot partitions, nil where
// there is none. Without systemd-boot's variables such a file tells a machine
// that GRUB boots.
func FindGrub(volumes []*esp.Volume) (*Grub, error) {
	var errs []error
	for _, v := range volumes {
		for _, name := range grubEnvNames(v) {
			r := reader{volume: v}
			data, err := r.readSmall(v.Root, name)
			if err == nil && len(data) <= grubEnvSize {
				env, err := bls.ParseGrubEnv(data)
				if err == nil {
					return &Grub{Path: r.volume.Where(name), Env: env}, nil
				}
				errs = append(errs, fmt.Errorf("%s: %w", r.volume.Where(name), err))
			} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("%s: %w", r.volume.Where(name), err))
			}
		}
	}
	return nil, errors.Join(errs...)
}

// grubEnvNames are the places of grubenv below a boot partition, by GRUB's
// own defaults and by Fedora's link target on the ESP.
func grubEnvNames(v *esp.Volume) []string {
	names := []string{"grub2/grubenv", "grub/grubenv"}
	vendors, _ := fs.ReadDir(v.Root.FS(), "EFI")
	for _, d := range vendors {
		names = append(names, path.Join("EFI", d.Name(), "grubenv"))
	}
	return names
}

// ChooseGrub picks the default as GRUB does: next_entry once, then
// saved_entry, else the first entry.
func (l *List) ChooseGrub(env bls.GrubEnv) Choice {
	var c Choice
	for _, name := range []string{"next_entry", "saved_entry"} {
		value := env[name]
		if value == "" {
			continue
		}
		if e := l.grubEntry(value); e != nil {
			c.Entry, c.Rule, c.OneShot = e, "grubenv "+name, name == "next_entry"
			return c
		}
		c.Missed = append(c.Missed, fmt.Sprintf("grubenv %s=%s matches no entry", name, value))
	}
	for _, e := range l.Entries {
		if e.Hidden == "" {
			c.Entry, c.Rule = e, "first in GRUB's order"
			return c
		}
	}
	return c
}

// grubEntry finds an entry by id without suffix, by title, or by its place on
// the menu.
func (l *List) grubEntry(value string) *Entry {
	var shown []*Entry
	for _, e := range l.Entries {
		if e.Hidden != "" {
			continue
		}
		if trimSuffix(e.FileID()) == value || e.FileID() == value || e.Title == value {
			return e
		}
		shown = append(shown, e)
	}
	if n, err := strconv.Atoi(value); err == nil && n >= 0 && n < len(shown) {
		return shown[n]
	}
	return nil
}
