package term

import (
	"bytes"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// A Table is rows of cells under a head. On a terminal it fits the width: the
// widest cells are cut, the last column is folded.
type Table struct {
	Head []string
	Rows [][]string // as long as Head
	// Marks are one a row, of one character or none. They are printed before
	// the row, which is bold where colours are allowed. The first column is
	// then one of ids, which keep their end when they are cut. nil: no marks.
	Marks  []string
	NoHead bool // do not print the head
}

const (
	columnGap = 2
	markWidth = 2
	// narrowest is what is left of a column when there is little room.
	narrowest = 12
)

// Text draws the table in so many columns; 0 means without limit.
func (t Table) Text(width int, colour bool) []byte {
	var out bytes.Buffer
	if t.Marks != nil && width > 0 {
		width = max(width-markWidth, 1)
	}
	widths := t.widths(width)
	if !t.NoHead {
		out.WriteString(t.row(t.Head, "", widths) + "\n")
	}
	for i, row := range t.Rows {
		mark := ""
		if i < len(t.Marks) {
			mark = t.Marks[i]
		}
		text := t.row(row, mark, widths)
		if colour && mark != "" {
			text = ansi.Style{}.Bold().Styled(text)
		}
		out.WriteString(text + "\n")
	}
	return out.Bytes()
}

// widths of the columns: as their cells need, and where that is more than
// there is, the widest are cut first, the first column last. The last column
// gets what remains.
func (t Table) widths(limit int) []int {
	widths := make([]int, len(t.Head))
	rows := t.Rows
	if !t.NoHead {
		rows = append([][]string{t.Head}, rows...)
	}
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], columns(Printable(c)))
		}
	}
	if limit == 0 {
		return widths
	}
	last := len(widths) - 1
	rest := limit - columnGap*last
	for _, w := range widths[:last] {
		rest -= w
	}
	for ; rest < min(widths[last], limit/4); rest++ {
		widest := widestOf(widths[:last])
		if widths[widest] <= narrowest {
			break
		}
		widths[widest]--
	}
	widths[last] = max(min(rest, widths[last]), narrowest)
	return widths
}

// widestOf is the widest column but the first, unless that is the only one
// that can be cut.
func widestOf(widths []int) int {
	at := 0
	for i := len(widths) - 1; i > 0; i-- {
		if w := widths[i]; w > narrowest && (at == 0 || w >= widths[at]) {
			at = i
		}
	}
	return at
}

// row is one line, or more where the last cell is folded.
func (t Table) row(row []string, mark string, widths []int) string {
	var line strings.Builder
	if t.Marks != nil {
		line.WriteString(pad(mark, markWidth))
	}
	last := len(row) - 1
	for i, c := range row[:last] {
		line.WriteString(pad(t.cut(Printable(c), i, widths[i]), widths[i]+columnGap))
	}
	text := Printable(row[last])
	if columns(text) > widths[last] {
		indent := strings.Repeat(" ", columns(line.String()))
		text = strings.ReplaceAll(wrap(text, widths[last]), "\n", "\n"+indent)
	}
	return strings.TrimRight(line.String()+text, " ")
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-columns(s)))
}

// cut shortens a cell. Of an id the end stays, which has the version.
func (t Table) cut(s string, column, width int) string {
	over := columns(s) - width
	switch {
	case over <= 0:
		return s
	case column == 0 && t.Marks != nil:
		return ansi.TruncateLeft(s, over+1, "~")
	}
	return ansi.Truncate(s, width, "~")
}
