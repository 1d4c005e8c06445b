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
	slices.SortStableFunc(out, func(a, b Write) int { return strings.Compare(a.Path, b.Path) })
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
		if meant := r.likely(value); meant != nil && meant != r.menu[n] && r.flavor == Upstream {
			r.boot.Missed = append(r.boot.Missed, fmt.Sprintf("%s %s begins with a number, and GRUB 2.14 takes the entry at place %d", by, clip(value), n))
		}
		return n, nil
	}
	r.boot.Rule = "first in GRUB's menu"
	if value != "" {
		text := fmt.Sprintf("%s %s names no menu entry; GRUB takes the first", by, clip(value))
		if meant := r.likely(value); meant != nil && r.places(meant.menuID()) == meant {
			text += fmt.Sprintf("; %s would match", clip(meant.menuID()))
		}
		r.boot.Missed = append(r.boot.Missed, text)
	}
	return 0, nil
}

// defaultValue returns the value that chooses the default, and the variable
// that it comes from, for a message.
func (r *runner) defaultValue() (value, by string) {
	if value = r.m.LoaderEntryDefault; value != "" && r.flavor == SUSE && r.m.readsVariable() {
		return value, "LoaderEntryDefault"
	}
	value = r.value("default")
	switch {
	case (r.boot.Next != nil || r.boot.NextErr != nil) && value == r.boot.next:
		return value, "grubenv next_entry"
	case value != "" && value == r.value("saved_entry"):
		return value, "grubenv saved_entry"
	case r.flavor == SUSE:
		return value, "grubenv default"
	}
	return value, "grub.cfg default"
}

// fallback takes the first place off the variable fallback. Upstream's are numbers.
func (r *runner) fallback() (n int, ok bool) {
	value := r.value("fallback")
	find := r.placeFedora
	if r.flavor == Upstream {
		find = leadingNumber
	}
	n, rest, ok := find(value)
	if !ok && r.flavor != Upstream {
		if first, _, blank := cutBlank(value); blank {
			if n, rest, ok = r.placeFedora(first); ok {
				rest = value[len(first):]
			}
		}
	}
	r.vars["fallback"] = strings.TrimLeft(rest, " \t")
	return n, ok && n < len(r.menu)
}
