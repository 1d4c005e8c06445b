package entries

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// Options say which system to look at. The zero value is the running machine.
type Options struct {
	// ESP and Boot are directories to take for the ESP and the XBOOTLDR partition
	// as they are; "" finds them.
	ESP, Boot string
	// Root is the root directory of an operating system that does not run. It has
	// no EFI variables and no running entry.
	Root string
	// Host is the machine; without files it is the one that runs.
	Host host.Machine
	// Vars are its EFI variables.
	Vars efivar.Vars
	// Getenv reads the variables of bootctl(1) that name paths; nil: os.Getenv.
	Getenv func(string) string
	// Timeout bounds the wait for one mount point that hangs; 0 is 2 s.
	Timeout time.Duration
	// Running is the id of the entry that runs, where the caller knows it, "" for
	// none; nil finds it by boot loader and command line.
	Running *string
	// Asking, if not nil, is called with the name of what is asked next and may
	// not answer, and answered when it has.
	Asking func(what string) (answered func())
}

// A System is what a machine could boot and what its boot loader would. Close it.
type System struct {
	options  Options
	vars     Vars
	volumes  []*esp.Volume
	systems  []*esp.FileSystem // of the volumes, for GRUB
	menu     *menu
	choices  choices
	running  *Entry
	warnings []string
}

// choices are made by the rules of the boot loader that the machine has.
type choices struct {
	// next chooses for the next boot; lasting without what counts once.
	next, lasting Choice
	saved         *Entry
	grub          bool   // they are GRUB's
	env           string // GrubEnv
	consume       func() (undo func() error, err error)
}

// Open finds the boot partitions, reads their entries and chooses the default.
// What is wrong with a file is among the Problems. The error is esp.ErrNotFound
// where the machine has no boot partition.
func Open(ctx context.Context, o Options) (*System, error) {
	if o.Host.FS == nil {
		o.Host = host.Running()
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Asking == nil {
		o.Asking = func(string) func() { return func() {} }
	}
	s := &System{options: o}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *System) open(ctx context.Context) error {
	o := s.options
	if !s.Offline() {
		var err error
		if s.vars, err = readVars(o.Vars, o.Asking); err != nil {
			s.warn("EFI variables: %v", err)
		}
	}
	answered := o.Asking("the boot partitions")
	var err error
	s.volumes, err = esp.Find(esp.Options{
		ESPPath: o.ESP, BootPath: o.Boot, Root: o.Root, Getenv: o.Getenv, Timeout: o.Timeout,
		PartUUID: s.vars.Device, SystemdBoot: s.vars.SystemdBoot(), Machine: o.Host,
	})
	answered()
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", esp.ErrNotFound, err)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	for _, v := range s.volumes {
		if v.Note != "" {
			s.warn("%s", v.Note)
		}
	}
	s.choose()
	s.findRunning()
	return nil
}

// choose reads the entries and picks the default, by the rules of the boot
// loader that the machine has.
func (s *System) choose() {
	kind, dir := s.loader()
	if kind == grubLoader {
		s.chooseGrub(dir)
		return
	}
	s.menu = readMenu(s.volumes, uki.ArchName(uki.MachineFor(s.options.Host.GOARCH)))
	if kind == systemdBoot {
		s.menu.hideLoader(s.vars.Image)
	}
	s.menu.report(s.vars.Entries)
	conf, problems := readConf(s.volumes)
	s.menu.problems = append(s.menu.problems, problems...)
	lasting := s.vars
	lasting.OneShot = ""
	s.choices = choices{
		next: s.menu.choose(s.vars, conf), lasting: s.menu.choose(lasting, conf),
		saved: s.menu.byID(s.vars.LastBooted), consume: s.consumeVariable,
	}
	switch err := forbidden(s.menu.problems); {
	case s.unreadable():
		s.choices.unknown(errUnreadable)
	case err != nil:
		s.choices.unknown(hint.Wrap(noEntryf("not all of the boot partitions can be read: %v", err), "run as root, or name the entry"))
	case kind == otherLoader:
		s.choices.next.Warnings = []string{fmt.Sprintf("the boot loader is %s, which may boot something else than these entries; name the entry explicitly", s.vars.Info)}
	case kind == unknownLoader && !s.Offline() && s.options.Vars.Available():
		s.choices.next.Warnings = []string{"cannot detect systemd-boot or GRUB: firmware may boot a different entry; name the entry explicitly"}
	}
}

func (s *System) findRunning() {
	if s.Offline() {
		return
	}
	if s.options.Running != nil {
		s.running = s.menu.byID(*s.options.Running)
		return
	}
	h := s.options.Host
	s.running = s.menu.running(runningKernel{
		Cmdline: h.Cmdline(), Release: h.Release(), Kexeced: h.Kexeced() == host.Yes, Selected: s.vars.Selected,
	})
}

func (s *System) warn(format string, args ...any) {
	s.warnings = append(s.warnings, fmt.Sprintf(format, args...))
}

// Close closes the partitions. A second call does nothing.
func (s *System) Close() error {
	var errs []error
	for _, f := range s.systems {
		errs = append(errs, f.Close())
	}
	for _, v := range s.volumes {
		errs = append(errs, v.Close())
	}
	s.volumes, s.systems = nil, nil
	return errors.Join(errs...)
}

// Host returns the machine that the system was opened on.
func (s *System) Host() host.Machine { return s.options.Host }

// EFI returns the EFI variables of the machine.
func (s *System) EFI() efivar.Vars { return s.options.Vars }

// Offline reports whether this is a system below Options.Root, which does not
// run.
func (s *System) Offline() bool { return s.options.Root != "" }

// Volumes returns the boot partitions, the ESP first.
func (s *System) Volumes() []*esp.Volume { return s.volumes }

// Entries returns every entry in the order of the boot loader's menu, hidden ones
// included.
func (s *System) Entries() []*Entry { return s.menu.entries }

// Titles returns for each of the Entries the title that a menu shows: its own or
// its id, with what distinguishes it from others.
func (s *System) Titles() []string { return s.menu.titles() }

// Problems returns the files and lines of the boot partitions that could not be
// used. None of them hides another entry.
func (s *System) Problems() []error { return s.menu.problems }

// Warnings returns what could not be seen or looks wrong about the machine.
func (s *System) Warnings() []string { return s.warnings }

// GRUB reports whether the rules are those of GRUB.
func (s *System) GRUB() bool { return s.choices.grub }

// GrubEnv returns the file of the environment block that GRUB reads; "" where the
// rules are others, or the block is none that GRUB takes, or no file.
func (s *System) GrubEnv() string { return s.choices.env }

// Running returns the entry that the running kernel was started from; nil where
// that cannot be determined.
func (s *System) Running() *Entry { return s.running }

// Default returns what the boot loader would boot next. The error is ErrNoEntry
// where it would boot nothing; it is never another entry than the boot loader's.
func (s *System) Default() (Choice, error) { return s.found(s.choices.next) }

func (s *System) found(c Choice) (Choice, error) {
	switch {
	case c.Entry != nil:
		return c, nil
	case c.err != nil:
		return c, c.err
	case len(s.menu.entries) > 0:
		return c, hint.Wrap(noEntryf("none of %d entries can be booted", len(s.menu.entries)), string(hint.ShowEntries))
	}
	return c, hint.Wrap(noEntryf("the boot partitions have no entries"),
		"entries are text files in loader/entries/ or unified kernel images in EFI/Linux/")
}

// ConsumeOneShot deletes the setting that chose the next boot for once, as the
// boot loader would, if it did; undo restores it.
func (s *System) ConsumeOneShot() (undo func() error, err error) {
	if !s.choices.next.OneShot {
		return func() error { return nil }, nil
	}
	undo, err = s.choices.consume()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.choices.next.Rule, err)
	}
	return undo, nil
}

func (s *System) consumeVariable() (undo func() error, err error) {
	saved, err := s.options.Vars.Consume("LoaderEntryOneShot")
	return func() error { return s.options.Vars.Restore(saved) }, err
}
