package entries

import (
	"fmt"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/bli"
)

// A Choice is the entry that the boot loader would boot, and why.
type Choice struct {
	// Entry is nil where it would boot nothing.
	Entry *Entry
	// Rule names what chose it: "LoaderEntryOneShot", "loader.conf default
	// arch*", "first bootable in order".
	Rule string
	// Missed are the earlier rules that matched nothing, with the likely fix.
	Missed []string
	// Warnings are why the machine may boot something else.
	Warnings []string
	// OneShot is set where LoaderEntryOneShot, or GRUB's next_entry, chose it and
	// would be consumed by a boot.
	OneShot bool

	err error // why there is no Entry
}

// A rule is one setting that chooses an entry.
type rule struct {
	name    string // of the variable or key
	pattern string
	exact   bool // the pattern is an id: @saved
	skipBad bool
}

// String names the rule and, for a key of loader.conf, its pattern.
func (r rule) String() string {
	if strings.HasPrefix(r.name, "loader.conf") {
		return r.name + " " + r.pattern
	}
	return r.name
}

// describe names the rule and its pattern.
func (r rule) describe() string {
	if strings.HasPrefix(r.name, "loader.conf") {
		return r.String()
	}
	return fmt.Sprintf("%s %q", r.name, r.pattern)
}

func (r rule) matches(id string) bool {
	if r.exact {
		return bls.FoldID(r.pattern) == bls.FoldID(id)
	}
	return bls.MatchID(r.pattern, id)
}

// choose picks the default as systemd-boot 262 does: the first rule that
// matches an entry it shows, else the first it can boot.
func (m *menu) choose(vars Vars, conf bls.LoaderConf) Choice {
	var c Choice
	for _, r := range rules(vars, conf) {
		if e := m.first(r); e != nil {
			c.Entry, c.Rule, c.OneShot = e, r.String(), r.name == bli.EntryOneShot
			return c
		}
		c.Missed = append(c.Missed, r.describe()+" matches no entry"+m.likelyFix(r))
	}
	c.Entry, c.Rule = m.fallback()
	return c
}

// rules lists the settings in the order systemd-boot honours them.
func rules(vars Vars, conf bls.LoaderConf) []rule {
	var rules []rule
	add := func(r rule) {
		if r.name != bli.EntryOneShot && bls.IsSaved(r.pattern) {
			r.name += " " + bls.Saved
			r.pattern, r.exact = vars.LastBooted, true
		}
		if r.pattern != "" {
			rules = append(rules, r)
		}
	}
	if vars.OneShot != bli.KexecJunk {
		add(rule{name: bli.EntryOneShot, pattern: vars.OneShot})
	}
	if vars.knowsPreferred() {
		add(rule{name: bli.EntryPreferred, pattern: vars.Preferred, skipBad: true})
		add(rule{name: "loader.conf preferred", pattern: conf.Preferred, skipBad: true})
	}
	add(rule{name: bli.EntryDefault, pattern: vars.Default})
	add(rule{name: "loader.conf default", pattern: conf.Default})
	return rules
}

// first is the first entry on systemd-boot's menu that the rule matches. Its
// own auto entries are at the end of that menu.
func (m *menu) first(r rule) *Entry {
	for _, e := range m.entries {
		if e.Hidden == "" && e.Type != bls.Reported && !(r.skipBad && e.Bad()) && r.matches(e.ID) {
			return e
		}
	}
	return nil
}

// fallback never takes a profile other than the first, nor an auto entry,
// while there is anything else.
func (m *menu) fallback() (*Entry, string) {
	var other *Entry
	for _, e := range m.entries {
		if e.Hidden != "" || e.Type == bls.Reported {
			continue
		}
		if e.Type != bls.Auto && e.Profile <= 0 {
			return e, "first bootable in order"
		}
		if other == nil {
			other = e
		}
	}
	if other == nil {
		return nil, ""
	}
	return other, "first on the menu, nothing else is bootable"
}

// likelyFix is what the writer of a pattern that matches nothing most likely
// meant, or why what it matches does not count.
func (m *menu) likelyFix(r rule) string {
	for _, e := range m.entries {
		switch {
		case !r.matches(e.ID) || e.Type == bls.Reported:
		case e.Hidden != "":
			return fmt.Sprintf("; %s is hidden: %s", e.ID, e.Hidden)
		case r.skipBad && e.Bad():
			return fmt.Sprintf("; %s has no boot attempts left", e.ID)
		}
	}
	if id, tries := bls.SplitTries(r.pattern); tries.Counted && !r.exact {
		if e := m.first(rule{pattern: id}); e != nil {
			return fmt.Sprintf("; the boot counter is no part of the id, %s would match", id)
		}
	}
	for _, suffix := range []string{".conf", ".efi"} {
		if e := m.first(rule{pattern: r.pattern + suffix, exact: r.exact}); e != nil {
			return fmt.Sprintf("; the suffix is part of the id, %s%s would match %s", r.pattern, suffix, e.ID)
		}
	}
	for _, e := range m.entries {
		if e.Title != "" && e.Type != bls.Reported && strings.EqualFold(e.Title, r.pattern) {
			return fmt.Sprintf("; it takes an id such as %s", e.ID)
		}
	}
	return ""
}
