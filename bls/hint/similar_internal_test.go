package hint

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDidYouMean(t *testing.T) {
	names := []string{"reboot", "reboot-required", "list", "load", "load", "unload"}
	for typed, want := range map[string]string{
		"rebot": "did you mean reboot?", "LIST": "did you mean list?", "lost": "did you mean list?", "laod": "did you mean load?", "unlaod": "did you mean unload?",
		"lad": "did you mean load?", "x": "", "": "", "frobnicate": "", strings.Repeat("reboot", 1000): "",
	} {
		assert.Equal(t, want, DidYouMean(typed, names), typed)
	}
	assert.Equal(t, "did you mean abc1 or abc2?", DidYouMean("abc", []string{"abc1", "abc2"}))
	assert.Empty(t, DidYouMean("abc", []string{"abc1", "abc2", "abc3", "abc4"}), "too many to help")
}

func TestTypos(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "ab", 2}, {"ab", "", 2}, {"ab", "ba", 1}, {"abc", "abd", 1}, {"abc", "ac", 1}, {"abc", "abxc", 1}, {"kitten", "sitting", 3}} {
		assert.Equal(t, c.want, typos(c.a, c.b), "%s %s", c.a, c.b)
		assert.Equal(t, c.want, typos(c.b, c.a), "%s %s", c.b, c.a)
	}
}
