package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// canReboot refuses, before anything is loaded, what could not be ended.
func (a *app) canReboot(opt rebootFlags) error {
	kind := a.init()
	if kind == host.Systemd || opt.systemd.Force {
		return nil
	}
	_, err := reboot.Command(a.facts(), kind)
	if err != nil {
		return fmt.Errorf("systemd does not run here: %w; stop the services yourself, then use: "+
			"kexec-bls reboot --force, which syncs and jumps at once", err)
	}
	return nil
}

// end leaves word for the next boot and hands the machine over.
func (a *app) end(ctx context.Context, opt rebootFlags, message string) error {
	undo := a.announce(ctx, "kexec", opt)
	err := a.hand(ctx, opt, message)
	if err != nil {
		undo()
	}
	return err
}

// hand gives the machine over: to the init system, or at once to the loaded
// kernel.
func (a *app) hand(ctx context.Context, opt rebootFlags, message string) error {
	a.connect(&opt.systemd)
	if opt.systemd.Message == "" {
		opt.systemd.Message = message
	}
	var err error
	switch {
	case a.init() == host.Systemd:
		err = a.systemctl(ctx, opt.systemd)
	case opt.systemd.Force:
		if err := ctx.Err(); err != nil {
			return err
		}
		a.accepted(opt.report) // there is no later
		return a.jump()
	default:
		err = a.native(ctx, opt.systemd)
	}
	if err == nil {
		a.accepted(opt.report)
	}
	return err
}

// connect lets the user hear what systemctl says. Its complaints are in the
// error already.
func (a *app) connect(o *reboot.Options) {
	f, ok := a.err.(*os.File)
	o.Stdout, o.Terminal, o.Quiet = a.err, ok && term.IsTerminal(int(f.Fd())), a.flags.quiet
}

// jumpNow is a reboot without a shutdown: what is in memory is written out,
// file systems are made read-only where that goes, then the kernel jumps.
func jumpNow() error {
	_, undo, err := reboot.ReadOnly(host.Running())
	if err != nil {
		unix.Sync()
		return kexec.Syscalls().Jump()
	}
	return errors.Join(kexec.Syscalls().Jump(), undo())
}

// throughFirmware is an ordinary reboot that no loaded image can turn into a
// kexec.
func (a *app) throughFirmware(ctx context.Context, opt rebootFlags) error {
	opt.report.Way, opt.report.Entry, opt.report.Release = "firmware", "", ""
	if opt.dryRun {
		a.note("the machine would reboot through its firmware")
		return nil
	}
	reset := a.reset
	if a.init() != host.Systemd {
		reset = a.nativeReset
	}
	gone := ""
	loaded, err := a.loaded()
	if err == nil && loaded {
		gone = "; the kernel that was loaded is gone"
		lock, busy := a.lock(ctx)
		if busy != nil {
			return busy
		}
		defer lock.Close()
		err = a.forget()
	}
	if err != nil {
		return fmt.Errorf("a loaded kernel could turn the reboot into a kexec: %w", err)
	}
	if opt.systemd.Message == "" {
		opt.systemd.Message = "reboot through the firmware"
	}
	a.connect(&opt.systemd)
	undo := a.announce(ctx, "reboot", opt)
	if err = reset(ctx, opt.systemd); err != nil {
		undo()
		return fmt.Errorf("%w; nothing was rebooted%s", err, gone)
	}
	a.accepted(opt.report)
	return nil
}

// cancel takes a scheduled reboot back, and our image with it.
func (a *app) cancel(ctx context.Context, opt rebootFlags) error {
	opt.report.Way = "cancelled"
	if opt.dryRun {
		a.note("a scheduled reboot would be taken back, and what kexec-bls has loaded be dropped")
		return nil
	}
	err := a.cancelBoth(ctx, opt)
	if err == nil {
		a.accepted(opt.report)
	}
	return err
}

func (a *app) cancelBoth(ctx context.Context, opt rebootFlags) error {
	a.connect(&opt.systemd)
	if err := a.unschedule(ctx, opt.systemd); err != nil {
		return err
	}
	lock, err := a.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	loaded, err := a.loaded()
	if err != nil || !loaded {
		return err
	}
	receipt, err := loader.ReadReceipt(a.runDir)
	if errors.Is(err, loader.ErrInterrupted) {
		a.note("the loaded kernel stays: %v; kexec-bls unload drops it", err)
		return nil
	}
	if err != nil || receipt.BootID != a.bootID() {
		a.note("the loaded kernel stays, kexec-bls did not load it")
		return nil
	}
	return a.forget()
}
