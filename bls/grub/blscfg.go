package grub

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

const (
	entriesDir = "/loader/entries"
	imagesDir  = "/EFI/Linux"
)

// A listing is what blscfg or uki is asked for.
type listing struct {
	dir        string // "" for the default
	fallback   bool   // look at the default where dir has no entry
	defaults   bool   // list the entries that the variable default names
	others     bool
	entry      string // list this one
	fromImages bool   // uki
}

// blscfg adds the entries of a folder to the menu.
func (r *runner) blscfg(c call) error {
	if r.listings++; r.listings > maxListings {
		return r.undetermined("%s runs more than %d times", c.name, maxListings)
	}
	l := r.listing(c)
	items, err := r.read(l)
	if err != nil {
		return err
	}
	vars := maps.Clone(r.vars)
	for i, item := range items {
		isDefault := item.isDefault(r.value("default"), i)
		if !(isDefault && l.defaults || !isDefault && l.others || l.entry != "" && l.entry == path.Base(item.File.Path)) {
			continue
		}
		if item.Entry != nil && !item.Entry.listed(item.flavor) || slices.Contains(r.menu, item) {
			continue
		}
		item.vars = vars
		if err := r.add(item); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) add(item *Item) error {
	if len(r.menu) >= maxItems {
		return r.undetermined("the menu has more than %d entries", maxItems)
	}
	r.menu = append(r.menu, item)
	return nil
}

// listing reads the arguments. Options are upstream's; Fedora's has an
// argument: "default", "non-default", a folder or an entry.
func (r *runner) listing(c call) listing {
	l := listing{fromImages: c.name == "uki"}
	for i := 0; i < len(c.args); i++ {
		option, value, has := strings.Cut(c.args[i], "=")
		if !has && (member(option, "-p --path -e --entry")) && i+1 < len(c.args) {
			i++
			value = c.args[i]
		}
		switch option {
		case "-p", "--path":
			l.dir = value
		case "-f", "--enable-fallback":
			l.fallback = true
		case "-d", "--show-default", "default":
			l.defaults = true
		case "-n", "--show-non-default", "non-default":
			l.others = true
		case "-e", "--entry":
			l.entry = value
		default:
			l.other(c.args[i])
		}
		if strings.HasPrefix(option, "-") {
			r.flavor = Upstream
		}
	}
	if l.fromImages {
		r.flavor = Upstream
	}
	r.decideFlavor()
	if !l.defaults && !l.others && l.entry == "" {
		l.defaults, l.others = true, true
	}
	return l
}

func (l *listing) other(arg string) {
	if strings.HasPrefix(arg, "(") || strings.HasPrefix(arg, "/") {
		l.dir = arg
	} else {
		l.entry = arg
	}
}

// read returns the entries of the folder that counts, in menu order.
func (r *runner) read(l listing) ([]*Item, error) {
	if r.flavor == Upstream {
		return r.readUpstream(l)
	}
	switch {
	case r.listed != nil && r.listedDir != l.dir, strings.HasSuffix(l.dir, ".conf"), strings.HasPrefix(l.dir, "/"):
		return nil, r.undetermined("which entries blscfg lists from %s is not known here", clip(l.dir))
	case r.listed != nil: // it is read once
		return r.listed, nil
	}
	dir := l.dir
	if dir == "" {
		dir = r.value("blsdir")
	}
	if dir == "" {
		dir = entriesDir
	}
	items, opened, err := r.readDir(dir, l)
	if err == nil && !opened && l.dir == "" {
		items, _, err = r.readDir("/boot"+entriesDir, l)
	}
	r.listed, r.listedDir = items, l.dir
	return items, err
}

func (r *runner) readUpstream(l listing) ([]*Item, error) {
	standard := entriesDir
	if l.fromImages {
		standard = "(" + r.deviceName(r.m.Start) + ")" + imagesDir
	}
	dir := l.dir
	if dir == "" || !strings.HasPrefix(dir, "/") && !strings.HasPrefix(dir, "(") {
		dir = standard
	}
	items, _, err := r.readDir(dir, l)
	if len(items) == 0 && err == nil && l.fallback {
		items, _, err = r.readDir(standard, l)
	}
	return items, err
}

// readDir reads the entries or images of a folder. opened is false where GRUB
// cannot open it.
func (r *runner) readDir(name string, l listing) (items []*Item, opened bool, err error) {
	if l.fromImages && strings.HasPrefix(name, "/") {
		name = "(" + r.deviceName(r.m.Start) + ")" + name
	}
	f, info, err := r.regular(name)
	if err != nil || !info.IsDir() {
		return nil, false, asUndetermined(err)
	}
	list, err := fs.ReadDir(f.Device.FS, fsName(f.Path))
	if err != nil {
		return nil, false, r.undetermined("%s: %w", f.Path, cause(err))
	}
	for _, e := range list {
		if !r.named(e.Name(), l) {
			continue
		}
		item, err := r.item(File{f.Device, path.Join(f.Path, e.Name())}, l)
		if err != nil {
			return nil, true, err
		}
		if item != nil {
			items = append(items, item)
		}
	}
	items, err = r.sorted(items)
	return items, true, err
}

// named reports whether a file name is one of an entry or image.
func (r *runner) named(name string, l listing) bool {
	switch {
	case l.fromImages:
		return strings.HasSuffix(name, ".efi")
	case r.flavor == Upstream:
		return strings.HasSuffix(name, ".conf")
	}
	return strings.HasSuffix(name, ".conf") && len(name) > len(".conf") && name[0] != '.'
}

// maxEntry is the largest entry file that is read, in bytes.
const maxEntry = 1 << 20

// item reads an entry file or an image; nil: it is none, or cannot be opened.
func (r *runner) item(f File, l listing) (*Item, error) {
	info, err := fs.Stat(f.Device.FS, fsName(f.Path))
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		return nil, nil
	}
	if err != nil {
		return nil, r.undetermined("%s: %w", f.Path, cause(err))
	}
	item := &Item{Kind: BLS, ID: strings.TrimSuffix(path.Base(f.Path), ".conf"), File: f, flavor: r.flavor}
	if l.fromImages {
		return r.image(item), nil
	}
	data, err := r.readFile(f, maxEntry)
	if err != nil {
		return nil, err
	}
	item.Entry, err = ParseEntry(data, r.flavor)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	item.Title = item.Entry.Title
	return item, nil
}

func (r *runner) image(item *Item) *Item {
	item.Kind, item.ID = UKI, path.Base(item.File.Path)
	if r.m.Image == nil {
		return item
	}
	title, ok := r.m.Image(item.File.Device.FS, fsName(item.File.Path))
	if !ok {
		return nil
	}
	item.Title = title
	return item
}

// sorted orders items for the menu. Of entries that Fedora's GRUB compares equal it
// lists one only; which one depends on the order in the folder. Upstream's stops to
// read the folder there.
func (r *runner) sorted(items []*Item) ([]*Item, error) {
	compare := func(a, b *Item) int { return CompareFedora(b.ID, a.ID) }
	if r.flavor == Upstream {
		compare = func(a, b *Item) int { return CompareUpstream(path.Base(b.File.Path), path.Base(a.File.Path)) }
	}
	slices.SortStableFunc(items, compare)
	var out []*Item
	for _, item := range items {
		if n := len(out); n > 0 && compare(out[n-1], item) == 0 {
			if r.flavor == Upstream {
				return nil, r.undetermined("GRUB takes %s and %s for equal, and which other entries it lists depends on the order in their folder",
					path.Base(out[n-1].File.Path), path.Base(item.File.Path))
			}
			out[n-1].twins = append(out[n-1].twins, item)
			continue
		}
		out = append(out, item)
	}
	return out, nil
}
