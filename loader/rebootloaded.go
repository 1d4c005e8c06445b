package loader

import (
	"context"
	"errors"
)

// ErrNothingLoaded means that no kernel is loaded.
var ErrNothingLoaded = errors.New("no kernel is loaded")

// RebootLoaded reboots into what is loaded already, whoever loaded it.
func (m *Machine) RebootLoaded(ctx context.Context, opt RebootOptions) error {
	if err := opt.check(m); err != nil {
		return err
	}
	if !opt.DryRun {
		lock, err := m.lock(ctx)
		if err != nil {
			return err
		}
		defer lock.Close()
	} else if err := m.forbidden(); err != nil && m.Host.UID != 0 {
		return err // it could not lock
	}
	loaded, err := m.Kernel.Loaded()
	if err == nil && !loaded {
		err = ErrNothingLoaded
	}
	if err != nil {
		return err
	}
	opt.Check.Force = opt.Check.Force || opt.Init.Force
	found := m.CheckLoaded(opt.Check)
	if opt.OnFindings != nil {
		opt.OnFindings(found)
	}
	name := m.LoadedName()
	if err := blocked(name, found, opt); err != nil {
		return err
	}
	if err := m.canReboot(ctx, opt); err != nil || opt.DryRun {
		return err
	}
	if err := m.installKexec(); err != nil { // the image may be another program's
		return err
	}
	return m.end(ctx, "kexec into "+name, opt)
}

// LoadedName is the entry or the kernel's file that this boot has loaded; "the
// loaded kernel" where that is not known.
func (m *Machine) LoadedName() string {
	if r, err := m.Receipt(); err == nil && r.Name() != "" {
		return r.Name()
	}
	return "the loaded kernel"
}
