package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/loader"
)

// A Check is check --json.
type Check struct {
	Schema int       `json:"schema"`
	Entry  *EntryRef `json:"entry,omitempty"`
	// Blocked is set where reboot would refuse.
	Blocked  bool           `json:"blocked"`
	Findings []CheckFinding `json:"findings"`
	// Areas are the same by what was looked at.
	Areas []CheckArea `json:"areas"`

	name    string
	untried bool
}

// CheckOptions say how to report a check.
type CheckOptions struct {
	Ignore []loader.FindingID
	// Evidence adds what was read.
	Evidence bool
	// Untried is set where no kexec of the machine is on record.
	Untried bool
}

// A CheckFinding is a finding of check.
type CheckFinding struct {
	loader.Finding
	// Ignored is set for one of severity error that does not count.
	Ignored bool `json:"ignored"`
}

// A CheckArea is a part of the machine or the plan that was looked at.
type CheckArea struct {
	ID string `json:"id"`
	// Result is ok, partial, ignored, warning or error.
	Result string `json:"result"`
	// Facts are what was seen, Unseen what could not be.
	Facts  []string `json:"facts"`
	Unseen []string `json:"unseen,omitempty"`
	// Findings are the IDs of those about the area.
	Findings []loader.FindingID `json:"findings,omitempty"`
	// Evidence is what was read, where that was asked for.
	Evidence []loader.Evidence `json:"evidence,omitempty"`

	mark  term.Mark
	found []CheckFinding
}

// CheckOf reports an inspection of a plan.
func CheckOf(p *loader.Plan, in loader.Inspection, opt CheckOptions) *Check {
	r := checkOf(in, opt)
	r.Entry, r.name = RefOf(p.Entry()), p.Name()
	return r
}

func checkOf(in loader.Inspection, opt CheckOptions) *Check {
	r := &Check{Schema: Schema, Blocked: len(loader.Blocking(in.Findings, opt.Ignore...)) > 0, untried: opt.Untried}
	r.Findings = append([]CheckFinding{}, checkFindings(in.Findings, opt)...)
	for _, a := range in.Areas {
		area := CheckArea{ID: string(a.ID), Facts: append([]string{}, a.Facts...), found: checkFindings(a.Findings, opt)}
		for _, what := range a.Unseen {
			area.Unseen = append(area.Unseen, term.Advice(what))
		}
		if opt.Evidence {
			area.Evidence = a.Evidence
		}
		if len(a.Unseen) > 0 {
			area.mark = term.Partial
		}
		for _, f := range area.found {
			area.Findings = append(area.Findings, f.ID)
			if m := f.mark(); m != term.Info {
				area.mark = max(area.mark, m)
			}
		}
		area.Result = area.mark.Word()
		r.Areas = append(r.Areas, area)
	}
	return r
}

func checkFindings(found []loader.Finding, opt CheckOptions) []CheckFinding {
	var out []CheckFinding
	for _, f := range Advised(found) {
		out = append(out, CheckFinding{f, f.Severity == loader.SeverityError && f.Ignored(opt.Ignore...)})
	}
	return out
}

func (f CheckFinding) mark() term.Mark {
	switch {
	case f.Ignored:
		return term.Ignored
	case f.Severity == loader.SeverityError:
		return term.Error
	case f.Severity == loader.SeverityWarning:
		return term.Warning
	}
	return term.Info
}

// Print writes a screen on a terminal, else the findings, one a line, and after
// them the evidence.
func (r *Check) Print(ui *term.UI) {
	if v := ui.View(); v.Width > 0 {
		ui.Draw(r.Screen(v))
		return
	}
	PrintFindings(ui, r.Findings)
	for _, a := range r.Areas {
		for _, e := range a.Evidence {
			ui.Print("%-8s %s: %s: %s", "read", a.ID, e.Source, e.Value)
		}
	}
}

// PrintFindings writes findings for a person, one a line.
func PrintFindings(ui *term.UI, found []CheckFinding) {
	for _, f := range found {
		ui.Print("%-8s %s", f.mark().Word(), f.Finding)
	}
}

// Screen draws the check by areas, the verdict last.
func (r *Check) Screen(v term.View) []string {
	title := "Check of " + r.name
	if r.Entry != nil {
		title += strings.TrimRight("  "+string(r.Entry.Title)+"  "+string(r.Entry.Version), " ")
	}
	return append(append(v.Hang("", v.Bold(term.Printable(title))), ""), r.body(v)...)
}

// body is the screen without its title.
func (r *Check) body(v term.View) []string {
	var lines []string
	for _, a := range r.Areas {
		lines = append(lines, a.lines(v)...)
	}
	mark, verdict := r.verdict()
	lines = append(append(lines, ""), v.Hang(v.Mark(mark)+" ", v.Marked(mark, term.Printable(verdict)))...)
	if r.untried && !r.Blocked {
		lines = append(lines, v.Hang(v.Mark(term.Info)+" ", "TROUBLESHOOTING in kexec-bls(8) shows how to try a first kexec without risk")...)
	}
	return lines
}

// Notes are what is printed to stderr where the findings are lines.
func (r *Check) Notes() []string {
	var notes []string
	if len(r.Findings) == 0 {
		notes = append(notes, "nothing was found that would prevent a kexec into "+r.name)
	}
	if r.untried && !r.Blocked {
		notes = append(notes, `no kexec of this machine is on record; TROUBLESHOOTING in kexec-bls(8) has how to try one without risk, and what helps where nothing comes after "Starting new kernel": acpi_rsdp=, earlycon, module_blacklist=`)
	}
	return notes
}

// lines draws an area: what was seen, what was not, what was found.
func (a CheckArea) lines(v term.View) []string {
	const label, narrow = 9, 60
	head := v.Mark(a.mark) + " " + v.Bold(a.ID)
	indent := strings.Repeat(" ", v.MarkWidth()+1+label)
	var lines []string
	facts := term.Printable(cmp.Or(strings.Join(a.Facts, ", "), "looked at"))
	if v.Width < narrow {
		indent = "  "
		lines = append([]string{head}, v.Hang(indent, facts)...)
	} else {
		lines = v.Hang(head+strings.Repeat(" ", max(1, label-len(a.ID))), facts)
	}
	for _, f := range a.found {
		lines = append(lines, f.lines(v, indent)...)
	}
	if len(a.Unseen) > 0 {
		lines = append(lines, v.Hang(indent+v.Mark(term.Partial)+" ", term.Printable("not seen: "+strings.Join(a.Unseen, ", ")))...)
	}
	for _, e := range a.Evidence {
		lines = append(lines, v.Hang(indent+"  ", v.Faint(term.Printable(e.Source+": "+e.Value)))...)
	}
	return lines
}

// lines draws a finding, its hint below it.
func (f CheckFinding) lines(v term.View, indent string) []string {
	text := f.Text
	if f.Member != "" {
		text = f.Member + ": " + text
	}
	head := indent + v.Mark(f.mark()) + " "
	lines := v.Hang(head, term.Printable(text)+" "+v.Faint("["+term.Printable(string(f.ID))+"]"))
	if f.Hint != "" {
		lines = append(lines, v.Hang(indent+"  fix: ", term.Printable(f.Hint))...)
	}
	return lines
}

// Mark is the gravest of what was found.
func (r *Check) Mark() term.Mark {
	mark, _ := r.verdict()
	return mark
}

// verdict is what the check came to.
func (r *Check) verdict() (term.Mark, string) {
	counts := map[term.Mark]int{}
	var ids []string
	for _, f := range r.Findings {
		counts[f.mark()]++
		if id := string(f.ID); f.mark() == term.Error && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	partial := ""
	if slices.ContainsFunc(r.Areas, func(a CheckArea) bool { return len(a.Unseen) > 0 }) {
		partial = "; not all could be seen"
	}
	switch {
	case r.Blocked:
		return term.Error, fmt.Sprintf("reboot refuses %s: %s; to go on: --ignore=%s", r.name, Count(counts[term.Error], "error"), strings.Join(ids, ","))
	case counts[term.Ignored] > 0:
		return term.Warning, fmt.Sprintf("reboot goes on into %s in spite of %s%s", r.name, Count(counts[term.Ignored], "ignored error"), partial)
	case counts[term.Warning] > 0:
		return term.Warning, fmt.Sprintf("a kexec into %s is possible, with %s%s", r.name, Count(counts[term.Warning], "warning"), partial)
	}
	return term.OK, fmt.Sprintf("nothing was found that would prevent a kexec into %s%s", r.name, partial)
}
