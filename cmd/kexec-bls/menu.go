package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/menu"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

// rebootMenu lets the user choose on the terminal, then goes on as reboot or
// load of that entry would.
func (a *app) rebootMenu(ctx context.Context, opt rebootFlags, line *lineFlags) error {
	choice, err := a.menu(ctx, line, opt.blob)
	if err != nil {
		return err
	}
	line.whole = choice.Cmdline
	switch {
	case choice.Action == menu.Reboot, choice.Action == menu.Load && opt.dryRun:
		return a.reboot(ctx, choice.ID, opt, line)
	case choice.Action == menu.Load:
		t, err := a.target(choice.ID, line)
		if err != nil {
			return err
		}
		defer t.close()
		return a.loadOnly(ctx, t, opt.blob)
	}
	a.note("nothing was loaded, nothing was rebooted")
	return nil
}

func (a *app) menu(ctx context.Context, line *lineFlags, blob blobFlags) (menu.Choice, error) {
	s, err := a.survey()
	if err != nil {
		return menu.Choice{}, err
	}
	rows := menuRows(s)
	s.close()
	choice, err := a.ask(ctx, menu.Options{Rows: rows, Plan: a.menuPlan(*line, blob), Colour: a.colour()})
	if errors.Is(err, menu.ErrNoTerminal) {
		err = usageError{err}
	}
	return choice, err
}

// menuRows leaves out what the boot loader's own menu leaves out.
func menuRows(s *survey) []menu.Row {
	var rows []menu.Row
	titles := s.list.Titles()
	for i, e := range s.list.Entries {
		if e.Hidden != "" {
			continue
		}
		rows = append(rows, menu.Row{
			ID: e.ID, Label: cell(e.ID), Title: cell(titles[i]), Notes: cell(strings.Join(notes(s, e), ", ")), Next: e == s.choice.Entry,
		})
	}
	return rows
}

// menuPlan is what show and check would print of an entry.
func (a *app) menuPlan(line lineFlags, blob blobFlags) func(string, *string) menu.Plan {
	return func(id string, cmdline *string) menu.Plan {
		var text bytes.Buffer
		quiet := *a
		quiet.ui = &ui{out: &text, err: &text}
		quiet.flags.json = jsonOff
		line := line
		line.whole = cmdline
		t, err := quiet.target(id, &line)
		if err != nil {
			return menu.Plan{Text: printable(err.Error()), Refused: "it cannot be kexec'ed, see above"}
		}
		defer t.close()
		plan := menu.Plan{Cmdline: t.Cmdline}
		report := quiet.report(t, blob)
		if report.Blocked {
			plan.Refused = "a blocker stands in the way, see above; --ignore=ID goes on in spite of it"
		}
		rest := slices.IndexFunc(report.Findings, func(f checkFinding) bool { return f.Severity != preflight.Error })
		if rest < 0 {
			rest = len(report.Findings)
		}
		quiet.printFindings(report.Findings[:rest])
		if err := quiet.showTarget(t); err != nil {
			quiet.fail(err)
		}
		quiet.printFindings(report.Findings[rest:])
		plan.Text = text.String()
		return plan
	}
}

// colour says whether the terminal may be sent more than text: no-color.org
// and systemd's own switch.
func (a *app) colour() bool {
	switch a.getenv("SYSTEMD_COLORS") {
	case "":
		return a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb"
	case "0", "no", "false", "off", "n", "f":
		return false
	}
	return true
}
