package bls_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/bls"
)

func TestMatchID(t *testing.T) {
	for _, v := range []struct {
		pattern, id string
		want        bool
	}{
		{"arch.conf", "arch.conf", true},
		{"ARCH.conf", "Arch.CONF", true},
		{"arch", "arch.conf", false},
		{"arch*", "arch.conf", true},
		{"*", "", true},
		{"*", ".hidden.conf", true},
		{"?rch.conf", "arch.conf", true},
		{"?", "", false},
		{"a*b*c", "axxbyyc", true},
		{"a*b*c", "axxbyy", false},
		{"*.conf", "a.conf.conf", true},
		{"[a-d].conf", "c.conf", true},
		{"[a-d].conf", "e.conf", false},
		{"[!a-c].conf", "d.conf", false}, // no negation: "!" is a member
		{"[!a-c].conf", "!.conf", true},
		{"[]x].conf", "].conf", true},
		{"[-a].conf", "-.conf", true},
		{"[a-].conf", "-.conf", true},
		{"[a-c-f].conf", "e.conf", false}, // ranges do not chain
		{"[a-c-f].conf", "-.conf", true},
		{"[a-c-f].conf", "f.conf", true},
		{`\*.conf`, "*.conf", true},
		{`\*.conf`, "a.conf", false},
		{`[\]].conf`, "].conf", true},
		{`a\`, "a", false},
		{`a\`, `a\`, false},
		{`[a-\c].conf`, "b.conf", true},
		{`[a\`, "a", false},
		{`[a-`, "a", false},
		{`a?`, "a", false},
		{"[abc", "a", false},
		{"[", "[", false},
		{"", "", true},
		{"", "a", false},
		{"[[:alpha:]]", "a", false}, // no classes either
		{"ä*", "ärch.conf", true},
	} {
		assert.Equal(t, v.want, bls.MatchID(v.pattern, v.id), "%q against %q", v.pattern, v.id)
	}
}

// TestMatchIDIsQuick would not end with a matcher that tries every split.
func TestMatchIDIsQuick(t *testing.T) {
	var pattern, id string
	for range 200 {
		pattern, id = pattern+"a*", id+"aaaa"
	}
	assert.False(t, bls.MatchID(pattern+"b", id))
}

func FuzzMatchID(f *testing.F) {
	f.Add("[a-c-f]*?.conf", "arch.conf")
	f.Fuzz(func(t *testing.T, pattern, id string) {
		got := bls.MatchID(pattern, id)
		if got != bls.MatchID(bls.FoldID(pattern), bls.FoldID(id)) {
			t.Errorf("letter case decides: %q %q", pattern, id)
		}
		if !bls.MatchID("*", id) {
			t.Errorf("* does not match %q", id)
		}
	})
}

// token is a part of a pattern that matches one character, or a star.
type token struct {
	star  bool
	match func(rune) bool
}

// tokens reads a pattern in the plainest way.
func tokens(p []rune) []token {
	never := token{match: func(rune) bool { return false }}
	exactly := func(c rune) token { return token{match: func(x rune) bool { return x == c }} }
	switch {
	case len(p) == 0:
		return nil
	case p[0] == '*':
		return append([]token{{star: true}}, tokens(p[1:])...)
	case p[0] == '?':
		return append([]token{{match: func(rune) bool { return true }}}, tokens(p[1:])...)
	case p[0] == '\\' && len(p) == 1:
		return []token{never}
	case p[0] == '\\':
		return append([]token{exactly(p[1])}, tokens(p[2:])...)
	case p[0] != '[':
		return append([]token{exactly(p[0])}, tokens(p[1:])...)
	}
	var low, high []rune
	escaped := func(i int) (rune, int, bool) { // the character at i, and where the next is
		if i < len(p) && p[i] == '\\' {
			i++
		}
		if i >= len(p) {
			return 0, i, false
		}
		return p[i], i + 1, true
	}
	for i := 1; i < len(p); {
		if p[i] == ']' && i > 1 {
			set := token{match: func(x rune) bool {
				for n := range low {
					if low[n] <= x && x <= high[n] {
						return true
					}
				}
				return false
			}}
			return append([]token{set}, tokens(p[i+1:])...)
		}
		from, next, ok := escaped(i)
		if !ok {
			break
		}
		to := from
		if next+1 < len(p) && p[next] == '-' && p[next+1] != ']' {
			if to, next, ok = escaped(next + 1); !ok {
				break
			}
		}
		// The first one is a member even of a range that has no other.
		low, high, i = append(low, from, from), append(high, from, to), next
	}
	return []token{never}
}

func matches(tt []token, s []rune) bool {
	switch {
	case len(tt) == 0:
		return len(s) == 0
	case tt[0].star:
		return matches(tt[1:], s) || len(s) > 0 && matches(tt, s[1:])
	}
	return len(s) > 0 && tt[0].match(s[0]) && matches(tt[1:], s[1:])
}

// TestMatchIDIsThePlainWay compares with a matcher that tries everything.
func TestMatchIDIsThePlainWay(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	random := func(alphabet string, longest int) string {
		var s []byte
		for range r.IntN(longest + 1) {
			s = append(s, alphabet[r.IntN(len(alphabet))])
		}
		return string(s)
	}
	hits := 0
	for range 200_000 {
		pattern, id := random(`abc*?[]-\`, 8), random(`abc[]-\`, 5)
		want := matches(tokens([]rune(pattern)), []rune(id))
		if want {
			hits++
		}
		if got := bls.MatchID(pattern, id); got != want {
			t.Fatalf("%q against %q: %v, want %v", pattern, id, got, want)
		}
	}
	assert.Greater(t, hits, 1000)
}
