package term

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestView(t *testing.T) {
	screen, _ := openTerminal(t, 97, 31)
	serial, _ := openTerminal(t, 0, 0)
	utf8 := map[string]string{"LANG": "de_DE.UTF-8"}
	for _, tt := range []struct {
		name string
		ui   *UI
		want View
	}{
		{"terminal", &UI{Out: screen, Env: env(utf8)}, View{97, true, true}},
		{"no size", &UI{Out: serial, Env: env(utf8)}, View{80, true, true}},
		{"not a terminal", &UI{Out: &bytes.Buffer{}, Env: env(map[string]string{"SYSTEMD_COLORS": "1"})}, View{}},
		{"NO_COLOR", &UI{Out: screen, Env: env(map[string]string{"LANG": "C.utf8", "NO_COLOR": "1"})}, View{97, false, false}},
		{"dumb", &UI{Out: screen, Env: env(map[string]string{"LANG": "C.utf8", "TERM": "dumb"})}, View{97, false, false}},
		{"console without the characters", &UI{Out: screen, Env: env(map[string]string{"LANG": "C.UTF-8", "TERM": "linux"})}, View{97, true, false}},
		{"another locale", &UI{Out: screen, Env: env(map[string]string{"LC_ALL": "C", "LANG": "C.UTF-8"})}, View{97, true, false}},
		{"the locale of characters", &UI{Out: screen, Env: env(map[string]string{"LC_CTYPE": "C.UTF-8", "LANG": "C"})}, View{97, true, true}},
		{"given", &UI{Out: screen, Given: &View{Width: 7}}, View{Width: 7}},
	} {
		assert.Equal(t, tt.want, tt.ui.View(), tt.name)
		assert.Equal(t, tt.want, ParseView(tt.want.String()), tt.name)
	}
	for _, s := range []string{"", "0", "x", "-3,colour", "99999999999999999999"} {
		assert.Zero(t, ParseView(s), s)
	}
}

func TestMarksAreOfOneWidth(t *testing.T) {
	for _, v := range []View{{Width: 80}, {Width: 80, Symbols: true}} {
		for m := OK; m <= Error; m++ {
			assert.Len(t, []rune(v.Mark(m)), v.MarkWidth())
			assert.NotEmpty(t, m.Word())
		}
	}
	assert.Contains(t, View{Width: 80, Colour: true}.Mark(Error), "\x1b[")
}

func TestHang(t *testing.T) {
	for _, tt := range []struct {
		width int
		want  []string
	}{
		{0, []string{"kernel: a long text of words"}},
		{28, []string{"kernel: a long text of words"}},
		{21, []string{"kernel: a long text", "        of words"}},
		{20, []string{"kernel: a long text", "        of words"}},
		{14, []string{"kernel:", "  a long text", "  of words"}},
	} {
		assert.Equal(t, tt.want, View{Width: tt.width}.Hang("kernel: ", "a long text of words"), tt.width)
	}
	assert.Equal(t, []string{"see", "[kexec-missed]"}, View{Width: 14}.Hang("", "see [kexec-missed]"), "a name stays whole")
}

// Attributes end with each line, and go on in the next.
func TestHangCarriesAttributes(t *testing.T) {
	v := View{Width: 16, Colour: true}
	assert.Equal(t, []string{"a: \x1b[1mone two three\x1b[m", "   \x1b[1mfour\x1b[m five"}, v.Hang("a: ", v.Bold("one two three four")+" five"))
	assert.Equal(t, []string{"\x1b[1m\x1b[2mone two three\x1b[m", "\x1b[1m\x1b[2mfour\x1b[m"}, v.Hang("", "\x1b[1m\x1b[2mone two three four"))
}
