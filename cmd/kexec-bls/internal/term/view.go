package term

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// A View is what a screen is drawn for. The zero value is no terminal: results
// are lines for programs then.
type View struct {
	Width   int  // columns; 0: no terminal
	Colour  bool // colours and other attributes
	Symbols bool // ticks and crosses instead of words
}

// defaultWidth is that of a terminal that does not report its own, as a serial
// console.
const defaultWidth = 80

// View returns what results are drawn for: Given, else what Out is.
func (u *UI) View() View {
	if u.Given != nil {
		return *u.Given
	}
	if terminal(u.Out) == nil {
		return View{}
	}
	v := View{Width: defaultWidth, Colour: u.Colour()}
	if width, _ := u.Screen(); width > 0 {
		v.Width = width
	}
	v.Symbols = v.Colour && u.getenv("TERM") != "linux" && u.unicode()
	return v
}

// unicode reports whether the locale is one of UTF-8, as locale(7) has it.
func (u *UI) unicode() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := u.getenv(name); value != "" {
			value = strings.ToLower(value)
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return false
}

// String is the view for ParseView: "80,colour,symbols".
func (v View) String() string {
	text := strconv.Itoa(v.Width)
	if v.Colour {
		text += ",colour"
	}
	if v.Symbols {
		text += ",symbols"
	}
	return text
}

// ParseView reads what String returns. What it does not know is the zero value.
func ParseView(s string) View {
	parts := strings.Split(s, ",")
	width, err := strconv.Atoi(parts[0])
	if err != nil || width <= 0 {
		return View{}
	}
	return View{width, slices.Contains(parts, "colour"), slices.Contains(parts, "symbols")}
}

// A Mark is how something came out.
type Mark int

// Marks.
const (
	OK      Mark = iota
	Info         // worth knowing
	Partial      // not all of it could be seen
	Ignored      // an error that does not count
	Warning
	Error
)

type look struct {
	word, symbol, letter string
	style                ansi.Style
}

func (m Mark) look() look {
	plain := ansi.Style{}
	return map[Mark]look{
		OK:      {"ok", "✔", "+", plain.ForegroundColor(ansi.Green)},
		Info:    {"info", "•", "-", plain.ForegroundColor(ansi.Cyan)},
		Partial: {"partial", "?", "?", plain.ForegroundColor(ansi.Cyan)},
		Ignored: {"ignored", "✘", "x", plain.Faint()},
		Warning: {"warning", "⚠", "!", plain.ForegroundColor(ansi.Yellow).Bold()},
		Error:   {"error", "✘", "x", plain.ForegroundColor(ansi.Red).Bold()},
	}[m]
}

// Word is the mark in plain text.
func (m Mark) Word() string { return m.look().word }

// Mark draws a mark, with blanks to the width that all marks have.
func (v View) Mark(m Mark) string {
	l := m.look()
	text := l.word
	if v.Symbols {
		text = l.symbol
	}
	return v.styled(l.style, text) + strings.Repeat(" ", max(0, v.MarkWidth()-ansi.StringWidth(text)))
}

// Sign draws a mark in one column.
func (v View) Sign(m Mark) string {
	l := m.look()
	if v.Symbols {
		return v.styled(l.style, l.symbol)
	}
	return v.styled(l.style, l.letter)
}

// MarkWidth is how many columns a mark takes.
func (v View) MarkWidth() int {
	if v.Symbols {
		return 1
	}
	return len(Warning.Word())
}

// Marked draws a text in the colour of a mark.
func (v View) Marked(m Mark, text string) string { return v.styled(m.look().style, text) }

// Bold draws a text in bold.
func (v View) Bold(text string) string { return v.styled(ansi.Style{}.Bold(), text) }

// Faint draws a text that matters less.
func (v View) Faint(text string) string { return v.styled(ansi.Style{}.Faint(), text) }

// Reverse draws a text in reverse.
func (v View) Reverse(text string) string { return v.styled(ansi.Style{}.Reverse(true), text) }

func (v View) styled(s ansi.Style, text string) string {
	if !v.Colour || text == "" {
		return text
	}
	return s.Styled(text)
}

// Hang folds a text after a head; its further lines are indented to the same
// column. Where that leaves little room, they are indented less.
func (v View) Hang(head, text string) []string {
	indent := ansi.StringWidth(head)
	if v.Width > 0 && v.Width-indent < narrowest {
		indent = min(indent, 2)
	}
	if v.Width > 0 {
		text = wrap(text, v.Width-indent)
	}
	lines := carried(strings.Split(text, "\n"))
	if ansi.StringWidth(head) > indent { // on a line of its own
		lines = slices.Insert(lines, 0, strings.TrimRight(head, " "))
	} else {
		lines[0] = head + lines[0]
	}
	for i := range lines[1:] {
		lines[i+1] = strings.Repeat(" ", indent) + lines[i+1]
	}
	return lines
}

// carried ends each line with the attributes off, and begins the next with those
// that it ended with: a line may be cut out, and what is around it has its own.
func carried(lines []string) []string {
	const begin, off = "\x1b[", "\x1b[m"
	open := ""
	for i, line := range lines {
		line = open + line
		open = ""
		for rest := line; ; {
			_, after, found := strings.Cut(rest, begin)
			codes, next, ends := strings.Cut(after, "m")
			if !found || !ends {
				break
			}
			if open += begin + codes + "m"; codes == "" || codes == "0" {
				open = ""
			}
			rest = next
		}
		if open != "" {
			line += off
		}
		lines[i] = line
	}
	return lines
}

// wrap folds a text at blanks, and where a word is too long for a line. A hyphen
// is no place to fold: entries, kernels and findings are named with them.
func wrap(text string, width int) string {
	const hyphen = "\ue000" // of private use, and as wide
	folded := ansi.Wrap(strings.ReplaceAll(text, "-", hyphen), max(width, 1), "")
	return strings.ReplaceAll(folded, hyphen, "-")
}

// Draw writes lines that were drawn for the View, as they are.
func (u *UI) Draw(lines []string) {
	var out bytes.Buffer
	for _, line := range lines {
		out.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	fmt.Fprint(u.Out, out.String())
}
