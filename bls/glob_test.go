package bls_test

import (
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
