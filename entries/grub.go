package entries

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/grub"
	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/esp"
)

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
	if env := next.Env; env != nil && env.Offset < 0 {
		s.choices.env = g.systems[env.Device].Where(env.Path)
	}
	s.choices.lasting = s.choices.next
	s.choices.lasting.OneShot = false
	if next.Next != nil || next.NextErr != nil {
		lasting := *m
		lasting.WithoutNext = true
		s.choices.lasting = g.lasting(next, grub.Next(&lasting))
	}
}

func (g *grubSystem) addDevice(v *esp.Volume) {
	system := v.FileSystem()
	g.System.systems = append(g.System.systems, system)
	h := g.options.Host
	d := &grub.Device{
		FS: system, FAT: v.IgnoresCase(), ReadOnly: !grubWrites(v),
		UUID: h.FileSystemUUID(v.BlockDevice()), Label: h.FileSystemLabel(v.BlockDevice()), Aliases: v.GRUBNames(h),
	}
	if node := v.BlockDevice(); node != "" {
		d.Disk = disk(filepath.Join(h.Dir, node))
	}
	g.devices = append(g.devices, d)
	g.systems[d] = system
}

// grubWrites reports whether GRUB can write files of the volume: not on btrfs,
// nor on LVM and RAID.
func grubWrites(v *esp.Volume) bool {
	name := strings.TrimPrefix(v.BlockDevice(), "/dev/")
	return v.FSType != "btrfs" && !strings.HasPrefix(name, "dm-") && !strings.HasPrefix(name, "mapper/") && !strings.HasPrefix(name, "md")
}

// absent reports whether the machine has no RAID, or no device mapper, of which
// GRUB may have a device. A system that does not run is taken to have none.
func (g *grubSystem) absent(device string) bool {
	kind := "dm-"
	switch {
	case strings.HasPrefix(device, "md"):
		kind = "md"
	case strings.HasPrefix(device, "hd"):
		return false
	}
	return g.Offline() || !slices.ContainsFunc(g.options.Host.Names("sys/class/block"), func(name string) bool { return strings.HasPrefix(name, kind) })
}

// machine describes the machine to GRUB.
func (g *grubSystem) machine(programDir string) *grub.Machine {
	m := &grub.Machine{
		Devices: g.devices, LoaderInfo: g.vars.Info, LoaderEntryDefault: g.vars.Default,
		Variables: map[string]string{}, Image: g.image, Absent: g.absent,
	}
	if !g.options.Host.EFI() && !g.options.Vars.Available() {
		m.Variables["grub_platform"], m.Variables["grub_cpu"] = "pc", "i386"
	} else if cpu := g.options.Host.GOARCH; cpu != "amd64" {
		m.Variables["grub_cpu"] = cpu
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
			m.Start, m.Dir = d, path.Join(system.Prefix(), place.dir)
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
		c.err = g.withoutEntries(noEntryf("GRUB boots %q next, which is no boot loader entry", b.Chosen.Title))
	case errors.Is(b.Err, grub.ErrEmptyMenu):
		c.err = g.withoutEntries(noEntryf("%v", b.Err))
	default:
		c.err = noEntryf("%v", b.Err)
	}
	if g.unreadable() && c.err == nil && b.Flavor == grub.SUSE {
		c.Entry, c.err = nil, errUnreadable
	}
	return c
}

// withoutEntries adds what to do where GRUB's menu has no boot loader entry at all,
// as on Debian.
func (g *grubSystem) withoutEntries(err error) error {
	if slices.ContainsFunc(g.menu.entries, func(e *Entry) bool { return e.Type != bls.Auto }) {
		return err
	}
	return hint.Wrap(err, "GRUB has no boot loader entries here; "+string(hint.LoadFiles))
}

// lasting is the choice of a second run, which is among the entries of the first.
func (g *grubSystem) lasting(first, b *grub.Boot) Choice {
	type key struct {
		kind grub.Kind
		id   string
		file grub.File
	}
	known := map[key]*Entry{}
	for _, item := range first.Menu {
		known[key{item.Kind, item.ID, item.File}] = g.entries[item]
	}
	for _, item := range b.Menu {
		g.entries[item] = known[key{item.Kind, item.ID, item.File}]
	}
	return g.choice(b)
}
