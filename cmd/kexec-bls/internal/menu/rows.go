package menu

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
)

// columnGap is the blanks between columns; before the first are a pointer and a
// mark, after the last a scroll mark.
const (
	columnGap = 2
	before    = 4
	after     = 2
)

// needOf is how wide each column is; 0 for an empty one.
func needOf(rows []Row) (need [4]int) {
	for i, title := range columnTitles() {
		for _, r := range rows {
			need[i] = max(need[i], ansi.StringWidth(r.columns()[i]))
		}
		if need[i] > 0 {
			need[i] = max(need[i], len(title))
		}
	}
	return need
}

// widths of the columns as they need, where there is room; else the title and the
// version, then the notes and the id with what is left. A column without room
// has 0.
func (m model) widths() [4]int {
	const narrowest = 8
	room, all := m.width-before-after, 0
	for _, need := range m.need {
		all += need + columnGap
	}
	limits := m.need
	if all-columnGap > room && room > 30 {
		limits[0] = max(16, room*2/5) // the version is to be seen too
	}
	var widths [4]int
	for i := range widths {
		width := min(m.need[i], limits[i], room)
		if width <= 0 || width < min(m.need[i], narrowest) {
			continue
		}
		widths[i] = width
		room -= width + columnGap
	}
	return widths
}

// idColumn is that of the ids, which keep their end.
const idColumn = 3

func columnTitles() [4]string { return [4]string{"TITLE", "VERSION", "NOTES", "ENTRY"} }

func (m model) titles() string {
	if len(m.opt.Rows) == 0 {
		return ""
	}
	var cells []string
	for i, width := range m.widths() {
		if width > 0 {
			cells = append(cells, fit(columnTitles()[i], width))
		}
	}
	return m.view().Faint(strings.Repeat(" ", before) + strings.Join(cells, strings.Repeat(" ", columnGap)))
}

// rows are the entries around the cursor.
func (m model) rows(l layout) []string {
	v, widths := m.view(), m.widths()
	var lines []string
	for i := l.first; i < l.first+l.rows; i++ {
		text := ""
		if i < len(m.shown) {
			text = m.rowLine(i, widths)
		}
		if len(m.shown) > l.rows {
			text = fit(text, m.width-after) + " " + scrollMark(v, thumb{l.first, l.rows, len(m.shown)}, i-l.first)
		}
		lines = append(lines, text)
	}
	return lines
}

func (m model) rowLine(i int, widths [4]int) string {
	f := m.shown[i]
	r, v := m.opt.Rows[f.row], m.view()
	mark := r.Mark
	if plan, planned := m.plans[r.ID]; planned {
		mark = plan.Mark
	}
	sign := v.Sign(mark)
	if _, planned := m.plans[r.ID]; mark == term.OK && !planned {
		sign = " "
	}
	var cells []string
	for column, width := range widths {
		if width == 0 {
			continue
		}
		text := r.columns()[column]
		if column == idColumn {
			text = tail(text, width)
		}
		text = fit(text, width)
		if text == fit(r.columns()[column], width) { // not cut from the left
			text = marked(v, text, f.at[column])
		}
		cells = append(cells, text)
	}
	text := strings.Join(cells, strings.Repeat(" ", columnGap))
	if i != m.at {
		return "  " + sign + " " + text
	}
	if !v.Colour {
		return "> " + sign + " " + text
	}
	return "> " + sign + " " + v.Reverse(fit(ansi.Strip(text), m.width-before-after))
}

// marked draws the runes that match.
func marked(v term.View, text string, at []int) string {
	if len(at) == 0 || !v.Colour {
		return text
	}
	var out strings.Builder
	for i, r := range []rune(text) {
		if slices.Contains(at, i) {
			out.WriteString(v.Bold(v.Marked(term.Info, string(r))))
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

// A thumb is which part of a whole is on the screen.
type thumb struct{ first, lines, all int }

// scrollMark is the line of a scroll bar.
func scrollMark(v term.View, t thumb, line int) string {
	size := max(1, t.lines*t.lines/max(1, t.all))
	start := 0
	if t.all > t.lines {
		start = t.first * (t.lines - size) / (t.all - t.lines)
	}
	on, off := "#", "|"
	if v.Symbols {
		on, off = "█", "│"
	}
	if line >= start && line < start+size {
		return on
	}
	return v.Faint(off)
}

// tail keeps the end of a label that is too long: ids often begin with the
// machine's, and end with the version.
func tail(s string, width int) string {
	if over := ansi.StringWidth(s) - width; over > 0 {
		return ansi.TruncateLeft(s, over+1, "~")
	}
	return s
}

// fit makes a text that many columns wide.
func fit(s string, width int) string {
	s = ansi.Truncate(s, max(0, width), "~")
	return s + strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
}
