package grub

import (
	"path"
	"strings"
)

// isDefault reports whether the variable default names the item at this place
// of the list, by blscfg's own rule.
func (item *Item) isDefault(value string, place int) bool {
	name := item.ID
	if item.flavor == Upstream {
		name = path.Base(item.File.Path)
	}
	if value == "" || value == name || value == item.Title {
		return value != ""
	}
	n, rest, ok := leadingNumber(value)
	return ok && n == place && (rest == "" || item.flavor != Upstream)
}

// menuentry adds a menuentry or submenu of grub.cfg.
func (r *runner) menuentry(c call) error {
	item := &Item{Kind: Other}
	var rest []string
	for i := 0; i < len(c.args); i++ {
		option, value, has := strings.Cut(c.args[i], "=")
		switch {
		case !strings.HasPrefix(option, "--"):
			rest = append(rest, c.args[i])
			continue
		case option == "--unrestricted":
			continue
		case !has && i+1 < len(c.args):
			i++
			value = c.args[i]
		}
		if option == "--id" {
			item.ID = value
		}
	}
	if len(rest) == 0 {
		r.status = failure
		return nil
	}
	if item.Title = rest[0]; item.ID == "" {
		item.ID = item.Title
	}
	if isUnknown(item.ID + item.Title) {
		return r.undetermined("the title of a menu entry depends on what is not known here")
	}
	return r.add(item)
}
