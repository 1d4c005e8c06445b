package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/loader"
)

// A survey is what the machine could boot, and what it would: where, what and
// which. Close it.
type survey struct {
	volumes []*esp.Volume
	list    *entries.List
	vars    entries.Vars
	grub    *entries.Grub // nil where systemd-boot's rules hold
	conf    bls.LoaderConf
	choice  entries.Choice
	running *entries.Entry // nil when it cannot be told
	boot    loader.Boot    // how the running system came about
}

func (s *survey) close() {
	for _, v := range s.volumes {
		_ = v.Close()
	}
}

// survey looks, in a straight line; nothing that is found wrong in a file
// stops it.
func (a *app) survey() (*survey, error) {
	s := &survey{}
	if a.flags.root == "" {
		var err error
		if s.vars, err = entries.ReadVars(efivar.Vars{Dir: a.efivars}); err != nil {
			a.warn("EFI variables: %v", err)
		}
	}
	var err error
	s.volumes, err = a.volumes(esp.Options{
		ESPPath: a.flags.espPath, BootPath: a.flags.bootPath, Root: a.flags.root,
		Getenv: a.getenv, PartUUID: s.vars.Device, SystemdBoot: s.vars.SystemdBoot(), Timeout: a.placeTimeout(),
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", esp.ErrNotFound, err)
	}
	if err != nil {
		return nil, err
	}
	for _, v := range s.volumes {
		if v.Note != "" {
			a.warn("%s", v.Note)
		}
	}
	if err := a.choose(s); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// choose lists the entries and picks the default, by the rules of the boot
// loader that the machine has.
func (a *app) choose(s *survey) error {
	if !s.vars.SystemdBoot() {
		var err error
		if s.grub, err = entries.FindGrub(s.volumes); err != nil {
			a.warn("%v", err)
		}
	}
	order := bls.Compare
	if s.grub != nil {
		order = bls.CompareGrub
	}
	s.list = entries.Read(s.volumes, a.arch(), order)
	if s.vars.SystemdBoot() {
		s.list.HideLoader(s.vars.Image)
	}
	s.list.Report(s.vars.Entries)
	if s.grub != nil {
		s.choice = s.list.ChooseGrub(s.grub.Env)
	} else {
		var problems []error
		s.conf, problems = entries.ReadConf(s.volumes)
		s.list.Problems = append(s.list.Problems, problems...)
		s.choice = s.list.Choose(s.vars, s.conf)
	}
	k := entries.RunningKernel{Cmdline: a.cmdline(), Release: a.release(), Kexeced: a.kexeced(), Selected: s.vars.Selected}
	if s.grub != nil {
		k.Env = s.grub.Env
	}
	s.running = s.list.Running(k)
	if a.flags.root == "" {
		s.boot = a.boot()
	}
	if s.boot.Image != nil {
		s.running = s.list.ByID(s.boot.Image.Entry) // nil for a load by hand
	}
	return nil
}

// pick returns the entry that the user means, or the boot loader's next; why
// says what chose it.
func (s *survey) pick(name string) (e *entries.Entry, why string, err error) {
	switch name {
	case "":
		return chosen(s.choice, len(s.list.Entries))
	case "@default":
		return chosen(s.lasting(), len(s.list.Entries))
	case "@oneshot":
		if !s.choice.OneShot {
			return nil, "", fmt.Errorf("%w: no one-shot entry is set", entries.ErrNoEntry)
		}
		e = s.choice.Entry
	case "@saved":
		e = s.list.ByID(s.vars.LastBooted)
		if s.grub != nil {
			e = s.list.GrubEntry(s.grub.Env["saved_entry"])
		}
	case "@current":
		e = s.running
	default:
		e, err = s.list.Find(name)
	}
	if err == nil && e == nil {
		err = fmt.Errorf("%w: %s cannot be told on this machine", entries.ErrNoEntry, name)
	}
	return e, "named on the command line", err
}

var errNothing = errors.New("the boot loader would find nothing to boot; entries are text files in loader/entries/ or images in EFI/Linux/ of the boot partition")

// lasting is the default that holds beyond the next boot: without what is set
// for one boot only.
func (s *survey) lasting() entries.Choice {
	if s.grub != nil {
		env := maps.Clone(s.grub.Env)
		delete(env, "next_entry")
		return s.list.ChooseGrub(env)
	}
	vars := s.vars
	vars.OneShot = ""
	return s.list.Choose(vars, s.conf)
}

// chosen never takes another entry than the boot loader's, least of all one
// that only happens to work.
func chosen(c entries.Choice, of int) (*entries.Entry, string, error) {
	switch {
	case c.Entry != nil:
		return c.Entry, c.Rule, nil
	case of > 0:
		return nil, "", fmt.Errorf("%w: none of %d can be booted, kexec-bls list says why", entries.ErrNoEntry, of)
	}
	return nil, "", fmt.Errorf("%w: %w", entries.ErrNoEntry, errNothing)
}

// kexecable refuses an entry that no kexec can boot.
func kexecable(e *entries.Entry, why string) error {
	if e.Absent {
		return nil // the plan will name the file
	}
	if reason := e.Impossible(); reason != "" {
		return fmt.Errorf("%w that kexec can boot: %s (%s): %s; name another ENTRY, or reboot with systemctl reboot", entries.ErrNoEntry, e.ID, why, reason)
	}
	return nil
}
