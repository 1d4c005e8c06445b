package entries

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/grub"
	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/entries/esp"
)

// A grubPlace is a folder that may be GRUB's prefix.
type grubPlace struct {
	volume *esp.Volume
	dir    string
	config bool // it has a grub.cfg; else an environment block only
}

// grubPlaces are the folders with files of GRUB, by preference: the one of the
// program that the firmware started, those of /boot, those of the ESP. Folders
// without a grub.cfg count only where no other has one.
func (s *System) grubPlaces(programDir string) []grubPlace {
	var configs, blocks []grubPlace
	look := func(v *esp.Volume, dir string) {
		switch {
		case v.Exists(dir+"/grub.cfg") == nil:
			configs = append(configs, grubPlace{v, dir, true})
		case v.Exists(dir+"/grubenv") == nil:
			blocks = append(blocks, grubPlace{v, dir, false})
		}
	}
	if programDir != "" {
		for _, v := range s.volumes {
			if v.Kind == esp.ESP {
				look(v, programDir)
			}
		}
	}
	for _, v := range slices.Backward(s.volumes) { // the ESP is the first of them
		look(v, "grub2")
		look(v, "grub")
	}
	for _, v := range s.volumes {
		vendors, _ := fs.ReadDir(v.Root.FS(), "EFI")
		for _, d := range vendors {
			look(v, path.Join("EFI", d.Name()))
		}
	}
	return append(configs, blocks...)
}

// A grubSystem is what GRUB makes of the partitions.
type grubSystem struct {
	*System
	devices []*grub.Device
	systems map[*grub.Device]*esp.FileSystem
	entries map[*grub.Item]*Entry
}

// chooseGrub fills the menu and the choices by GRUB's rules.
func (s *System) chooseGrub(programDir string) {
	g := &grubSystem{System: s, systems: map[*grub.Device]*esp.FileSystem{}, entries: map[*grub.Item]*Entry{}}
	s.menu = &menu{}
	for _, v := range slices.Backward(s.volumes) {
		g.addDevice(v)
	}
	m := g.machine(programDir)
	next := grub.Next(m)
	for _, item := range next.Menu {
		g.add(next, item)
	}
	s.choices = choices{grub: true, next: g.choice(next), consume: func() (func() error, error) { return g.consume(next) }}
	s.choices.saved = g.entries[next.Saved()]
	lasting := *m
	lasting.WithoutNext = true
	s.choices.lasting = g.lasting(grub.Next(&lasting))
}

func (g *grubSystem) addDevice(v *esp.Volume) {
	system, err := v.FileSystem()
	if err != nil {
		g.warn("%s: %v", v.Dir, err)
		return
	}
	g.System.systems = append(g.System.systems, system)
	d := &grub.Device{FS: system, FAT: v.IgnoresCase(), ReadOnly: !grubWrites(v), UUID: g.options.Host.FileSystemUUID(v.Device)}
	if v.Device != "" {
		d.Disk = disk(v.Device)
	}
	g.devices = append(g.devices, d)
	g.systems[d] = system
}

// grubWrites reports whether GRUB can write files of the volume: not on btrfs,
// nor on LVM and RAID.
func grubWrites(v *esp.Volume) bool {
	name := strings.TrimPrefix(v.Device, "/dev/")
	return v.FSType != "btrfs" && !strings.HasPrefix(name, "dm-") && !strings.HasPrefix(name, "mapper/") && !strings.HasPrefix(name, "md")
}

// machine describes the machine to GRUB.
func (g *grubSystem) machine(programDir string) *grub.Machine {
	m := &grub.Machine{
		Devices: g.devices, LoaderInfo: g.vars.Info, LoaderEntryDefault: g.vars.Default,
		Variables: map[string]string{}, Image: g.image,
	}
	if !g.options.Host.EFI() && !g.options.Vars.Available() {
		m.Variables["grub_platform"] = "pc"
	}
	if indications, err := g.options.Vars.Global("OsIndicationsSupported"); !g.Offline() && err == nil && len(indications.Data) > 0 {
		m.FirmwareSetup = indications.Data[0]&1 != 0
	}
	place := grubPlace{volume: g.volumes[len(g.volumes)-1], dir: "grub2"}
	if places := g.grubPlaces(programDir); len(places) > 0 {
		place = places[0]
	}
	for d, system := range g.systems {
		if system.Volume() == place.volume {
			m.Start, m.Dir = d, place.dir
		}
	}
	if !place.config {
		g.assume(m, place)
	}
	return m
}

// assume fills in for a grub.cfg that cannot be read. openSUSE's is in the image
// of its GRUB, whose folder on the ESP has the environment block.
func (g *grubSystem) assume(m *grub.Machine, place grubPlace) {
	if strings.HasPrefix(g.vars.Info, "GRUB2 ") || strings.EqualFold(place.dir, "EFI/opensuse") {
		m.Flavor, m.Script = grub.SUSE, grub.SUSEScript
		return
	}
	m.Flavor, m.Script, m.Root = grub.Fedora, grub.FedoraScript, g.devices[0]
	g.warn("no grub.cfg is found; it is taken to be as Fedora makes it")
}

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

// choice is what GRUB boots.
func (g *grubSystem) choice(b *grub.Boot) Choice {
	c := Choice{Rule: b.Rule, Missed: b.Missed, OneShot: b.Next != nil}
	if b.NextErr != nil {
		c.Warnings = append(c.Warnings, fmt.Sprintf("GRUB cannot empty next_entry (%v): it will boot that entry again and again", b.NextErr))
	}
	switch {
	case b.Err == nil:
		c.Entry = g.entries[b.Default]
	case errors.Is(b.Err, grub.ErrNotEntry):
		c.err = noEntryf("GRUB boots %q next, which is no boot loader entry", b.Chosen.Title)
	default:
		c.err = noEntryf("%v", b.Err)
	}
	if g.unreadable() && c.err == nil && b.Flavor == grub.SUSE {
		c.Entry, c.err = nil, errUnreadable
	}
	return c
}

// lasting finds the entries of a second run among those of the first.
func (g *grubSystem) lasting(b *grub.Boot) Choice {
	for _, item := range b.Menu {
		for first, e := range g.entries {
			if first.File == item.File && first.ID == item.ID && first.Kind == item.Kind {
				g.entries[item] = e
			}
		}
	}
	c := g.choice(b)
	c.OneShot = false
	return c
}

// consume writes the environment block without next_entry, as GRUB does before
// it boots it. undo writes the block back that was there. The file keeps its
// place on the disk: GRUB finds it by that, not by the file system.
func (g *grubSystem) consume(b *grub.Boot) (undo func() error, err error) {
	before := make([]byte, len(b.Next.Block))
	f, err := g.open(b.Next)
	if err != nil {
		return nil, err
	}
	_, err = f.ReadAt(before, max(b.Next.Offset, 0))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return func() error { return g.write(b.Next, before) }, g.write(b.Next, b.Next.Block)
}

func (g *grubSystem) write(w *grub.Write, block []byte) error {
	f, err := g.open(w)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(block, max(w.Offset, 0))
	return errors.Join(err, f.Sync(), f.Close())
}

// open opens the file of an environment block, or the partition that has it.
func (g *grubSystem) open(w *grub.Write) (*os.File, error) {
	system := g.systems[w.Device]
	if w.Offset < 0 {
		f, err := system.OpenForUpdate(w.Path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", system.Where(w.Path), err)
		}
		return f, nil
	}
	return os.OpenFile(system.Volume().Device, os.O_RDWR, 0)
}

// A disk is a block device that is opened when it is read.
type disk string

// ReadAt reads from the device.
func (d disk) ReadAt(p []byte, off int64) (int, error) {
	f, err := os.Open(string(d))
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // read only
	return f.ReadAt(p, off)
}
