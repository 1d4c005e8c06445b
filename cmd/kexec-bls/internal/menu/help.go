package menu

import (
	"fmt"

	"github.com/charmbracelet/x/ansi"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
)

// foot is what the keys do in the mode, the most important first, as far as there
// is room.
func (m model) foot() string {
	v := m.view()
	text, width := "", 0
	for _, k := range m.footKeys() {
		item := k[0] + " " + k[1]
		if width > 0 {
			width += columnGap
		}
		if width += ansi.StringWidth(item); width > m.width {
			break
		}
		if text != "" {
			text += "  "
		}
		text += v.Bold(k[0]) + " " + k[1]
	}
	return text
}

func (m model) footKeys() [][2]string {
	row, ok := m.row()
	plan := m.plans[row.ID]
	switch {
	case m.mode == helping:
		return [][2]string{{"any key", "back"}}
	case m.mode == editing:
		return [][2]string{{"Enter", "keep"}, {"Esc", "back"}, {"Ctrl-U", "clear"}, {"Ctrl-W", "delete word"}}
	case m.mode == confirming:
		var keys [][2]string
		if plan.Refused == "" {
			keys = append(keys, [2]string{"r", "reboot"}, [2]string{"l", "load"})
		}
		if plan.Firmware {
			keys = append(keys, [2]string{"f", "firmware"})
		}
		return append(keys, [2]string{"Esc", "back"})
	case len(m.opt.Rows) == 0:
		return [][2]string{{"Esc", "leave"}}
	case !ok:
		return [][2]string{{"Esc", "clear the search"}, {"?", "help"}}
	}
	leave := [2]string{"Esc", "leave"}
	if m.filter != "" {
		leave[1] = "clear"
	}
	return [][2]string{{"Enter", "choose"}, leave, {"?", "help"}, {"Tab", "edit"}, {"PgUp/PgDn", "plan"}, {"Up/Down", "move"}}
}

// helpText is every key, in so many lines.
func helpText(v term.View, height int) []string {
	var lines []string
	for _, k := range [][2]string{
		{"letters", "search title, version, id and notes; several words must all match"},
		{"Up Down", "move; also Ctrl-P and Ctrl-N, Home and End"},
		{"PgUp PgDn", "scroll the plan; Shift-Up and Shift-Down by a line"},
		{"Enter", "choose the entry; then r reboots, l only loads, f goes through firmware"},
		{"Tab", "edit the kernel command line"},
		{"Ctrl-U", "clear the search; Ctrl-W deletes a word"},
		{"mouse", "a click highlights, a second one chooses, the wheel scrolls; Shift selects text"},
		{"Esc", "back, clear the search, leave; Ctrl-C leaves at once"},
	} {
		lines = append(lines, v.Hang(fmt.Sprintf("  %-10s ", k[0]), k[1])...)
	}
	for len(lines) < height {
		lines = append(lines, "")
	}
	return lines[:max(0, min(len(lines), height))]
}
