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
	// Missed are the earlier rules that matched nothing, with the likely mend.
	Missed []string
	// OneShot says that LoaderEntryOneShot, or GRUB's next_entry, chose it and
	// would be used up by a boot.
	OneShot bool
}

// A rule is one wish for an entry.
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

func (r rule) matches(id string) bool {
	if r.exact {
		return bls.FoldID(r.pattern) == bls.FoldID(id)
	}
	return bls.MatchID(r.pattern, id)
}

// Choose picks the default as systemd-boot 262 does: the first rule that
// matches an entry it shows, else the first it can boot.
func (l *List) Choose(vars Vars, conf bls.LoaderConf) Choice {
	var c Choice
	for _, r := range rules(vars, conf) {
		if e := l.first(r); e != nil {
			c.Entry, c.Rule, c.OneShot = e, r.String(), r.name == bli.EntryOneShot
			return c
		}
		c.Missed = append(c.Missed, r.String()+" matches no entry"+l.mend(r))
	}
	c.Entry, c.Rule = l.fallback()
	return c
}

// rules lists the wishes in the order systemd-boot honours them.
func rules(vars Vars, conf bls.LoaderConf) []rule {
	var rules []rule
	wish := func(r rule) {
		if r.name != bli.EntryOneShot && bls.IsSaved(r.pattern) {
			r.name += " " + bls.Saved
			r.pattern, r.exact = vars.LastBooted, true
		}
		if r.pattern != "" {
			rules = append(rules, r)
		}
	}
	if vars.OneShot != bli.KexecJunk {
		wish(rule{name: bli.EntryOneShot, pattern: vars.OneShot})
	}
	if vars.knowsPreferred() {
		wish(rule{name: bli.EntryPreferred, pattern: vars.Preferred, skipBad: true})
		wish(rule{name: "loader.conf preferred", pattern: conf.Preferred, skipBad: true})
	}
	wish(rule{name: bli.EntryDefault, pattern: vars.Default})
	wish(rule{name: "loader.conf default", pattern: conf.Default})
	return rules
}

// first is the first entry on systemd-boot's menu that the rule matches. Its
// own auto entries stand at the end of that menu.
func (l *List) first(r rule) *Entry {
	for _, e := range l.Entries {
		if e.Hidden == "" && e.Type != bls.Reported && !(r.skipBad && e.Bad()) && r.matches(e.ID) {
			return e
		}
	}
	return nil
}

// fallback never takes a profile other than the first, nor an auto entry,
// while there is anything else.
func (l *List) fallback() (*Entry, string) {
	var any *Entry
	for _, e := range l.Entries {
		if e.Hidden != "" || e.Type == bls.Reported {
			continue
		}
		if e.Type != bls.Auto && e.Profile <= 0 {
			return e, "first bootable in order"
		}
		if any == nil {
			any = e
		}
	}
	if any == nil {
		return nil, ""
	}
	return any, "first on the menu, nothing else is bootable"
}

// mend says what the writer of a pattern that matches nothing most likely
// meant, or why what it matches does not count.
func (l *List) mend(r rule) string {
	for _, e := range l.Entries {
		switch {
		case !r.matches(e.ID) || e.Type == bls.Reported:
		case e.Hidden != "":
			return fmt.Sprintf("; %s is hidden: %s", e.ID, e.Hidden)
		case r.skipBad && e.Bad():
			return fmt.Sprintf("; %s has no boot attempts left", e.ID)
		}
	}
	for _, suffix := range []string{".conf", ".efi"} {
		if e := l.first(rule{pattern: r.pattern + suffix, exact: r.exact}); e != nil {
			return fmt.Sprintf("; the suffix is part of the id, %s%s would match %s", r.pattern, suffix, e.ID)
		}
	}
	return ""
}
