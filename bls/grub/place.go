package grub

import (
	"slices"
	"strings"
)

// place finds the menu item that a value names; rest is what follows it.
func (r *runner) place(value string) (n int, rest string, ok bool) {
	if r.flavor == Upstream {
		if n, rest, ok := leadingNumber(value); ok {
			return n, rest, true
		}
		for i, item := range r.menu {
			if named(item.Title, value) || named(item.ID, value) {
				return i, "", true
			}
		}
		return 0, "", false
	}
	return r.placeFedora(value)
}

// placeFedora looks for an id, then a title, then a number that is all of the
// value. An id ends at the first blank; a blank makes it none.
func (r *runner) placeFedora(value string) (n int, rest string, ok bool) {
	first, _, blank := cutBlank(value)
	for i, item := range r.menu {
		if r.hasID(item, first) {
			return i, value[len(first):], !blank
		}
	}
	for i, item := range r.menu {
		if r.hasTitle(item, value) {
			return i, "", true
		}
	}
	n, rest, ok = leadingNumber(value)
	return n, rest, ok && rest == ""
}

func (r *runner) hasID(item *Item, id string) bool {
	if r.flavor == SUSE {
		id = strings.TrimSuffix(id, ".conf")
	}
	return named(item.menuID(), id) || slices.ContainsFunc(item.twins, func(t *Item) bool { return named(t.menuID(), id) })
}

// menuID is the id that the menu has. Fedora's GRUB takes .conf off twice: an entry
// x.conf.conf is x there.
func (item *Item) menuID() string {
	if item.Kind == BLS && item.flavor != Upstream {
		return strings.TrimSuffix(item.ID, ".conf")
	}
	return item.ID
}

func (r *runner) hasTitle(item *Item, title string) bool {
	return named(item.Title, title) || slices.ContainsFunc(item.twins, func(t *Item) bool { return named(t.Title, title) })
}

// named reports whether a value names a title or id: ">" is written ">>", a
// single one ends the name.
func named(name, value string) bool {
	if name == "" {
		return false
	}
	for i := 0; ; i++ {
		end := value == "" || value[0] == '>' && !strings.HasPrefix(value, ">>")
		if end || i == len(name) {
			return end && i == len(name)
		}
		if value[0] == '>' {
			value = value[1:]
		}
		if name[i] != value[0] {
			return false
		}
		value = value[1:]
	}
}

func cutBlank(s string) (before, after string, found bool) {
	if i := strings.IndexAny(s, " \t\r\n\v\f"); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// maxPlace bounds numbers: no menu has so many entries.
const maxPlace = 1 << 30

// leadingNumber reads the number that s begins with as C's strtoul does with
// base 0: blanks, then decimal, 0x and hexadecimal, or 0 and octal digits.
func leadingNumber(s string) (n int, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t\r\n\v\f")
	base := 10
	switch {
	case len(s) > 1 && s[0] == '0' && s[1]|0x20 == 'x':
		base, s = 16, s[2:]
	case len(s) > 1 && s[0] == '0':
		base = 8
	}
	i := 0
	for ; i < len(s); i++ {
		d := digit(s[i])
		if d >= base {
			break
		}
		n = min(n*base+d, maxPlace)
	}
	return n, s[i:], i > 0
}

func digit(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case isAlpha(c):
		return int(c|0x20-'a') + 10
	}
	return 99
}

// likely is the entry that the writer of a value most likely meant: the suffix
// .conf and blanks around it are no part of an id, and its case counts.
func (r *runner) likely(value string) *Item {
	id := strings.TrimSuffix(strings.TrimSpace(value), ".conf")
	for _, item := range r.menu {
		if item.Kind == BLS && strings.EqualFold(strings.TrimSuffix(item.ID, ".conf"), id) {
			return item
		}
	}
	return nil
}

// places is the item that a value names.
func (r *runner) places(value string) *Item {
	if n, _, ok := r.place(value); ok && n < len(r.menu) {
		return r.menu[n]
	}
	return nil
}
