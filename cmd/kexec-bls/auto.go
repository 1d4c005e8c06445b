package main

import (
	"context"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/loader"
)

// rebootAuto reboots no more than is needed.
func (a *app) rebootAuto(ctx context.Context, o rebootFlags, r *report.Reboot) error {
	least, err := a.leastReboot(ctx, o)
	if err != nil {
		return err
	}
	r.Choose(least)
	if o.dryRun || least.Way == loader.NoReboot {
		return a.report(r)
	}
	a.Note("%s", term.Printable(r.String()))
	switch least.Way {
	case loader.SoftReboot:
		return a.machine.SoftReboot(ctx, a.rebootOptions(o, r))
	case loader.ByKexec:
		return a.kexecOrFirmware(ctx, "", o, r)
	}
	return a.throughFirmware(ctx, o, r)
}

func (a *app) leastReboot(ctx context.Context, o rebootFlags) (loader.Least, error) {
	sys, err := a.quiet().open(ctx) // a kexec opens it once more
	if err != nil {
		return loader.Least{}, err
	}
	defer sys.Close()
	return a.machine.LeastReboot(ctx, sys, loader.LeastOptions{
		Plan: a.options(o.plan), Soft: o.soft, Ignore: a.ignored(o.plan), Check: a.checkOptions(),
	})
}
