package menu

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
)

// threeEntries is a menu whose plans show what was asked.
func threeEntries() Options {
	drawn := func(text string) func(term.View) []string {
		return func(v term.View) []string {
			var lines []string
			for line := range strings.SplitSeq(text, "\n") {
				lines = append(lines, v.Hang("", line)...)
			}
			return lines
		}
	}
	return Options{
		Host: "lab", Running: "6.15.3-arch1-1 (arch.conf)", Next: "arch-lts.conf",
		Rows: []Row{
			{ID: "arch.conf", Label: "arch.conf", Title: "Arch Linux", Version: "6.16.1-arch1-1", Notes: "running"},
			{ID: "arch-lts.conf", Label: "arch-lts.conf", Title: "Arch Linux LTS", Version: "6.12.40-1-lts", Notes: "default", Next: true},
			{ID: "windows.conf", Label: "windows.conf", Title: "Windows", Notes: "no kexec: an EFI program", Mark: term.Error},
			{ID: "locked.conf", Label: "locked.conf", Title: "Locked", Mark: term.Error},
		},
		Plan: func(id string, cmdline *string) Plan {
			switch id {
			case "windows.conf":
				return Plan{Draw: drawn("an EFI program"), Mark: term.Error, Refused: "it cannot be kexec'ed", Firmware: true}
			case "locked.conf":
				return Plan{Draw: drawn("kexec is disabled"), Mark: term.Error, Refused: "an error would end the reboot"}
			}
			line := "root=/dev/sda2 quiet"
			if cmdline != nil {
				line = *cmdline
			}
			return Plan{Draw: drawn("plan of " + id + "\ncmdline " + line), Cmdline: line, Mark: term.Warning, Firmware: true}
		},
	}
}

// A user types, and waits for every answer.
type user struct {
	t *testing.T
	m model
}

func sitDown(t *testing.T, opt Options) *user {
	u := &user{t: t, m: newModel(opt)}
	u.m.moment = 0
	u.send(restedEvent{})
	return u
}

// press takes keys by name, and sends what a terminal would; "'text" is typed letter
// by letter.
func (u *user) press(keys ...string) *user {
	sent := map[string]string{
		"up": "\x1b[A", "down": "\x1b[B", "home": "\x1b[H", "end": "\x1b[F", "pgup": "\x1b[5~", "pgdown": "\x1b[6~",
		"enter": "\r", "tab": "\t", "esc": "\x1b", "backspace": "\x7f", "ctrl+c": "\x03", "ctrl+u": "\x15", "ctrl+w": "\x17",
	}
	for _, k := range keys {
		text, isText := strings.CutPrefix(k, "'")
		if !isText {
			require.Contains(u.t, sent, k)
			text = sent[k]
		}
		in := input{buf: []byte(text)}
		for _, ev := range in.events(true) {
			u.send(ev)
		}
	}
	return u
}

func (u *user) send(ev any) {
	for ev != nil && !u.m.left {
		var c command
		u.m, c = u.m.update(ev)
		ev = nil
		if c != nil {
			ev = c()
		}
	}
}

func (u *user) screen() []string { return u.m.frame().lines }

func (u *user) content() string { return strings.Join(u.screen(), "\n") }

func (u *user) sees(text string) {
	u.t.Helper()
	assert.Contains(u.t, u.content(), text)
}

func TestMenuBeginsAtTheNextBoot(t *testing.T) {
	u := sitDown(t, threeEntries())
	u.sees("lab   running: 6.15.3-arch1-1 (arch.conf)   next: arch-lts.conf\n")
	u.sees("> ! Arch Linux LTS")
	u.sees("plan of arch-lts.conf")
	u.sees("2/4")
}

func TestMenuChoices(t *testing.T) {
	edited := "root=/dev/sda2 single"
	for _, tt := range []struct {
		name string
		keys []string
		want Choice
	}{
		{"next boot", []string{"enter", "'r"}, Choice{Action: Reboot, ID: "arch-lts.conf"}},
		{"the one above, loaded only", []string{"up", "enter", "'l"}, Choice{Action: Load, ID: "arch.conf"}},
		{"up stops at the first", []string{"up", "up", "up", "enter", "'R"}, Choice{Action: Reboot, ID: "arch.conf"}},
		{"filtered, any case", []string{"'LTS", "enter", "'r"}, Choice{Action: Reboot, ID: "arch-lts.conf"}},
		{"filtered by version", []string{"'6.16", "enter", "'r"}, Choice{Action: Reboot, ID: "arch.conf"}},
		{"filtered by note", []string{"'running", "enter", "'r"}, Choice{Action: Reboot, ID: "arch.conf"}},
		{"two words in any order", []string{"'12 linux", "enter", "'r"}, Choice{Action: Reboot, ID: "arch-lts.conf"}},
		{"letters", []string{"'archlts", "enter", "'r"}, Choice{Action: Reboot, ID: "arch-lts.conf"}},
		{"filter made shorter", []string{"'win", "backspace", "backspace", "backspace", "home", "enter", "'r"}, Choice{Action: Reboot, ID: "arch.conf"}},
		{"a word removed", []string{"'arch zzz", "ctrl+w", "home", "enter", "'r"}, Choice{Action: Reboot, ID: "arch.conf"}},
		{"edited", []string{"tab", "ctrl+w", "'single", "enter", "enter", "'r"}, Choice{Action: Reboot, ID: "arch-lts.conf", Cmdline: &edited}},
		{"edit given up", []string{"tab", "ctrl+w", "'single", "esc", "enter", "'r"}, Choice{Action: Reboot, ID: "arch-lts.conf"}},
		{"edited into the same", []string{"tab", "ctrl+w", "'quiet", "enter", "enter", "'r"}, Choice{Action: Reboot, ID: "arch-lts.conf"}},
		{"through firmware", []string{"enter", "'f"}, Choice{Action: Firmware, ID: "arch-lts.conf"}},
		{"what only firmware starts", []string{"'wind", "enter", "'r", "'l", "'f"}, Choice{Action: Firmware, ID: "windows.conf"}},
		{"asked, then not", []string{"enter", "esc", "esc"}, Choice{}},
		{"ctrl-c while asked", []string{"enter", "ctrl+c"}, Choice{}},
		{"ctrl-c while editing", []string{"tab", "ctrl+c"}, Choice{}},
		{"escape", []string{"esc"}, Choice{}},
		{"help, then escape twice", []string{"'?", "esc", "esc"}, Choice{}},
		{"first escape clears the filter", []string{"'q", "esc", "home", "enter", "'r"}, Choice{Action: Reboot, ID: "arch.conf"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := sitDown(t, threeEntries()).press(tt.keys...)
			assert.True(t, u.m.left)
			assert.Equal(t, tt.want, u.m.choice)
		})
	}
}

// A key that is held down, or a newline that is pasted, reboots nothing.
func TestMenuEnterDoesNotConfirm(t *testing.T) {
	u := sitDown(t, threeEntries()).press("enter", "enter", "enter")
	u.send(pasteEvent("r\n"))
	assert.False(t, u.m.left)
	u.sees("Reboot into arch-lts.conf?")
	u.sees("r reboot  l load  f firmware  Esc back")
}

func TestMenuRefuses(t *testing.T) {
	u := sitDown(t, threeEntries()).press("end", "enter", "enter", "'r")
	assert.False(t, u.m.left)
	u = sitDown(t, threeEntries()).press("end", "enter")
	u.sees("an error would end the reboot")
	u.press("up", "enter")
	u.sees("Through firmware into windows.conf?")
	u.sees("f firmware  Esc back")
	u.press("esc", "tab", "'zx") // nothing to edit: the letters go to the filter
	u.sees("> zx")
	u.sees(`No entry has "zx" in its title, version, id or notes.`)
	u.press("enter")
	assert.False(t, u.m.left)
}

func TestMenuSaysWhyItIsEmpty(t *testing.T) {
	u := sitDown(t, Options{Empty: "the boot partitions have no entries; put some there"}).press("enter", "tab", "end", "pgdown", "'x")
	u.sees("next: none")
	u.sees("the boot partitions have no entries")
	assert.False(t, u.m.left)
	assert.True(t, u.press("esc", "esc").m.left)
}

func TestMenuHelp(t *testing.T) {
	u := sitDown(t, threeEntries()).press("'?")
	u.sees("a click highlights")
	u.sees("any key back")
	u.press("'x")
	u.sees("plan of arch-lts.conf")
	assert.Empty(t, u.m.filter)
}

func TestMenuMouse(t *testing.T) {
	u := sitDown(t, threeEntries())
	click := func(y int) { u.send(clickEvent{y}) }
	click(above) // the first row
	u.sees("plan of arch.conf")
	click(above + 3)
	u.sees("kexec is disabled")
	click(above + 4) // the rule
	click(0)
	u.sees("kexec is disabled")
	u.send(wheelEvent{above, -1})
	u.sees("an EFI program\n")
	u.send(wheelEvent{above, 1})
	u.sees("kexec is disabled")
	click(above)
	click(above)
	u.sees("Reboot into arch.conf?")
	click(above)
	assert.False(t, u.m.left)
}

// An answer that comes after the line was edited is about another line.
func TestMenuDropsLatePlans(t *testing.T) {
	u := sitDown(t, threeEntries()).press("tab", "'  single", "enter")
	u.send(plannedEvent{id: "arch-lts.conf", plan: Plan{Draw: func(term.View) []string { return []string{"late"} }}})
	u.sees("single")
	assert.NotContains(t, u.content(), "late")
}

func TestMenuPlansOnlyWhereTheCursorRests(t *testing.T) {
	opt := threeEntries()
	var asked []string
	plan := opt.Plan
	opt.Plan = func(id string, line *string) Plan { asked = append(asked, id); return plan(id, line) }
	u := sitDown(t, opt)
	var commands []command
	for _, key := range []string{"up", "down", "down"} {
		var c command
		u.m, c = u.m.update(keyEvent{name: key})
		commands = append(commands, c)
	}
	for _, c := range commands {
		if c != nil { // planned before
			u.send(c())
		}
	}
	assert.Equal(t, []string{"arch-lts.conf", "windows.conf"}, asked)
}

func TestMenuPaste(t *testing.T) {
	u := sitDown(t, threeEntries()).press("tab", "ctrl+u")
	u.send(pasteEvent("ro\nquiet\x1b[31m\t3"))
	assert.Equal(t, "ro quiet[31m 3", u.m.line.String())
}

// No screen is larger than the terminal, whatever its size, and none panics.
func TestMenuFitsEveryTerminal(t *testing.T) {
	opt := threeEntries()
	for i := range 200 {
		opt.Rows = append(opt.Rows, Row{ID: fmt.Sprint(i), Label: strings.Repeat("machine", 9) + fmt.Sprint(i), Title: "日本語のとても長い題名です", Version: "6.1", Notes: strings.Repeat("x", 300)})
	}
	plan := opt.Plan
	opt.Plan = func(id string, line *string) Plan {
		p := plan(id, line)
		draw := p.Draw
		p.Draw = func(v term.View) []string {
			return append(draw(v), v.Hang("", strings.Repeat("日本"+strings.Repeat("long ", 60), 30))...)
		}
		return p
	}
	opt.View.Symbols = true
	for _, size := range [][2]int{{80, 24}, {200, 50}, {40, 10}, {20, 5}, {3, 3}, {1, 1}} {
		for _, keys := range [][]string{nil, {"end"}, {"'machine", "end"}, {"tab", "'a very long line that does not fit"}, {"enter"}, {"pgdown", "pgdown"}, {"'zzz"}, {"'?"}} {
			u := sitDown(t, opt)
			u.send(sizeEvent{size[0], size[1]})
			u.press(keys...)
			assert.LessOrEqual(t, len(u.screen()), size[1], "%v %v", size, keys)
			for _, l := range u.screen() {
				assert.LessOrEqual(t, ansi.StringWidth(l), size[0], "%v %v: %s", size, keys, l)
			}
			assert.Less(t, u.m.frame().column, size[0], "%v", size)
		}
	}
}

func TestMenuScrollsThePlan(t *testing.T) {
	opt := threeEntries()
	var lines []string
	for i := range 60 {
		lines = append(lines, fmt.Sprintf("line %d.", i))
	}
	opt.Plan = func(string, *string) Plan { return Plan{Draw: func(term.View) []string { return lines }} }
	u := sitDown(t, opt)
	u.sees("-- 1-15/60 arch-lts.conf -")
	u.press("pgdown")
	u.sees("line 15.")
	u.send(wheelEvent{20, 1})
	u.sees("19-33/60")
	u.press("pgdown", "pgdown", "pgdown", "pgdown")
	u.sees("line 59.")
	u.sees("46-60/60")
	assert.True(t, strings.HasSuffix(u.screen()[22], "#"), "the scroll mark is at the end")
	assert.True(t, strings.HasSuffix(u.screen()[8], "|"))
	u.press("pgup", "pgup", "pgup", "pgup")
	u.sees("line 0.")
}

func TestMenuColour(t *testing.T) {
	opt := threeEntries()
	assert.NotContains(t, sitDown(t, opt).content(), "\x1b")
	opt.View.Colour = true
	u := sitDown(t, opt)
	assert.Contains(t, u.content(), "\x1b[7mArch Linux LTS")
	assert.Contains(t, u.press("'6.16").press("home").content(), "\x1b", "marked")
	assert.Contains(t, marked(opt.View, "Arch Linux", []int{0, 1}), "\x1b[36mA")
}

// A long id keeps its end, where the version is.
func TestMenuKeepsTheEndOfLabels(t *testing.T) {
	opt := threeEntries()
	opt.Rows[0].Label = strings.Repeat("0123456789abcdef", 4) + "-6.15.3.conf"
	sitDown(t, opt).sees("~")
	sitDown(t, opt).sees("-6.15.3.conf")
}

// The header keeps what is next, where there is room for nothing else.
func TestMenuHeader(t *testing.T) {
	for width, want := range map[int]string{
		100: "lab   running: 6.15.3-arch1-1 (arch.conf)   next: arch-lts.conf", 40: "lab   next: arch-lts.conf", 20: "next: arch-lts.conf", 11: "next: ~conf",
	} {
		u := sitDown(t, threeEntries())
		u.send(sizeEvent{width, 24})
		assert.Equal(t, want, strings.TrimRight(u.screen()[0], " "))
	}
}
