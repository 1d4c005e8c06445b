package term

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/assert"
)

func sampleTable() Table {
	return Table{
		Head:  []string{"ENTRY", "TITLE", "VERSION", "NOTES"},
		Marks: []string{"*", ""},
		Rows: [][]string{
			{"0123456789abcdef0123456789abcdef-6.15.3-200.fc42.x86_64.conf", "Fedora Linux 42 (Workstation Edition)", "6.15.3-200.fc42.x86_64", "default, running"},
			{"windows.conf", "日本語のとても長い題名です", "-", "no kexec: an EFI program, which only the firmware can start; systemctl reboot brings its menu"},
		},
	}
}

func TestTableWithoutATerminal(t *testing.T) {
	text := string(sampleTable().Text(0, false))
	assert.Equal(t, 3, strings.Count(text, "\n"))
	for _, row := range sampleTable().Rows {
		for _, c := range row {
			assert.Contains(t, text, c)
		}
	}
	assert.True(t, strings.HasPrefix(text, "  ENTRY"))
	assert.Contains(t, text, "\n* 0123")
	assert.Contains(t, text, "\n  windows")
}

func TestTableWithoutMarksAndHead(t *testing.T) {
	table := Table{Head: []string{"OFFSET", "FROM"}, Rows: [][]string{{"0", "a"}, {"1234567", "b\nforged\x1b"}}}
	assert.Equal(t, "OFFSET   FROM\n0        a\n1234567  b forged\ufffd\n", string(table.Text(0, true)))
	table.NoHead = true
	assert.Equal(t, "0        a\n1234567  b forged\ufffd\n", string(table.Text(0, true)))
	assert.Equal(t, "HEAD\n", string(Table{Head: []string{"HEAD"}}.Text(80, true)))
}

func TestTableFitsTheTerminal(t *testing.T) {
	for _, width := range []int{60, 80, 120, 200} {
		text := string(sampleTable().Text(width, false))
		for _, l := range strings.Split(text, "\n") {
			assert.LessOrEqual(t, ansi.StringWidth(l), width, l)
		}
		words := strings.Join(strings.Fields(text), " ")
		assert.Contains(t, words, "default, running", "what matters most is never cut")
		if width >= 80 {
			assert.Contains(t, text, "6.15.3-200.fc42.x86_64.conf", "the end of an id has the version")
		}
		assert.Contains(t, words, "menu", "a folded reason is there to its end")
	}
}

// TestTableInEveryWidth: each row keeps its mark and the beginning of its last
// cell, however narrow it is.
func TestTableInEveryWidth(t *testing.T) {
	for width := 1; width < 100; width++ {
		lines := strings.Split(string(sampleTable().Text(width, false)), "\n")
		assert.True(t, strings.HasPrefix(lines[0], "  ENTRY"), "%d", width)
		assert.True(t, strings.HasPrefix(lines[1], "* "), "%d", width)
		assert.Contains(t, lines[1], "default,", "%d", width)
	}
}

func TestTableColour(t *testing.T) {
	bold := string(sampleTable().Text(80, true))
	assert.Contains(t, bold, "\x1b[1m* ")
	assert.Equal(t, 1, strings.Count(bold, "\x1b[1m"))
	assert.Equal(t, string(sampleTable().Text(80, false)), ansi.Strip(bold))
	none := sampleTable()
	none.Marks = []string{"", ""}
	assert.NotContains(t, string(none.Text(80, true)), "\x1b")
}
