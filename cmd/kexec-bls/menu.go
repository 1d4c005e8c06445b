package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/menu"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/usage"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"
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

func (a *app) menu(ctx context.Context, p planFlags) (menu.Choice, error) {
	sys, err := a.open(ctx)
	if err != nil {
		return menu.Choice{}, err
	}
	boot, _ := a.machine.Boot() // what cannot be read is not known
	rows := menuRows(sys, boot)
	if err := sys.Close(); err != nil {
		return menu.Choice{}, err
	}
	choice, err := a.choose(ctx, menu.Options{Rows: rows, Plan: a.menuPlan(ctx, p), Colour: a.Colour()})
	if errors.Is(err, menu.ErrNoTerminal) {
		err = &usage.Error{Err: err}
	}
	return choice, err
}

// menuRows leaves out what the boot loader's own menu leaves out.
func menuRows(sys *entries.System, boot loader.Boot) []menu.Row {
	var rows []menu.Row
	titles := sys.Titles()
	next, _ := sys.Default() // none: no row is the next
	for i, e := range sys.Entries() {
		if e.Hidden != "" {
			continue
		}
		notes := strings.Join(report.Notes(sys, boot, e), ", ")
		rows = append(rows, menu.Row{ID: e.ID, Label: term.Cell(e.ID), Title: term.Cell(titles[i]), Notes: term.Cell(notes), Next: e == next.Entry})
	}
	return rows
}

// menuPlan is what show and check would print of an entry.
func (a *app) menuPlan(ctx context.Context, p planFlags) func(string, *string) menu.Plan {
	return func(id string, cmdline *string) menu.Plan {
		var text bytes.Buffer
		shown := a.quiet()
		shown.UI = &term.UI{Out: &text, Err: &text}
		p := p
		p.edit(cmdline)
		t, err := shown.target(ctx, id, p)
		if err != nil {
			return menu.Plan{Text: term.Message(err), Refused: "it cannot be kexec'ed, see above"}
		}
		defer t.close()
		plan := menu.Plan{Cmdline: t.Cmdline()}
		r := report.CheckOf(t.Plan, shown.machine.Check(ctx, t.Plan, shown.checkOptions()), shown.ignored(p))
		if r.Blocked {
			plan.Refused = "an error would end the reboot, see above; override: --ignore=ID"
		}
		rest := slices.IndexFunc(r.Findings, func(f report.CheckFinding) bool { return f.Severity != loader.SeverityError })
		if rest < 0 {
			rest = len(r.Findings)
		}
		report.PrintFindings(shown.UI, r.Findings[:rest])
		shown.planReport(t).Print(shown.UI)
		report.PrintFindings(shown.UI, r.Findings[rest:])
		plan.Text = text.String()
		return plan
	}
}
