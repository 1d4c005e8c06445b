package menu

import (
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// threeEntries is a menu whose plans tell what was asked.
func threeEntries() Options {
	return Options{
		Rows: []Row{
			{ID: "arch.conf", Label: "arch.conf", Title: "Arch Linux", Notes: "running"},
			{ID: "arch-lts.conf", Label: "arch-lts.conf", Title: "Arch Linux LTS", Notes: "default", Next: true},
			{ID: "windows.conf", Label: "windows.conf", Title: "Windows"},
		},
		Plan: func(id string, cmdline *string) Plan {
			if id == "windows.conf" {
				return Plan{Text: "an EFI program", Refused: "it cannot be kexec'ed"}
			}
			line := "root=/dev/sda2 quiet"
			if cmdline != nil {
				line = *cmdline
			}
			return Plan{Text: "plan of " + id + "\ncmdline " + line, Cmdline: line}
		},
	}
}

// A user types, and waits for every answer.
type user struct {
	t *testing.T
	m model
	// left says that the menu is closed.
	left bool
}

func sitDown(t *testing.T, opt Options) *user {
	u := &user{t: t, m: newModel(opt)}
	u.answer(u.m.Init())
	return u
}

func (u *user) answer(cmd tea.Cmd) {
	for cmd != nil {
		msg := cmd()
		if _, quit := msg.(tea.QuitMsg); quit {
			u.left = true
			return
		}
		var next tea.Model
		next, cmd = u.m.Update(msg)
		u.m = next.(model)
	}
}

// press takes keys by name; "'text" is typed letter by letter.
func (u *user) press(keys ...string) *user {
	named := map[string]tea.Key{
		"up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown}, "enter": {Code: tea.KeyEnter}, "tab": {Code: tea.KeyTab},
		"esc": {Code: tea.KeyEscape}, "home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd}, "pgdown": {Code: tea.KeyPgDown},
		"pgup": {Code: tea.KeyPgUp}, "backspace": {Code: tea.KeyBackspace}, "ctrl+c": {Code: 'c', Mod: tea.ModCtrl},
		"ctrl+u": {Code: 'u', Mod: tea.ModCtrl}, "ctrl+w": {Code: 'w', Mod: tea.ModCtrl},
	}
	for _, k := range keys {
		if text, ok := strings.CutPrefix(k, "'"); ok {
			for _, r := range text {
				u.send(tea.KeyPressMsg{Code: r, Text: string(r)})
			}
			continue
		}
		key, ok := named[k]
		require.True(u.t, ok, k)
		u.send(tea.KeyPressMsg(key))
	}
	return u
}

func (u *user) send(msg tea.Msg) {
	next, cmd := u.m.Update(msg)
	u.m = next.(model)
	u.answer(cmd)
}

func (u *user) screen() []string { return strings.Split(u.m.View().Content, "\n") }

func (u *user) sees(text string) {
	u.t.Helper()
	assert.Contains(u.t, u.m.View().Content, text)
}

func TestMenuBeginsAtTheNextBoot(t *testing.T) {
	u := sitDown(t, threeEntries())
	u.sees("3 entries, next boot: arch-lts.conf")
	u.sees("> arch-lts.conf")
	u.sees("plan of arch-lts.conf")
}

func TestMenuChoices(t *testing.T) {
	edited := "root=/dev/sda2 single"
	for _, tt := range []struct {
		name string
		keys []string
		want Choice
	}{
		{"next boot", []string{"enter", "enter"}, Choice{Action: Reboot, ID: "arch-lts.conf"}},
		{"the one above, loaded only", []string{"up", "enter", "'l"}, Choice{Action: Load, ID: "arch.conf"}},
		{"up stops at the first", []string{"up", "up", "up", "enter", "'r"}, Choice{Action: Reboot, ID: "arch.conf"}},
		{"filtered, any case", []string{"'LTS", "enter", "'y"}, Choice{Action: Reboot, ID: "arch-lts.conf"}},
		{"filtered by title", []string{"'linux", "home", "enter", "enter"}, Choice{Action: Reboot, ID: "arch.conf"}},
		{"filter taken back", []string{"'win", "backspace", "backspace", "backspace", "home", "enter", "enter"}, Choice{Action: Reboot, ID: "arch.conf"}},
		{"edited", []string{"tab", "ctrl+w", "'single", "enter", "enter", "enter"}, Choice{Action: Reboot, ID: "arch-lts.conf", Cmdline: &edited}},
		{"edit given up", []string{"tab", "ctrl+w", "'single", "esc", "enter", "enter"}, Choice{Action: Reboot, ID: "arch-lts.conf"}},
		{"edited into the same", []string{"tab", "ctrl+w", "'quiet", "enter", "enter", "enter"}, Choice{Action: Reboot, ID: "arch-lts.conf"}},
		{"asked, then not", []string{"enter", "esc", "esc"}, Choice{}},
		{"ctrl-c while asked", []string{"enter", "ctrl+c"}, Choice{}},
		{"ctrl-c while editing", []string{"tab", "ctrl+c"}, Choice{}},
		{"escape", []string{"esc"}, Choice{}},
		{"first escape clears the filter", []string{"'q", "esc", "enter", "enter"}, Choice{Action: Reboot, ID: "arch.conf"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := sitDown(t, threeEntries()).press(tt.keys...)
			assert.True(t, u.left)
			assert.Equal(t, tt.want, u.m.choice)
		})
	}
}

func TestMenuRefuses(t *testing.T) {
	u := sitDown(t, threeEntries()).press("end", "enter", "enter")
	assert.False(t, u.left)
	u.sees("it cannot be kexec'ed")
	u.press("tab", "'x") // nothing to edit: the letter goes to the filter
	u.sees("Filter: x")
	u.press("ctrl+u", "'zzz", "enter")
	u.sees("nothing matches the filter")
	assert.False(t, u.left)
}

// An answer that comes after the line was edited is about another line.
func TestMenuDropsLatePlans(t *testing.T) {
	u := sitDown(t, threeEntries()).press("tab", "'  single", "enter")
	u.send(plannedMsg{id: "arch-lts.conf", plan: Plan{Text: "late"}})
	u.sees("single")
	assert.NotContains(t, u.m.View().Content, "late")
}

func TestMenuPlansOnlyWhereTheCursorRests(t *testing.T) {
	opt := threeEntries()
	var asked []string
	plan := opt.Plan
	opt.Plan = func(id string, line *string) Plan { asked = append(asked, id); return plan(id, line) }
	u := sitDown(t, opt)
	next, first := u.m.Update(tea.KeyPressMsg{Code: tea.KeyUp})
	next, second := next.Update(tea.KeyPressMsg{Code: tea.KeyDown})
	next, third := next.Update(tea.KeyPressMsg{Code: tea.KeyDown})
	u.m = next.(model)
	u.answer(first)
	u.answer(second)
	u.answer(third)
	assert.Equal(t, []string{"arch-lts.conf", "windows.conf"}, asked)
}

func TestMenuPaste(t *testing.T) {
	u := sitDown(t, threeEntries()).press("tab", "ctrl+u")
	u.send(tea.PasteMsg{Content: "ro\nquiet\x1b[31m\t3"})
	assert.Equal(t, "ro quiet[31m 3", u.m.line.String())
}

// No screen is larger than the terminal, whatever its size, and none panics.
func TestMenuFitsEveryTerminal(t *testing.T) {
	opt := threeEntries()
	for i := range 200 {
		opt.Rows = append(opt.Rows, Row{ID: fmt.Sprint(i), Label: strings.Repeat("machine", 9) + fmt.Sprint(i), Title: "日本語のとても長い題名です", Notes: strings.Repeat("x", 300)})
	}
	plan := opt.Plan
	opt.Plan = func(id string, line *string) Plan {
		p := plan(id, line)
		p.Text += strings.Repeat("\n日本"+strings.Repeat("long ", 60), 30)
		return p
	}
	for _, size := range [][2]int{{80, 24}, {120, 40}, {40, 10}, {20, 5}, {3, 3}, {1, 1}} {
		for _, keys := range [][]string{nil, {"end"}, {"'machine", "end"}, {"tab", "'a very long line that does not fit"}, {"enter"}, {"pgdown", "pgdown"}, {"'zzz"}} {
			u := sitDown(t, opt)
			u.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			u.press(keys...)
			assert.LessOrEqual(t, len(u.screen()), size[1], "%v %v", size, keys)
			for _, l := range u.screen() {
				assert.LessOrEqual(t, ansi.StringWidth(l), size[0], "%v %v: %s", size, keys, l)
			}
			if c := u.m.View().Cursor; c != nil {
				assert.Less(t, c.X, size[0], "%v", size)
			}
		}
	}
}

func TestMenuScrollsThePlan(t *testing.T) {
	opt := threeEntries()
	var text strings.Builder
	for i := range 60 {
		fmt.Fprintf(&text, "line %d.\n", i)
	}
	opt.Plan = func(string, *string) Plan { return Plan{Text: text.String()} }
	u := sitDown(t, opt)
	u.sees("-- plan, lines 1 to 18 of 60 --")
	u.press("pgdown")
	u.sees("line 18.")
	u.press("pgdown", "pgdown", "pgdown", "pgdown")
	u.sees("line 59.")
	u.sees("lines 43 to 60 of 60")
	u.press("pgup", "pgup", "pgup", "pgup")
	u.sees("line 0.")
}

func TestMenuColour(t *testing.T) {
	opt := threeEntries()
	assert.NotContains(t, sitDown(t, opt).m.View().Content, "\x1b")
	opt.Colour = true
	assert.Contains(t, sitDown(t, opt).m.View().Content, "\x1b[7m> arch-lts.conf")
}

// A long id keeps its end, where the version is.
func TestMenuKeepsTheEndOfLabels(t *testing.T) {
	opt := threeEntries()
	opt.Rows[0].Label = strings.Repeat("0123456789abcdef", 4) + "-6.15.3.conf"
	sitDown(t, opt).sees("~")
	sitDown(t, opt).sees("-6.15.3.conf")
}
