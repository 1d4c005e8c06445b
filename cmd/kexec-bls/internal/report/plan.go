package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/loader"
)

// A Plan is show --json.
type Plan struct {
	Schema int      `json:"schema"`
	Entry  *Entry   `json:"entry,omitempty"`
	Rule   string   `json:"rule"`
	Missed []string `json:"missed,omitempty"`
	Kernel File     `json:"kernel"`
	// Initrd has no members where there is no initrd.
	Initrd  []File `json:"initrd"`
	Size    int64  `json:"initrdSize"`
	Cmdline string `json:"cmdline"`
	// Added and Removed are the kernel parameters that differ from the running
	// system's.
	Added    []string `json:"added,omitempty"`
	Removed  []string `json:"removed,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Findings are what the kernel would not take as it is meant.
	Findings []loader.Finding `json:"findings,omitempty"`
	PCRs     *PCRs            `json:"pcrs,omitempty"`
	// Trial is the trial that the plan is for; absent for none.
	Trial *TrialPlan `json:"trial,omitempty"`
}

// A File is a file of a plan, or a part of one.
type File struct {
	Name    string `json:"name"`
	Offset  int64  `json:"offset"`
	Size    int64  `json:"size"`
	Format  string `json:"format,omitempty"`
	Version string `json:"version,omitempty"`
}

// PlanOf reports a plan; rule is what chose its entry.
func PlanOf(p *loader.Plan, rule string, missed []string) *Plan {
	k := p.Kernel()
	r := &Plan{
		Schema: Schema, Rule: rule, Missed: missed, Cmdline: p.Cmdline(), Warnings: p.Warnings(), Findings: Advised(p.Findings()), Initrd: []File{},
		Kernel: File{Name: k.Name, Size: k.Size, Format: k.Format, Version: k.Version},
	}
	if e := p.Entry(); e != nil {
		r.Entry = entryOf(p.System(), e)
	}
	r.Size = p.InitrdSize()
	for _, m := range p.Initrd() {
		r.Initrd = append(r.Initrd, File{Name: m.Name, Offset: m.Offset, Size: m.Size, Format: m.Format})
	}
	for _, c := range p.Changes() {
		if c.Added {
			r.Added = append(r.Added, c.Parameter)
		} else {
			r.Removed = append(r.Removed, c.Parameter)
		}
	}
	return r
}

// Print writes the plan for a person.
func (r *Plan) Print(ui *term.UI) {
	for _, row := range r.rows() {
		ui.Print("%-10s %s", row[0], row[1])
	}
	for _, p := range r.Removed {
		ui.Print("%-10s - %s", "", p)
	}
	for _, p := range r.Added {
		ui.Print("%-10s + %s", "", p)
	}
	r.Trial.print(ui)
	for _, w := range r.Warnings {
		ui.Print("%-10s %s", "warning", w)
	}
	for _, f := range r.Findings {
		ui.Print("%-10s %s", f.Severity, f)
	}
	r.PCRs.print(ui)
}

// OnlyIgnored leaves out the findings that are not ignored, for where they are told of
// elsewhere.
func (r *Plan) OnlyIgnored(ids []loader.FindingID) {
	r.Findings = slices.DeleteFunc(r.Findings, func(f loader.Finding) bool { return !f.Ignored(ids...) })
}

// rows are names and texts; a row without a name continues the one before.
func (r *Plan) rows() [][2]string {
	var rows [][2]string
	row := func(name, format string, args ...any) {
		rows = append(rows, [2]string{name, fmt.Sprintf(format, args...)})
	}
	if r.Entry != nil {
		row("entry", "%s  %s", r.Entry.ID, r.Entry.Title)
		row("file", "%s", r.Entry.Path)
	}
	row("chosen by", "%s", r.Rule)
	row("kernel", "%s  %s  %s", r.Kernel.Name, loader.FormatSize(r.Kernel.Size), strings.TrimSpace(r.Kernel.Format+" "+r.Kernel.Version))
	for i, m := range r.Initrd {
		name := ""
		if i == 0 {
			name = "initrd"
		}
		row(name, "%s  %s at %d  %s", m.Name, loader.FormatSize(m.Size), m.Offset, m.Format)
	}
	if len(r.Initrd) == 0 {
		row("initrd", "none")
	}
	row("cmdline", "%s", r.Cmdline)
	return rows
}

// changes draws how the command line differs from the running one.
func (r *Plan) changes(v term.View, indent string) []string {
	var lines []string
	if len(r.Removed) > 0 {
		lines = v.Hang(indent+v.Marked(term.Error, "-")+" ", term.Printable(strings.Join(r.Removed, " ")))
	}
	if len(r.Added) > 0 {
		lines = append(lines, v.Hang(indent+v.Marked(term.OK, "+")+" ", term.Printable(strings.Join(r.Added, " ")))...)
	}
	return lines
}

// Screen draws an entry of the menu: what ends a reboot, the plan, the check.
func Screen(v term.View, p *Plan, c *Check) []string {
	var lines []string
	for _, f := range c.Findings {
		if f.mark() == term.Error {
			lines = append(lines, f.lines(v, "")...)
		}
	}
	lines = append(lines, v.Bold("Plan"))
	for _, row := range p.rows() {
		lines = append(lines, v.Hang(v.Faint(fmt.Sprintf("  %-10s", row[0])), term.Printable(row[1]))...)
	}
	lines = append(lines, p.changes(v, strings.Repeat(" ", 12))...)
	for _, w := range p.Warnings {
		lines = append(lines, v.Hang("  "+v.Mark(term.Warning)+" ", term.Printable(w))...)
	}
	return append(append(lines, v.Bold("Check")), c.body(v)...)
}
