package main

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/assert"
)

func sampleTable() table {
	return table{
		head: []string{"  ENTRY", "TITLE", "VERSION", "NOTES"},
		rows: [][]string{
			{"* 0123456789abcdef0123456789abcdef-6.15.3-200.fc42.x86_64.conf", "Fedora Linux 42 (Workstation Edition)", "6.15.3-200.fc42.x86_64", "default, running"},
			{"  windows.conf", "日本語のとても長い題名です", "-", "no kexec: an EFI program, which only the firmware can start; systemctl reboot brings its menu"},
		},
	}
}

func TestTableIsWholeWithoutATerminal(t *testing.T) {
	text := string(sampleTable().text(0, false))
	assert.Equal(t, 3, strings.Count(text, "\n"))
	for _, row := range sampleTable().rows {
		for _, c := range row {
			assert.Contains(t, text, c)
		}
	}
}

func TestTableFitsTheTerminal(t *testing.T) {
	for _, width := range []int{60, 80, 120, 200} {
		text := string(sampleTable().text(width, false))
		for _, l := range strings.Split(text, "\n") {
			assert.LessOrEqual(t, ansi.StringWidth(l), width, l)
		}
		assert.Contains(t, strings.Join(strings.Fields(text), " "), "default, running", "what matters most is never cut")
		if width >= 80 {
			assert.Contains(t, text, "6.15.3-200.fc42.x86_64.conf", "the end of an id has the version")
		}
		assert.Contains(t, strings.Join(strings.Fields(text), " "), "menu", "a folded reason is there to its end")
	}
}

func TestTableNeverPanics(t *testing.T) {
	for width := range 100 {
		sampleTable().text(width, true)
	}
}

func TestTableColour(t *testing.T) {
	bold := string(sampleTable().text(80, true))
	assert.Contains(t, bold, "\x1b[1m* ")
	assert.Equal(t, string(sampleTable().text(80, false)), ansi.Strip(bold))
	none := sampleTable()
	none.bold = -1
	assert.NotContains(t, string(none.text(80, true)), "\x1b")
}
