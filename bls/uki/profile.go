package uki

import (
	"errors"
	"fmt"
	"slices"
)

// maxProfiles is where systemd stops looking for more.
const maxProfiles = 256

// ErrNoProfile means that the image has no such profile.
var ErrNoProfile = errors.New("no such profile in the image")

// A Profile is one way to start a UKI: the sections before the first .profile
// (the base), overridden by name by those that follow its own .profile.
type Profile struct {
	// Number counts from 0.
	Number int
	// ID and Title are those of .profile, "" if it has none.
	ID, Title string

	m   *Image
	own []Section
}

// split notes where the base and the profiles begin. Only a name's first
// section counts.
func (m *Image) split() {
	m.base = make(map[string]int)
	for i, s := range m.Sections {
		switch _, seen := m.base[s.Name]; {
		case s.Name == ".profile":
			m.starts = append(m.starts, i)
		case len(m.starts) == 0 && !seen:
			m.base[s.Name] = i
		}
	}
}

// Profiles is the number of profiles, at least 1 and at most 256: an image
// without .profile sections has one, and what follows the 256th is left out,
// as in systemd.
func (m *Image) Profiles() int { return min(max(len(m.starts), 1), maxProfiles) }

// Profile returns the nth profile, from 0, and reads its .profile section.
// The error is ErrNoProfile, or the cause why .profile could not be read.
func (m *Image) Profile(n int) (Profile, error) {
	if n < 0 || n >= m.Profiles() {
		return Profile{}, fmt.Errorf("profile %d of %d: %w", n, m.Profiles(), ErrNoProfile)
	}
	p := Profile{Number: n, m: m}
	if len(m.starts) == 0 {
		return p, nil
	}
	end := len(m.Sections)
	if n+1 < len(m.starts) {
		end = m.starts[n+1]
	}
	p.own = m.Sections[m.starts[n]:end]
	text, err := p.own[0].text(m.textLimit())
	if err != nil {
		return Profile{}, fmt.Errorf("profile %d: %w", n, err)
	}
	for a := range assignments(text) {
		switch a.key {
		case "ID":
			p.ID = a.value
		case "TITLE":
			p.Title = a.value
		}
	}
	return p, nil
}

// Section returns the section of that name which is current: the profile's
// own, else that of the base. One with VirtualSize 0 is not there, and hides
// the base's.
func (p Profile) Section(name string) (Section, bool) {
	for _, s := range p.own {
		if s.Name == name {
			return s, s.Size > 0
		}
	}
	if p.m == nil {
		return Section{}, false
	}
	i, ok := p.m.base[name]
	if !ok || p.m.Sections[i].Size == 0 {
		return Section{}, false
	}
	return p.m.Sections[i], true
}

// Sections lists the sections that the profile is made of: its own, then the
// base's, whatever hides what.
func (p Profile) Sections() []Section {
	base := p.m.Sections
	if len(p.m.starts) > 0 {
		base = base[:p.m.starts[0]]
	}
	return slices.Concat(p.own, base)
}

// Text returns the text of a small current section, "" if there is none.
// The errors are those of Section.Text, except that the profiles of an image
// share TextLimit: 256 titles of 4 MiB would fit in a file of 4 MiB.
func (p Profile) Text(name string) (string, error) {
	s, ok := p.Section(name)
	if !ok {
		return "", nil
	}
	return s.text(p.m.textLimit())
}

// textLimit is a profile's part of TextLimit, in bytes.
func (m *Image) textLimit() int64 { return int64(TextLimit / m.Profiles()) }
