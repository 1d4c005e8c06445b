package entries

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/entries/esp"
)

// A grubEnv is the environment of a machine that GRUB's blscfg boots.
type grubEnv struct {
	// Path is the grubenv file, for messages.
	Path string
	Env  bls.GrubEnv

	volume *esp.Volume
	name   string // below its root
}

// grubEnvSize is the size of a GRUB environment block, in bytes; a larger file
// is none.
const grubEnvSize = 1024

// findGrub returns the GRUB environment of the boot partitions, nil where
// there is none. Without systemd-boot's variables such a file identifies a machine
// that GRUB boots.
func findGrub(volumes []*esp.Volume) (*grubEnv, error) {
	var errs []error
	for _, v := range volumes {
		for _, name := range grubEnvNames(v) {
			r := reader{volume: v}
			data, err := r.readSmall(v, name)
			if err == nil && len(data) <= grubEnvSize {
				env, err := bls.ParseGrubEnv(data)
				if err == nil {
					return &grubEnv{Path: r.volume.Where(name), Env: env, volume: v, name: name}, nil
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

// chooseGrub picks the default as GRUB does: next_entry once, then
// saved_entry, else the first entry.
func (m *menu) chooseGrub(env bls.GrubEnv) Choice {
	var c Choice
	for _, name := range []string{"next_entry", "saved_entry"} {
		value := env[name]
		if value == "" {
			continue
		}
		if e := m.grubEntry(value); e != nil {
			c.Entry, c.Rule, c.OneShot = e, "grubenv "+name, name == "next_entry"
			return c
		}
		c.Missed = append(c.Missed, fmt.Sprintf("grubenv %s=%s matches no entry", name, value))
	}
	for _, e := range m.entries {
		if e.Hidden == "" {
			c.Entry, c.Rule = e, "first in GRUB's order"
			return c
		}
	}
	return c
}

// grubEntry finds an entry as a value of grubenv names it: by id without
// suffix, by title, or by its place on the menu. nil: none is meant.
func (m *menu) grubEntry(value string) *Entry {
	var shown []*Entry
	for _, e := range m.entries {
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

// consumeNext empties next_entry, as GRUB does before it boots it. undo writes
// the block back that was there. The file keeps its place on the disk: GRUB
// finds it by that, not by the file system.
func (g *grubEnv) consumeNext() (undo func() error, err error) {
	r := reader{}
	before, err := r.readSmall(g.volume, g.name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.Path, err)
	}
	after, err := bls.EmptyGrubVar(before, "next_entry")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.Path, err)
	}
	return func() error { return g.overwrite(before) }, g.overwrite(after)
}

func (g *grubEnv) overwrite(block []byte) error {
	f, err := g.volume.Root.OpenFile(g.name, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", g.Path, esp.Cause(err))
	}
	_, err = f.WriteAt(block, 0)
	return errors.Join(err, f.Sync(), f.Close())
}

// chooseGrub fills the menu and the rules of a machine that GRUB boots.
func (s *System) chooseGrub(g *grubEnv, arch string) {
	s.menu = readMenu(s.volumes, arch, bls.CompareGrub)
	s.menu.report(s.vars.Entries)
	lasting := maps.Clone(g.Env)
	delete(lasting, "next_entry")
	s.choices = choices{
		next: s.menu.chooseGrub(g.Env), lasting: s.menu.chooseGrub(lasting),
		saved: s.menu.grubEntry(g.Env["saved_entry"]), env: g.Env, consume: g.consumeNext,
	}
	for _, e := range s.menu.entries {
		written := *e.Entry
		written.Options, written.Initrds = slices.Clone(e.Options), slices.Clone(e.Initrds)
		e.Written = &written
		e.expandErr = e.Expand(g.Env)
	}
}
