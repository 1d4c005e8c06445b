package entries

// named is the rule of an entry that the user names.
const named = "named by the user"

// atNames are the names of entries that begin with an @.
func atNames() []string { return []string{"@default", "@oneshot", "@saved", "@current"} }

// Pick returns the entry that name means: an id in any letter case, with or
// without suffix and boot counter; a prefix of an id, title or version that only
// one entry has; "@default", "@oneshot", "@saved" or "@current"; "" is Default.
// The error is ErrNoEntry.
func (s *System) Pick(name string) (*Entry, error) {
	c, err := s.Choose(name)
	return c.Entry, err
}

// Choose is Pick with the rule that chose the entry.
func (s *System) Choose(name string) (Choice, error) {
	c := Choice{Rule: named}
	switch name {
	case "":
		return s.Default()
	case "@default":
		return s.found(s.choices.lasting)
	case "@oneshot":
		if !s.choices.next.OneShot {
			return c, noEntryf("no one-shot entry is set")
		}
		c.Entry = s.choices.next.Entry
	case "@saved":
		c.Entry = s.choices.saved
	case "@current":
		c.Entry = s.running
	default:
		var err error
		c.Entry, err = s.menu.find(name)
		return c, err
	}
	if c.Entry == nil {
		return c, noEntryf("%s cannot be determined on this machine", name)
	}
	return c, nil
}
