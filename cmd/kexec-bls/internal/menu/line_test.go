package menu

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// shown writes the cursor as a bar.
func shown(l line) string { return string(l.text[:l.at]) + "|" + string(l.text[l.at:]) }

func TestLineKeys(t *testing.T) {
	for _, tt := range []struct {
		name string
		keys []string
		want string
	}{
		{"as it comes", nil, "root=/dev/sda2 rö quiet|"},
		{"left and delete", []string{"left", "delete"}, "root=/dev/sda2 rö quie|"},
		{"left at the beginning", []string{"home", "left", "backspace"}, "|root=/dev/sda2 rö quiet"},
		{"right at the end", []string{"right", "delete"}, "root=/dev/sda2 rö quiet|"},
		{"a word back", []string{"ctrl+left"}, "root=/dev/sda2 rö |quiet"},
		{"two words back", []string{"alt+b", "alt+b"}, "root=/dev/sda2 |rö quiet"},
		{"a word on", []string{"home", "alt+f", "ctrl+right"}, "root=/dev/sda2 rö| quiet"},
		{"a word out", []string{"ctrl+w", "ctrl+w"}, "root=/dev/sda2 |"},
		{"backspace over a wide rune", []string{"ctrl+left", "left", "backspace"}, "root=/dev/sda2 r| quiet"},
		{"to the beginning", []string{"alt+b", "ctrl+u"}, "|quiet"},
		{"to the end", []string{"alt+b", "ctrl+k"}, "root=/dev/sda2 rö |"},
		{"all", []string{"ctrl+u", "ctrl+w", "ctrl+k", "ctrl+d", "ctrl+h"}, "|"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLine("root=/dev/sda2 rö quiet")
			for _, k := range tt.keys {
				next, ok := l.key(k)
				assert.True(t, ok, k)
				l = next
			}
			assert.Equal(t, tt.want, shown(l))
		})
	}
}

func TestLineLeavesOtherKeysAlone(t *testing.T) {
	_, ok := newLine("x").key("tab")
	assert.False(t, ok)
}

// A line that was copied must not change with the copy.
func TestLineIsAValue(t *testing.T) {
	l := newLine("ro quiet")
	before := l
	l, _ = l.key("home")
	l = l.insert("x ")
	assert.Equal(t, "x |ro quiet", shown(l))
	assert.Equal(t, "ro quiet|", shown(before))
}

func FuzzLine(f *testing.F) {
	f.Add("root=/dev/sda2 ro", []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
	keys := []string{"left", "right", "home", "end", "alt+b", "alt+f", "backspace", "delete", "ctrl+w", "ctrl+u", "ctrl+k"}
	f.Fuzz(func(t *testing.T, text string, presses []byte) {
		l := newLine(text)
		for _, p := range presses {
			if int(p) < len(keys) {
				l, _ = l.key(keys[p])
			} else {
				l = l.insert(string(rune(p)))
			}
			if l.at < 0 || l.at > len(l.text) {
				t.Fatalf("the cursor is at %d of %d", l.at, len(l.text))
			}
		}
	})
}
