package grub

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Next works out what GRUB boots next on a machine. It always returns a Boot;
// its Err says why nothing, or no boot loader entry, comes up.
func Next(m *Machine) *Boot {
	r := newRunner(m)
	b := r.boot
	b.run = r
	err := r.begin()
	b.Flavor, b.Menu = r.flavor, r.menu
	if err == nil && len(r.menu) == 0 {
		err = ErrEmptyMenu
	}
	if err == nil {
		err = r.finish()
	}
	b.Err = err
	return b
}

// begin runs the first grub.cfg.
func (r *runner) begin() error {
	device := r.deviceName(r.m.Start)
	prefix := "(" + device + ")/" + strings.Trim(r.m.Dir, "/")
	r.vars["root"], r.vars["prefix"], r.vars["cmdpath"] = device, strings.TrimSuffix(prefix, "/"), prefix
	f := File{r.m.Start, "/" + strings.TrimPrefix(strings.Trim(r.m.Dir, "/")+"/grub.cfg", "/")}
	src := r.m.Script
	if src != "" && r.m.Root != nil {
		r.vars["root"] = r.deviceName(r.m.Root)
	}
	if src == "" {
		found, info, err := r.regular("(" + device + ")" + f.Path)
		if err == nil && info.IsDir() {
			err = errors.New("grub.cfg is a folder")
		}
		if err != nil {
			return r.undetermined("%w", err)
		}
		data, err := r.readFile(found, maxConfig)
		if err != nil {
			return err
		}
		f, src = found, string(data)
	}
	if err := r.config(f, src); err != nil {
		return err
	}
	r.decideFlavor()
	return nil
}

// finish chooses the default and loads it, or what fallback names.
func (r *runner) finish() error {
	b := r.boot
	n, err := r.choosePlace()
	if err != nil {
		return err
	}
	b.Chosen = r.menu[n]
	command, after, err := r.fork().start(b.Chosen)
	var failed *FailedError
	item := b.Chosen
	for errors.As(err, &failed) {
		b.Missed = append(b.Missed, err.Error())
		n, ok := r.fallback()
		if !ok {
			break
		}
		item = r.menu[n]
		b.Rule = "fallback"
		command, after, err = r.fork().start(item)
	}
	if err != nil {
		return err
	}
	b.Default, b.Command = item, command
	b.Missed = append(b.Missed, command.Missed...)
	b.Writes = writes(after.stored)
	return nil
}

func writes(stored map[File]Block) []Write {
	var out []Write
	for f, block := range maps.All(stored) {
		out = append(out, Write{f, fileOffset(f), block})
	}
	slices.SortFunc(out, func(a, b Write) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// choosePlace returns the place of the default in the menu and notes the rule.
func (r *runner) choosePlace() (int, error) {
	value, by := r.defaultValue()
	if isUnknown(value) {
		return 0, r.undetermined("variable %s depends on what is not known here", by)
	}
	if n, _, ok := r.place(value); ok && n < len(r.menu) {
		r.boot.Rule = by
		return n, nil
	}
	r.boot.Rule = "first in GRUB's menu"
	if value != "" {
		r.boot.Missed = append(r.boot.Missed, fmt.Sprintf("%s %s names no menu entry; GRUB takes the first", by, clip(value)))
	}
	return 0, nil
}

// defaultValue returns the value that chooses the default, and the variable
// that it comes from, for a message.
func (r *runner) defaultValue() (value, by string) {
	if value = r.m.LoaderEntryDefault; value != "" && r.flavor == SUSE {
		return value, "LoaderEntryDefault"
	}
	value = r.value("default")
	switch {
	case (r.boot.Next != nil || r.boot.NextErr != nil) && value == r.boot.next:
		return value, "grubenv next_entry"
	case value != "" && value == r.value("saved_entry"):
		return value, "grubenv saved_entry"
	}
	return value, "grub.cfg default"
}

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
	return named(item.ID, id) || slices.ContainsFunc(item.twins, func(t *Item) bool { return named(t.ID, id) })
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

// fallback takes the first place off the variable fallback.
func (r *runner) fallback() (n int, ok bool) {
	value := r.value("fallback")
	n, rest, ok := r.place(value)
	if !ok && r.flavor != Upstream {
		if first, _, blank := cutBlank(value); blank {
			if n, rest, ok = r.place(first); ok {
				rest = value[len(first):]
			}
		}
	}
	r.vars["fallback"] = strings.TrimLeft(rest, " \t")
	return n, ok && n < len(r.menu)
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
