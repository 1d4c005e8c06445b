package bls

import (
	"errors"
	"strconv"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/uki"
)

// ErrNotUKI means that an image in EFI/Linux is no unified kernel image for
// the machine; neither systemd-boot nor bootctl lists such a file.
var ErrNotUKI = errors.New("not a unified kernel image for this machine")

// FromUKI makes the Type #2 entries of an image, one for each profile. An
// entry whose profile cannot be read is omitted, with an error beside
// the others. machine is a COFF machine type, see uki.MachineFor.
func FromUKI(path string, m *uki.Image, machine uint16) ([]*Entry, error) {
	if !m.IsUKI(machine) {
		return nil, ErrNotUKI
	}
	var entries []*Entry
	var errs []error
	for n := range m.Profiles() {
		e, err := fromProfile(path, m, n)
		errs = append(errs, err)
		if e != nil {
			entries = append(entries, e)
		}
	}
	return entries, errors.Join(errs...)
}

func fromProfile(path string, m *uki.Image, n int) (*Entry, error) {
	p, err := m.Profile(n)
	if err != nil {
		return nil, err
	}
	osrel, err := p.Text(".osrel")
	if err != nil {
		return nil, err
	}
	release, err := uki.ParseOSRelease(osrel)
	if err != nil {
		return nil, err
	}
	uname, unameErr := p.Text(".uname")
	cmdline, cmdlineErr := p.Text(".cmdline")
	id, tries := SplitTries(baseName(path))
	e := &Entry{
		Type: Type2, ID: id, Path: path, Tries: tries, Profile: n,
		Title: release.Name, Version: release.Version, SortKey: release.SortKey,
		Uname: strings.Trim(uname, space), Linux: CleanPath(path),
	}
	if options := strings.Trim(cmdline, space); options != "" {
		e.Options = []string{options}
	}
	e.nameProfile(p)
	e.hideByName()
	return e, errors.Join(unameErr, cmdlineErr) // neither hides the entry
}

// space is what systemd takes off both ends of a section's text.
const space = " \t\r\n"

// nameProfile gives each profile an id and a title of its own. The first one
// keeps the bare file name, as in systemd-boot's menu.
func (e *Entry) nameProfile(p uki.Profile) {
	name := p.ID
	if name == "" {
		name = strconv.Itoa(p.Number)
	}
	if p.Number > 0 {
		e.ID += "@" + name
	}
	switch {
	case p.Title != "":
		e.Title += " (" + p.Title + ")"
	case p.ID != "":
		e.Title += " (" + p.ID + ")"
	case p.Number > 0:
		e.Title += " (@" + name + ")"
	}
}
