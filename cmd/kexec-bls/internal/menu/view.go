package menu

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
)

// A layout is where the parts of the screen are, in lines from the top.
type layout struct {
	list, rows  int // first line of the rows, how many lines there are for them
	first       int // index into shown of the first
	plan, lines int // first line of the plan, how many there are
}

// Lines before the rows: the header, the prompt, the titles of the columns.
const (
	above      = 3
	promptLine = 1
)

// layout gives the rows two fifths of the screen at most: the plan needs more.
func (m model) layout() layout {
	l := layout{list: above}
	rest := m.height - above - 2 // the rule, the foot
	l.rows = max(1, min(max(1, len(m.opt.Rows)), max(2, rest*2/5), rest-2))
	l.first = min(max(0, m.at-l.rows/2), max(0, len(m.shown)-l.rows))
	l.plan = l.list + l.rows + 1
	l.lines = max(0, rest-l.rows)
	return l
}

// frame draws the screen: a header, the prompt, the entries below the titles of
// their columns, a rule, the plan, and what the keys do.
func (m model) frame() frame {
	prompt, column := m.prompt()
	lines := []string{m.header(), prompt}
	if m.mode == helping {
		lines = append(lines, helpText(m.view(), m.height-3)...)
	} else {
		l := m.layout()
		lines = append(lines, m.titles())
		lines = append(lines, m.rows(l)...)
		lines = append(lines, m.planWindow(l)...)
	}
	lines = append(lines, m.foot())
	for i, l := range lines {
		lines[i] = ansi.Truncate(l, m.width, "")
	}
	f := frame{lines: lines[:min(len(lines), m.height)], column: -1}
	if column >= 0 && m.height > promptLine {
		f.column = min(column, m.width-1)
	}
	return f
}

// header names the machine, what runs and what is next, as far as there is room;
// what is next above all, and of an id its end, where the version is.
func (m model) header() string {
	const gap, enough = "   ", 30
	next := "next: none"
	if m.opt.Next != "" {
		next = "next: " + m.opt.Next
	}
	parts := []string{m.opt.Host, "running: " + m.opt.Running, next}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" || s == "running: " })
	room := m.width
	for n := len(parts); n > 1; n = len(parts) {
		room = m.width - ansi.StringWidth(strings.Join(parts[:n-1], gap)+gap)
		if need := ansi.StringWidth(next); room >= need || n == 2 && room >= enough {
			break
		}
		parts, room = slices.Delete(parts, n-2, n-1), m.width
	}
	if ansi.StringWidth(next) > room {
		parts[len(parts)-1] = "next: " + tail(m.opt.Next, max(1, room-len("next: ")))
	}
	return m.view().Bold(strings.Join(parts, gap))
}

const (
	filterPrompt = "> "
	editPrompt   = "cmdline> "
)

// prompt is the line below the header, and the column of the cursor in it, -1
// for none.
func (m model) prompt() (text string, column int) {
	v := m.view()
	row, _ := m.row()
	plan := m.plans[row.ID]
	switch {
	case m.mode == helping:
		return "Keys", -1
	case m.mode == editing:
		visible, column := m.editWindow()
		return editPrompt + visible, len(editPrompt) + column
	case m.mode == confirming && plan.Refused != "":
		return v.Marked(term.Warning, m.question("Through firmware into %s?", row)), -1
	case m.mode == confirming:
		return v.Marked(term.Warning, m.question("Reboot into %s?", row)), -1
	case m.said != "":
		return v.Marked(term.Error, m.said), -1
	}
	count := fmt.Sprintf("%d/%d", min(m.at+1, len(m.shown)), len(m.shown))
	typed := filterPrompt + m.filter
	room := m.width - ansi.StringWidth(count) - 1
	if over := ansi.StringWidth(typed) - room; over > 0 && room > 0 {
		typed = ansi.TruncateLeft(typed, over+1, "~")
	}
	column = ansi.StringWidth(typed)
	if hint := "type to search"; m.filter == "" && len(m.opt.Rows) > 0 && room > column+len(hint) {
		typed += v.Faint(hint)
	}
	return fit(typed, room) + " " + v.Faint(count), column
}

// question is one about a row, of whose label it shows the end.
func (m model) question(format string, row Row) string {
	return fmt.Sprintf(format, tail(row.Label, max(1, m.width-len(format)+len("%s"))))
}

// editWindow is the part of the edited line around the cursor that fits, and
// the cursor's column in it.
func (m model) editWindow() (visible string, column int) {
	room := max(1, m.width-len(editPrompt)-1)
	first := 0
	for ansi.StringWidth(string(m.line.text[first:m.line.at])) > room {
		first++
	}
	return ansi.Truncate(string(m.line.text[first:]), room+1, ""), ansi.StringWidth(string(m.line.text[first:m.line.at]))
}

// planWindow is the rule and the part of the plan that fits.
func (m model) planWindow(l layout) []string {
	v, plan := m.view(), m.planLines()
	lines := []string{m.rule(l, len(plan))}
	first := min(m.scroll, len(plan))
	for i := range l.lines {
		text := ""
		if first+i < len(plan) {
			text = plan[first+i]
		}
		if len(plan) > l.lines {
			text = fit(text, m.width-2) + " " + scrollMark(v, thumb{first, l.lines, len(plan)}, i)
		}
		lines = append(lines, text)
	}
	return lines
}

// rule separates the list from the plan, and shows the position in a long plan.
func (m model) rule(l layout, lines int) string {
	v, dash := m.view(), "-"
	if v.Symbols {
		dash = "─"
	}
	row, _ := m.row()
	text := dash + dash
	if lines > l.lines && l.lines > 0 {
		text += fmt.Sprintf(" %d-%d/%d ", m.scroll+1, min(m.scroll+l.lines, lines), lines)
	}
	if row.Label != "" {
		text = strings.TrimRight(text, " ") + " "
		text += tail(row.Label, max(1, m.width-ansi.StringWidth(text)-1)) + " "
	}
	return v.Faint(text + strings.Repeat(dash, max(0, m.width-ansi.StringWidth(text))))
}

// planLines are the plan's, folded to the width of the screen.
func (m model) planLines() []string {
	v := m.view()
	v.Width = max(1, v.Width-2) // the scroll mark
	row, ok := m.row()
	plan, planned := m.plans[row.ID]
	switch {
	case !ok && len(m.opt.Rows) == 0:
		return v.Hang("", m.opt.Empty)
	case !ok:
		return v.Hang("", fmt.Sprintf("No entry has %q in its title, version, id or notes. Esc clears the search.", m.filter))
	case !planned:
		return []string{"looking ..."}
	}
	return plan.Draw(v)
}
