package menu

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// View draws the screen: a headline, the entries, a rule, the plan, and one
// line with what the keys do.
func (m model) View() tea.View {
	lines := []string{m.headline()}
	lines = append(lines, m.rows()...)
	plan := m.planLines()
	lines = append(lines, m.rule(len(plan)))
	plan = plan[min(m.scroll, len(plan)):]
	for i := range m.planHeight() {
		if i < len(plan) {
			lines = append(lines, plan[i])
		} else {
			lines = append(lines, "")
		}
	}
	lines = append(lines, m.foot())
	for i, l := range lines {
		lines[i] = ansi.Truncate(l, m.width, "")
	}
	v := tea.NewView(strings.Join(lines[:min(len(lines), m.height)], "\n"))
	v.AltScreen = true
	if m.mode == editing {
		_, column := m.editWindow()
		v.Cursor = tea.NewCursor(min(len(editPrompt)+column, m.width-1), m.height-1)
	}
	return v
}

func (m model) headline() string {
	if m.filter != "" {
		return "Filter: " + m.filter
	}
	for _, r := range m.opt.Rows {
		if r.Next {
			return fmt.Sprintf("%d entries, next boot: %s", len(m.opt.Rows), r.Label)
		}
	}
	return fmt.Sprintf("%d entries", len(m.opt.Rows))
}

// listHeight is a third of the screen at most: the plan needs more.
func (m model) listHeight() int {
	return max(1, min(len(m.opt.Rows), max(5, m.height/3), m.height-4))
}

// planHeight is what the headline, the list, the rule and the foot leave.
func (m model) planHeight() int { return max(0, m.height-m.listHeight()-3) }

// rows are the entries around the cursor.
func (m model) rows() []string {
	height := m.listHeight()
	first := min(max(0, m.at-height/2), max(0, len(m.shown)-height))
	var lines []string
	for i := first; i < first+height; i++ {
		if i >= len(m.shown) {
			lines = append(lines, "")
			continue
		}
		lines = append(lines, m.rowLine(i))
	}
	return lines
}

func (m model) rowLine(i int) string {
	r := m.opt.Rows[m.shown[i]]
	label := m.widest(m.width/2, func(r Row) string { return r.Label })
	title := m.widest((m.width-label-6)/2, func(r Row) string { return r.Title })
	text := fmt.Sprintf("  %s  %s  %s", fit(tail(r.Label, label), label), fit(r.Title, title), r.Notes)
	if i != m.at {
		return text
	}
	text = ">" + fit(text[1:], m.width-1)
	if m.opt.Colour {
		return "\x1b[7m" + text + "\x1b[m"
	}
	return text
}

// widest is how many columns a text of the rows takes at most, up to limit.
func (m model) widest(limit int, text func(Row) string) int {
	widest := 0
	for _, r := range m.opt.Rows {
		widest = max(widest, ansi.StringWidth(text(r)))
	}
	return max(0, min(widest, limit))
}

// tail keeps the end of a label that is too long: ids often begin with the
// machine's, and end with the version.
func tail(s string, width int) string {
	if over := ansi.StringWidth(s) - width; over > 0 {
		return ansi.TruncateLeft(s, over+1, "~")
	}
	return s
}

// rule separates the list from the plan, and shows the position in a long plan.
func (m model) rule(lines int) string {
	text := "--"
	if height := m.planHeight(); lines > height {
		text = fmt.Sprintf("-- plan, lines %d to %d of %d ", m.scroll+1, min(m.scroll+height, lines), lines)
	}
	return text + strings.Repeat("-", max(0, m.width-len(text)))
}

// fit makes a text that many columns wide.
func fit(s string, width int) string {
	s = ansi.Truncate(s, width, "~")
	return s + strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
}

// planLines are the plan's, folded to the width of the screen.
func (m model) planLines() []string {
	row, ok := m.row()
	plan, planned := m.plans[row.ID]
	switch {
	case !ok:
		return nil
	case !planned:
		return []string{"looking ..."}
	}
	return strings.Split(ansi.Wrap(strings.TrimRight(plan.Text, "\n"), m.width, ""), "\n")
}

const editPrompt = "cmdline> "

func (m model) foot() string {
	row, _ := m.row()
	switch {
	case m.mode == editing:
		visible, _ := m.editWindow()
		return editPrompt + visible
	case m.mode == confirming:
		return fmt.Sprintf("%s: Enter reboot now   l load only   Esc back", ansi.Truncate(row.Label, m.width/2, "~"))
	case m.said != "":
		return m.said
	}
	return "Up/Down choose  type to filter  Tab edit  PgUp/PgDn plan  Enter go  Esc leave"
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
