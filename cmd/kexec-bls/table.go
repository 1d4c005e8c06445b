package main

import (
	"bytes"
	"os"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// A table is rows of cells under a head. On a terminal it fits the width: the
// widest cells are cut, the last column is folded.
type table struct {
	head []string
	rows [][]string
	// bold is the row to point out where colour is allowed, -1 for none.
	bold int
}

const (
	columnGap = 2
	// narrowest is what is left of a column when room is short.
	narrowest = 12
)

// text draws the table for so many columns; 0 means without limit.
func (t table) text(width int, colour bool) []byte {
	widths := t.widths(width)
	var out bytes.Buffer
	for i, row := range append([][]string{t.head}, t.rows...) {
		lines := drawRow(row, widths)
		if colour && i > 0 && i-1 == t.bold {
			lines = ansi.Style{}.Bold().Styled(lines)
		}
		out.WriteString(lines + "\n")
	}
	return out.Bytes()
}

// widths of the columns: as their cells need, and where that is more than
// there is, the widest give first, the ids last. The notes are what remains.
func (t table) widths(limit int) []int {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, c := range row {
			widths[i] = max(widths[i], ansi.StringWidth(c))
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
		widest := widestOf(widths[1:last]) + 1
		if widths[widest] <= narrowest {
			widest = 0
		}
		if widths[widest] <= narrowest {
			break
		}
		widths[widest]--
	}
	widths[last] = max(min(rest, widths[last]), narrowest)
	return widths
}

func widestOf(widths []int) (at int) {
	for i, w := range widths {
		if w > widths[at] {
			at = i
		}
	}
	return at
}

// drawRow is one line, or more where the last cell is folded.
func drawRow(row []string, widths []int) string {
	var line strings.Builder
	last := len(row) - 1
	for i, c := range row[:last] {
		c = cutTo(c, widths[i], i == 0)
		line.WriteString(c + strings.Repeat(" ", widths[i]-ansi.StringWidth(c)+columnGap))
	}
	indent := strings.Repeat(" ", ansi.StringWidth(line.String()))
	folded := ansi.Wrap(row[last], widths[last], "")
	return strings.TrimRight(line.String()+strings.ReplaceAll(folded, "\n", "\n"+indent), " ")
}

// cutTo shortens a cell. Of an id the end stays, which has the version; its
// first two columns are the mark.
func cutTo(s string, width int, id bool) string {
	over := ansi.StringWidth(s) - width
	switch {
	case over <= 0:
		return s
	case id:
		return s[:2] + ansi.TruncateLeft(s[2:], over+1, "~")
	}
	return ansi.Truncate(s, width, "~")
}

// screen is the terminal that results go to, in columns and lines; 0 and 0
// where they do not go to one.
func (u *ui) screen() (width, height int) {
	f, ok := u.out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, 0
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return width, height
}
