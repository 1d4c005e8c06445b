package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/flags"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/usage"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/loader"
)

// A target is an entry with its plan. Close it.
type target struct {
	*loader.Plan
	rule   string // what chose the entry
	missed []string
}

// close closes the system too, where there is one. Both were only read.
func (t *target) close() {
	_ = t.Close()
	if sys := t.System(); sys != nil {
		_ = sys.Close()
	}
}

// open opens the system and prints what could not be seen.
func (a *app) open(ctx context.Context) (*entries.System, error) {
	sys, err := a.openSystem(ctx, a.systemOptions())
	if err != nil {
		return nil, err
	}
	a.warnAll(sys.Warnings())
	for _, v := range sys.Volumes() {
		a.Detail("boot partition: %s %s", v.Kind, v.Dir)
	}
	return sys, nil
}

func (a *app) systemOptions() entries.Options {
	opt := entries.Options{
		ESP: a.flags.espPath, Boot: a.flags.bootPath, Root: a.flags.root, Host: a.machine.Host, Vars: a.machine.Vars, Getenv: a.getenv,
	}
	if a.flags.root == "" {
		boot, _ := a.boot() // what cannot be read is not known
		opt.Running = boot.Entry()
	}
	if a.parent != nil {
		opt.Timeout, opt.Asking = mountLimit, a.nameAsked
	}
	return opt
}

// target plans the entry that name means.
func (a *app) target(ctx context.Context, name string, p planFlags) (*target, error) {
	sys, err := a.open(ctx)
	if err != nil {
		return nil, a.withoutEntries(err)
	}
	t, err := a.plan(ctx, sys, name, p)
	if err != nil {
		_ = sys.Close() // it was only read
	}
	return t, err
}

func (a *app) plan(ctx context.Context, sys *entries.System, name string, p planFlags) (*target, error) {
	c, err := sys.Choose(name)
	if err != nil {
		a.warnProblems(sys)
		switch {
		case name == "" && !hasEntries(sys):
			err = a.withoutEntries(err)
		case p.try.Given() && flags.IsTimespan(name):
			err = hint.Wrap(err, "to set the time of the trial: --try="+name)
		case strings.Contains(name, "/"):
			err = hint.Wrap(err, "to load a file: kexec-bls load --linux="+name)
		}
		return nil, err
	}
	if name == "" {
		a.warnAll(c.Missed)
		a.warnAll(c.Warnings)
	}
	a.Detail("entry: %s, %s", c.Entry.ID, c.Rule)
	opt := a.options(p)
	opt.Named, opt.KexecsCounted = name != "", a.machine.KexecsCounted(ctx)
	opt.Progress = a.progress()
	plan, err := loader.NewPlan(ctx, sys, c.Entry, opt)
	if p.broken && err != nil && ctx.Err() == nil && !errors.Is(err, entries.ErrNoEntry) {
		plan, err = loader.NewBrokenPlan(sys, c.Entry, opt, err), nil
	}
	if name == "" && errors.Is(err, entries.ErrNoEntry) {
		err = fmt.Errorf("next boot, by %s: %w", c.Rule, err)
	}
	if err != nil {
		return nil, err
	}
	return &target{plan, c.Rule, c.Missed}, nil
}

// withoutEntries adds to the error of a machine without boot loader entries, as most
// with Debian and GRUB are, how to load the newest kernel that is there.
func (a *app) withoutEntries(err error) error {
	kernel, initrd, ok := loader.NewestKernel(a.machine.Host)
	if !ok || a.flags.root != "" || !errors.Is(err, entries.ErrNoEntry) && !errors.Is(err, esp.ErrNotFound) {
		return err
	}
	return hint.Errorf("to load the newest: "+usage.LoadFiles(kernel, initrd), "%w; the kernels in /boot have no boot loader entries", err)
}

// hasEntries reports whether there is an entry that is more than a name on the boot
// loader's menu.
func hasEntries(sys *entries.System) bool {
	return slices.ContainsFunc(sys.Entries(), func(e *entries.Entry) bool { return e.Volume != nil })
}

// files plans a kernel and initrds that are named one by one.
func (a *app) files(ctx context.Context, kernel string, initrds []string, p planFlags) (*target, error) {
	opt := a.options(p)
	opt.Progress = a.progress()
	plan, err := loader.NewFilePlan(ctx, a.machine.Host, kernel, initrds, opt)
	if err != nil {
		return nil, err
	}
	return &target{Plan: plan, rule: "named by the user"}, nil
}

// progress shows how far long steps are.
func (a *app) progress() func(step string, done, total int64) {
	var now string
	var bar *term.Progress
	return func(step string, done, total int64) {
		if step != now {
			if bar != nil {
				bar.Done()
			}
			now, bar = step, a.Progress(step)
		}
		if bar.Update(done, total); done >= total {
			bar.Done()
		}
	}
}

// warnProblems prints what is wrong with files, where it may be why nothing was
// found.
func (a *app) warnProblems(sys *entries.System) {
	for _, p := range sys.Problems() {
		a.Warn("%s", term.Message(usage.WithHint(p, a.machine.Host.UID)))
	}
}

func (a *app) warnAll(texts []string) {
	for _, text := range texts {
		a.Warn("%s", term.Advice(text))
	}
}

// warnFindings prints findings that a command goes on from: the warnings that are
// not ignored.
func (a *app) warnFindings(found []loader.Finding, ignore []loader.FindingID) {
	for _, f := range report.Advised(found) {
		if f.Severity == loader.SeverityWarning && !f.Ignored(ignore...) {
			a.Warn("%s", f)
		}
	}
}
