package menu

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func key(name string) keyEvent { return keyEvent{name: name} }

func typed(text string) keyEvent { return keyEvent{text, text} }

// Each is what a terminal sends; all comes at once, and again byte by byte.
func TestInput(t *testing.T) {
	for _, tt := range []struct {
		name, sent string
		want       []any
	}{
		{"letters", "aR?", []any{typed("a"), typed("R"), typed("?")}},
		{"letters of two and four bytes", "ö😀", []any{typed("ö"), typed("😀")}},
		{"bytes that are no UTF-8", "a\xff\xc3b", []any{typed("a"), typed("b")}},
		{"control characters", "\r\n\t\x7f\x08\x03\x17\x00\x1c", []any{key("enter"), key("ctrl+j"), key("tab"), key("backspace"), key("ctrl+h"), key("ctrl+c"), key("ctrl+w")}},
		{"the cursor", "\x1b[A\x1b[B\x1b[C\x1b[D", []any{key("up"), key("down"), key("right"), key("left")}},
		{"the cursor in its other mode", "\x1bOA\x1bOB\x1bOP\x1bOz", []any{key("up"), key("down"), key("f1")}},
		{"xterm", "\x1b[H\x1b[F\x1b[3~\x1b[5~\x1b[6~", []any{key("home"), key("end"), key("delete"), key("pgup"), key("pgdown")}},
		{"the console of Linux, vt220", "\x1b[1~\x1b[4~\x1b[[Ax\x1b[[By", []any{key("home"), key("end"), key("f1"), typed("x"), typed("y")}},
		{"rxvt", "\x1b[7~\x1b[8~\x1b[11~\x1b[a\x1b[b\x1b[c\x1bOd\x1bOc\x1bOa", []any{key("home"), key("end"), key("f1"), key("shift+up"), key("shift+down"), key("shift+right"), key("ctrl+left"), key("ctrl+right"), key("ctrl+up")}},
		{"keys that are held", "\x1b[1;2A\x1b[1;5D\x1b[1;3C\x1b[3;5~\x1b[1;6B", []any{key("shift+up"), key("ctrl+left"), key("alt+right"), key("ctrl+delete"), key("ctrl+shift+down")}},
		{"modifiers that are none", "\x1b[1;0A\x1b[1;:B\x1b[1;99999999999999999999C\x1b[1;D", []any{key("up"), key("down"), key("right"), key("left")}},
		{"alt", "\x1bb\x1bfx\x1b\x7f", []any{key("alt+b"), key("alt+f"), typed("x"), key("alt+backspace")}},
		{"escape twice", "\x1b\x1b[A", []any{key("esc"), key("up")}},
		{"keys that mean nothing", "\x1b[15~\x1b[99999999999999999999~\x1b[x~\x1b[200;1Rq", []any{typed("~"), typed("q")}},
		{"a sequence that is cut off", "\x1b[1;\x1b[A\x1b[1\rz", []any{key("up"), key("enter"), typed("z")}},
		{"the mouse", "\x1b[<0;5;4M\x1b[<0;5;4m\x1b[<64;1;9M\x1b[<65;1;9M\x1b[<66;1;9M\x1b[<2;1;9Mq", []any{clickEvent{3}, wheelEvent{8, -1}, wheelEvent{8, 1}, typed("q")}},
		{"no mouse", "\x1b[<0;5;0M\x1b[<0;5M\x1b[<0;5;xMq", []any{typed("M"), typed("q")}},
		{"a mouse of old", "\x1b[M abq", []any{typed("q")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			whole := input{buf: []byte(tt.sent)}
			assert.Equal(t, tt.want, whole.events(false))
			var slow input
			var got []any
			for _, b := range []byte(tt.sent) {
				slow.buf = append(slow.buf, b)
				got = append(got, slow.events(false)...)
			}
			assert.Equal(t, tt.want, got)
			assert.Empty(t, slow.buf)
		})
	}
}

// What has not become whole after a moment is no longer waited for; an escape
// alone is the key.
func TestInputWaited(t *testing.T) {
	for _, tt := range []struct {
		sent string
		want []any
	}{
		{"\x1b", []any{key("esc")}},
		{"\x1b[", nil}, {"\x1b[1;5", nil}, {"\x1bO", nil}, {"\x1b[[", nil}, {"\x1b[M ", nil}, {"\xc3", nil}, {"\x1b\xc3", nil},
	} {
		in := input{buf: []byte(tt.sent)}
		assert.Empty(t, in.events(false), "%q", tt.sent)
		assert.Equal(t, tt.want, in.events(true), "%q", tt.sent)
		assert.Empty(t, in.buf, "%q", tt.sent)
	}
}

// A pasted text is no keys, wherever it is cut.
func TestInputPaste(t *testing.T) {
	const sent = "a\x1b[200~rö\r\x1b[A\x1b[201\x1b[201~b"
	for cut := range sent {
		in := input{buf: []byte(sent[:cut])}
		got := in.events(false)
		in.buf = append(in.buf, sent[cut:]...)
		got = append(got, in.events(false)...)
		var pasted strings.Builder
		for _, ev := range got[1 : len(got)-1] {
			text, ok := ev.(pasteEvent)
			assert.True(t, ok, "%q", ev)
			pasted.WriteString(string(text))
		}
		assert.Equal(t, "rö\r[A[201", pasted.String())
		assert.Equal(t, []any{typed("a"), typed("b")}, []any{got[0], got[len(got)-1]})
	}
}

// No bytes hold up those after them: with time, all are taken.
func FuzzInput(f *testing.F) {
	f.Add([]byte("a\x1b[200~rö\r\x1b[A\x1b[201~b"), []byte("\x1b[<0;5;4M\x1b[[A\x1bOA\xc3"))
	f.Add([]byte("\x1b[M"), []byte("\x1b[1;99999999999A"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		whole := input{buf: append(append([]byte{}, first...), second...)}
		want := textOf(whole.events(false))
		parts := input{buf: append([]byte{}, first...)}
		got := textOf(parts.events(false))
		parts.buf = append(parts.buf, second...)
		got += textOf(parts.events(false))
		if got != want {
			t.Fatalf("cut after %d bytes: %q, whole: %q", len(first), got, want)
		}
		if parts.events(true); len(parts.buf) != 0 {
			t.Fatalf("%q is left", parts.buf)
		}
	})
}

// textOf writes events so that the parts of a paste are one.
func textOf(events []any) string {
	var b strings.Builder
	for _, ev := range events {
		switch ev := ev.(type) {
		case pasteEvent:
			b.WriteString(string(ev))
		case keyEvent:
			b.WriteString("<" + ev.name + "," + ev.text + ">")
		case clickEvent:
			b.WriteString("<click>")
		case wheelEvent:
			b.WriteString("<wheel>")
		}
	}
	return b.String()
}
