package hint

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// distance is optimal string alignment as it is defined.
func distance(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	i, j := len(a)-1, len(b)-1
	if a[i] == b[j] {
		return distance(a[:i], b[:j])
	}
	d := 1 + min(distance(a[:i], b[:j]), distance(a[:i], b), distance(a, b[:j]))
	if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
		d = min(d, 1+distance(a[:i-1], b[:j-1]))
	}
	return d
}

// TestTyposIsTheDefinition compares all texts of up to four letters.
func TestTyposIsTheDefinition(t *testing.T) {
	texts := []string{""}
	for i := 0; len(texts) < 121; i++ {
		for _, c := range "abc" {
			texts = append(texts, texts[i]+string(c))
		}
	}
	for _, a := range texts {
		for _, b := range texts {
			if got, want := typos(a, b), distance(a, b); got != want {
				t.Fatalf("%q %q: %d, want %d", a, b, got, want)
			}
		}
	}
}

// TestMisspelledLimits: how many errors are few depends on what was typed.
func TestMisspelledLimits(t *testing.T) {
	long := strings.Repeat("x", maxMisspelled)
	for _, c := range []struct {
		name, typed, entry string
		want               bool
	}{
		{"two letters are too few", "ab", "ac", false},
		{"two letters, even if equal", "ab", "ab", false},
		{"one letter", "a", "a", false},
		{"three take one error", "abc", "abd", true},
		{"but not two", "abc", "add", false},
		{"four take one", "abcd", "abce", true},
		{"but not two", "abcd", "abee", false},
		{"five take two", "abcde", "abcff", true},
		{"but not three", "abcde", "abfff", false},
		{"twelve take two", "abcdefghijkl", "abcdefghij", true},
		{"but not three", "abcdefghijkl", "abcdefghi", false},
		{"two more", "abcde", "abcdeff", true},
		{"three more", "abcde", "abcdefff", false},
		{"letter case", "ABCDE", "abcde", true},
		{"the longest", long, long[1:], true},
		{"one longer", long + "x", long, false},
		{"a longer name", long, long + "x", true},
		{"nothing", "", "", false},
		{"nothing of it", "abc", "", false},
	} {
		assert.Equal(t, c.want, Misspelled(c.typed, c.entry), "%s: %q %q", c.name, c.typed, c.entry)
	}
}

// TestDidYouMeanOrder: in the order of the names, as they are spelled, each once.
func TestDidYouMeanOrder(t *testing.T) {
	assert.Equal(t, "did you mean Zabc or abcd or abc?", DidYouMean("ABC", []string{"Zabc", "abcd", "Zabc", "abc", "other"}))
	assert.Empty(t, DidYouMean("abc", nil))
}

// TestErrorsAreTransparent: an error with a hint is its cause to everyone else.
func TestErrorsAreTransparent(t *testing.T) {
	cause := errors.New("cause")
	err := Wrap(cause, "do this")
	assert.Equal(t, &Error{Err: cause, Hint: "do this"}, err)
	assert.EqualError(t, err, "cause")
	assert.Equal(t, cause, errors.Unwrap(err))
	assert.NoError(t, Wrap(nil, ""))
	assert.Empty(t, Of(cause))
	assert.Equal(t, "outer", Of(fmt.Errorf("more: %w", Wrap(fmt.Errorf("and: %w", err), "outer"))))
	assert.Equal(t, "do this", Of(errors.Join(cause, err, Wrap(cause, "later"))), "the first of several")
	assert.EqualError(t, Errorf("h", "%s %d", "a", 1), "a 1")
	assert.Equal(t, "h", Of(Errorf("h", "a")))
	assert.Equal(t, fmt.Errorf("a %w", cause), Errorf("", "a %w", cause), "without a hint it is no Error")
}
