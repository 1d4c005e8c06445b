package main

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/menu"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/usage"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// rebootMenu lets the user choose on the terminal, then goes on as reboot or load
// of that entry would.
func (a *app) rebootMenu(ctx context.Context, o rebootFlags) error {
	choice, err := a.menu(ctx, o.plan)
	if err != nil {
		return err
	}
	o.plan.edit(choice.Cmdline)
	switch {
	case choice.Action == menu.Firmware:
		o.firmware = true
		if a.canOneShot() {
			o.init.Entry = choice.ID
		}
		return a.reboot(ctx, "", o)
	case choice.Action == menu.Reboot, choice.Action == menu.Load && o.dryRun:
		return a.reboot(ctx, choice.ID, o)
	case choice.Action == menu.Load:
		t, err := a.target(ctx, choice.ID, o.plan)
		if err != nil {
			return err
		}
		defer t.close()
		return a.loadOnly(ctx, t, o.plan)
	}
	a.Note("nothing was loaded, nothing was rebooted")
	return nil
}

// errDumb is a terminal on which nothing can be drawn.
var errDumb = hint.Wrap(menu.ErrNoTerminal, "TERM is dumb; name the ENTRY, kexec-bls list shows all")

func (a *app) menu(ctx context.Context, p planFlags) (menu.Choice, error) {
	if a.getenv("TERM") == "dumb" {
		return menu.Choice{}, &usage.Error{Err: errDumb}
	}
	sys, err := a.open(ctx)
	if err != nil {
		return menu.Choice{}, err
	}
	opt := menu.Options{Rows: menuRows(sys, a.known(ctx, sys)), Host: a.machine.Host.Text("proc/sys/kernel/hostname"), View: a.View()}
	if e := sys.Running(); e != nil {
		opt.Running = term.Cell(e.ID)
	} else {
		opt.Running = term.Printable(a.machine.Host.Release())
	}
	next := ""
	if c, err := sys.Default(); err == nil {
		next, opt.Next = c.Entry.ID, term.Cell(c.Entry.ID)
	} else if len(opt.Rows) == 0 {
		opt.Empty = term.Message(usage.WithHint(err, a.machine.Host.UID))
	}
	if err := sys.Close(); err != nil {
		return menu.Choice{}, err
	}
	oneShot := a.canOneShot()
	opt.Plan = a.menuPlan(ctx, p, func(id string) bool { return oneShot || id == next })
	choice, err := a.choose(ctx, opt)
	if errors.Is(err, menu.ErrNoTerminal) {
		err = &usage.Error{Err: err}
	}
	return choice, err
}

// menuRows leaves out what the boot loader's own menu leaves out.
func menuRows(sys *entries.System, known report.Known) []menu.Row {
	var rows []menu.Row
	titles := sys.Titles()
	next, _ := sys.Default() // none: no row is the next
	for i, e := range sys.Entries() {
		if e.Hidden != "" {
			continue
		}
		r := menu.Row{ID: e.ID, Label: term.Cell(e.ID), Title: term.Cell(cmp.Or(e.Title, titles[i])), Version: term.Printable(report.Version(e)), Next: e == next.Entry}
		r.Mark, r.Notes = report.MarkOf(e), term.Printable(strings.Join(report.Notes(sys, known, e), ", "))
		rows = append(rows, r)
	}
	return rows
}

// canOneShot reports whether the boot loader takes an entry for one boot
// (LoaderFeatures), and systemctl can set that.
func (a *app) canOneShot() bool {
	features, err := a.machine.Vars.LoaderUint64(bli.Features)
	return err == nil && features&bli.FeatureOneShot != 0 && a.machine.Host.InitSystem() == host.Systemd
}

// menuPlan is what show and check would print of an entry; firmware reports
// whether a reboot through firmware would start it.
func (a *app) menuPlan(ctx context.Context, p planFlags, firmware func(id string) bool) func(string, *string) menu.Plan {
	shown := a.quiet()
	return func(id string, cmdline *string) menu.Plan {
		p := p
		p.edit(cmdline)
		t, err := shown.target(ctx, id, p)
		if err != nil {
			text, refused := term.Message(err), "kexec cannot start it, see below"
			return menu.Plan{Mark: term.Error, Refused: refused, Firmware: firmware(id), Draw: func(v term.View) []string { return v.Hang(v.Mark(term.Error)+" ", text) }}
		}
		defer t.close()
		r := report.CheckOf(t.Plan, shown.machine.Inspect(ctx, t.Plan, shown.checkOptions()), report.CheckOptions{Ignore: shown.ignored(p)})
		plan, shownPlan := menu.Plan{Cmdline: t.Cmdline(), Mark: r.Mark(), Firmware: firmware(id)}, shown.planReport(t)
		if r.Blocked {
			plan.Refused = "an error would end the reboot, see below; override: --ignore=ID"
		}
		plan.Draw = func(v term.View) []string { return report.Screen(v, shownPlan, r) }
		return plan
	}
}
