package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

func newShow(a *app) *cobra.Command {
	var line lineFlags
	var blob blobFlags
	cmd := &cobra.Command{
		Use:   "show [ENTRY]",
		Short: "show what would be loaded, and why",
		Args:  maxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			line.replaceSet = cmd.Flags().Changed("command-line")
			return a.show(argument(args), &line, blob)
		},
	}
	line.add(cmd)
	blob.add(cmd)
	return cmd
}

func argument(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func (a *app) show(name string, line *lineFlags, blob blobFlags) error {
	t, err := a.target(name, line)
	if err != nil {
		return err
	}
	defer t.close()
	broken := a.judge(t, blob)
	if err := a.showTarget(t); err != nil {
		return err
	}
	return broken
}

// A shownPlan is show --json.
type shownPlan struct {
	Schema int        `json:"schema"`
	Entry  *listEntry `json:"entry,omitempty"`
	Rule   string     `json:"rule"`
	Missed []string   `json:"missed,omitempty"`
	Kernel shownFile  `json:"kernel"`
	// Initrd is the blob; it has no members where there is no initrd.
	Initrd   []shownFile `json:"initrd"`
	Size     int64       `json:"initrdSize"`
	Cmdline  string      `json:"cmdline"`
	Added    []string    `json:"added,omitempty"`
	Removed  []string    `json:"removed,omitempty"`
	Warnings []string    `json:"warnings,omitempty"`
	// Findings are what the kernel will not take of the initrd as it is meant.
	Findings []listedFinding `json:"findings,omitempty"`
}

type shownFile struct {
	Name    string `json:"name"`
	Offset  int64  `json:"offset"`
	Size    int64  `json:"size"`
	Format  string `json:"format,omitempty"`
	Version string `json:"version,omitempty"`
}

func (a *app) showTarget(t *target) error {
	p, err := a.shown(t)
	if err != nil {
		return err
	}
	if a.flags.json != jsonOff {
		return a.json(a.flags.json, p)
	}
	a.showText(p)
	return nil
}

func (a *app) shown(t *target) (*shownPlan, error) {
	p := &shownPlan{Schema: 1, Rule: t.why, Cmdline: t.Cmdline, Warnings: t.Warnings, Initrd: []shownFile{}}
	p.Kernel = shownFile{Name: t.Kernel.Name, Size: t.Kernel.Size(), Format: string(t.kernel.Format), Version: t.kernel.Version}
	if t.entry != nil {
		l := jsonEntry(t.entry)
		l.IsDefault, l.IsSelected = t.entry == t.survey.choice.Entry, t.entry == t.survey.running
		l.ShowTitle = t.entry.Title
		p.Entry, p.Missed = &l, t.survey.choice.Missed
	}
	blob, err := t.Blob(nil)
	if err != nil {
		return nil, err
	}
	p.Size = blob.Size()
	for _, m := range blob.Layout.Members {
		p.Initrd = append(p.Initrd, shownMember(blob, m))
	}
	for _, f := range t.report.Findings {
		p.Findings = append(p.Findings, listedFinding{string(f.ID), string(f.Severity), f.Member, f.Text, f.Hint})
	}
	for _, c := range loader.Diff(a.cmdline(), t.Cmdline) {
		if c.Added {
			p.Added = append(p.Added, c.Word)
		} else {
			p.Removed = append(p.Removed, c.Word)
		}
	}
	return p, nil
}

func shownMember(blob *initrd.Plan, m initrd.Placed) shownFile {
	head := make([]byte, 8)
	n, _ := blob.ReadAt(head, m.Offset) // it was walked before; a file that is gone now is told by the load
	format := initrd.Detect(head[:n])
	if m.Config {
		format = initrd.Config
	}
	return shownFile{Name: m.Name, Offset: m.Offset, Size: m.Size, Format: string(format)}
}

func (a *app) showText(p *shownPlan) {
	row := func(name, format string, args ...any) {
		a.print("%-10s %s", name, printable(fmt.Sprintf(format, args...)))
	}
	if p.Entry != nil {
		row("entry", "%s  %s", p.Entry.ID, p.Entry.Title)
		row("file", "%s", p.Entry.Path)
	}
	row("chosen by", "%s", p.Rule)
	row("kernel", "%s  %s  %s", p.Kernel.Name, size(p.Kernel.Size), strings.TrimSpace(p.Kernel.Format+" "+p.Kernel.Version))
	for i, m := range p.Initrd {
		name := ""
		if i == 0 {
			name = "initrd"
		}
		row(name, "%s  %s at %d  %s", m.Name, size(m.Size), m.Offset, m.Format)
	}
	if len(p.Initrd) == 0 {
		row("initrd", "none")
	}
	row("cmdline", "%s", p.Cmdline)
	for _, w := range p.Removed {
		row("", "- %s", w)
	}
	for _, w := range p.Added {
		row("", "+ %s", w)
	}
	for _, w := range p.Warnings {
		row("warning", "%s", w)
	}
	for _, f := range p.Findings {
		row("finding", "%s: %s; %s [%s]", f.Member, f.Text, f.Mend, f.ID)
	}
}

// size prints bytes as a person reads them.
func size(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}
