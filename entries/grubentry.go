package entries

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/grub"
	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/entries/esp"
)

// add lists an item of the menu.
func (g *grubSystem) add(b *grub.Boot, item *grub.Item) {
	e := g.entry(item)
	g.entries[item] = e
	g.menu.entries = append(g.menu.entries, e)
	if item.Kind == grub.Other {
		e.noKexec = "an entry of grub.cfg, which only GRUB can start"
		return
	}
	written := *e.Entry
	e.Written = &written
	command, err := b.Load(item)
	if err != nil {
		e.loadErr = err
		return
	}
	e.files = map[string]*esp.FileSystem{}
	kernel := g.file(e, command.Kernel)
	switch {
	case item.Kind == grub.UKI:
		return
	case command.EFI:
		e.Linux, e.EFI = "", kernel
	default:
		e.Linux, e.EFI = kernel, ""
	}
	e.Initrds, e.Options = nil, nil
	for _, f := range command.Initrds {
		e.Initrds = append(e.Initrds, g.file(e, f))
	}
	if command.Cmdline != "" {
		e.Options = []string{command.Cmdline}
	}
}

// file notes where a file of an entry is. Two partitions with one path are told
// apart by a blank, which no path of GRUB's has.
func (g *grubSystem) file(e *Entry, f grub.File) string {
	name, system := f.Path, g.systems[f.Device]
	for other, taken := e.files[name]; taken && other != system; other, taken = e.files[name] {
		name = " " + name
	}
	e.files[name] = system
	return name
}

// entry is the entry of an item as its file has it.
func (g *grubSystem) entry(item *grub.Item) *Entry {
	id := item.ID
	if item.Kind == grub.BLS {
		id += ".conf"
	}
	e := &bls.Entry{Type: bls.Auto, ID: id, Title: item.Title, Profile: -1}
	var v *esp.Volume
	switch item.Kind {
	case grub.BLS:
		e = g.parse(item)
	case grub.UKI:
		e = g.unified(item)
	}
	e.ID, e.Tries, e.Hidden, e.Path = id, bls.Tries{}, "", strings.TrimPrefix(item.File.Path, "/")
	if e.Title == "" {
		e.Title = item.Title
	}
	if system := g.systems[item.File.Device]; system != nil {
		v = system.Volume()
	}
	return &Entry{Entry: e, Volume: v}
}

// parse reads an entry file once more, for the keys that GRUB passes over.
func (g *grubSystem) parse(item *grub.Item) *bls.Entry {
	where := g.systems[item.File.Device].Where(item.File.Path)
	data, err := readFS(item.File)
	if err != nil {
		g.menu.problems = append(g.menu.problems, fmt.Errorf("%s: %w", where, err))
	}
	e, problems := bls.ParseEntry(strings.TrimPrefix(item.File.Path, "/"), data)
	for _, p := range problems {
		p.Path = where
		g.menu.problems = append(g.menu.problems, p)
	}
	if item.Entry.Lost {
		g.menu.problems = append(g.menu.problems, fmt.Errorf("%s: GRUB does not read what follows a blank line, or a key without a value", where))
	}
	return e
}

func readFS(f grub.File) ([]byte, error) {
	file, err := f.Device.FS.Open(strings.TrimPrefix(path.Clean(f.Path), "/"))
	if err != nil {
		return nil, esp.Cause(err)
	}
	defer func() { _ = file.Close() }() // read only
	return readLimited(file, nil, maxEntrySize)
}

// unified reads an image that GRUB's command uki listed.
func (g *grubSystem) unified(item *grub.Item) *bls.Entry {
	if e := g.readImage(item.File.Device.FS, strings.TrimPrefix(item.File.Path, "/")); e != nil {
		return e
	}
	return &bls.Entry{Type: bls.Type2, Profile: -1}
}

// image reports the title of a UKI, and whether GRUB lists it.
func (g *grubSystem) image(fsys fs.FS, name string) (string, bool) {
	e := g.readImage(fsys, name)
	if e == nil {
		return "", false
	}
	return e.Title, true
}

// readImage returns the first entry of a UKI; nil for another file.
func (g *grubSystem) readImage(fsys fs.FS, name string) *bls.Entry {
	f, err := fsys.Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	r, ok := f.(io.ReaderAt)
	if err != nil || !ok {
		return nil
	}
	m, err := uki.Open(r, info.Size())
	if err != nil {
		return nil
	}
	found, err := bls.FromUKI(name, m, uki.MachineFor(g.options.Host.GOARCH))
	if err != nil || len(found) == 0 {
		return nil
	}
	return found[0]
}
