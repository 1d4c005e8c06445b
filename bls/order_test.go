package bls_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/bls"
)

// TestCompareSteps has one pair a step of the comparison; a comes before b.
func TestCompareSteps(t *testing.T) {
	entry := func(name, text string) *bls.Entry {
		e, _ := bls.ParseEntry("loader/entries/"+name, []byte(text))
		return e
	}
	for step, v := range map[string][2]*bls.Entry{
		"1 bad after good":              {entry("a.conf", ""), entry("b+0.conf", "sort-key a\n")},
		"2 sort-key before none":        {entry("a.conf", "sort-key z\n"), entry("z.conf", "")},
		"3a sort-key, upper case first": {entry("a.conf", "sort-key B\n"), entry("z.conf", "sort-key a\n")},
		"3b machine-id, none first":     {entry("a.conf", "sort-key s\n"), entry("z.conf", "sort-key s\nmachine-id 0\n")},
		"3c version, newest first":      {entry("a.conf", "sort-key s\nversion 6.10\n"), entry("z.conf", "sort-key s\nversion 6.9\n")},
		"3c no version last":            {entry("a.conf", "sort-key s\nversion 0\n"), entry("z.conf", "sort-key s\n")},
		"3d profile":                    {entry("a.conf", "sort-key s\n"), entry("z.conf", "sort-key s\nprofile 1\n")},
		"4 id, newest first":            {entry("a-10.conf", ""), entry("a-9.conf", "")},
		"4 id, in any letter case":      {entry("N3.conf", ""), entry("n2.conf", "")},
		"4 version counts for nothing":  {entry("b.conf", "version 1\n"), entry("a.conf", "version 2\n")},
		"6 more attempts left":          {entry("a+5-1.conf", ""), entry("a+3-0.conf", "")},
		"6 fewer attempts made":         {entry("a+5-1.conf", ""), entry("a+5-2.conf", "")},
		"5 profiles of one image": {&bls.Entry{Type: bls.Type2, ID: "x.efi@z", Path: "EFI/Linux/x.efi", Profile: 1},
			&bls.Entry{Type: bls.Type2, ID: "x.efi@a", Path: "EFI/Linux/x.efi", Profile: 2}},
	} {
		assert.Negative(t, bls.Compare(v[0], v[1]), step)
		assert.Positive(t, bls.Compare(v[1], v[0]), step)
	}
	assert.Zero(t, bls.Compare(entry("a.conf", ""), entry("a+3.conf", "")), "one counter alone says nothing")
	assert.Zero(t, bls.Compare(entry("a_.conf", ""), entry("a.conf", "")), "separators say nothing")
}

// TestCompareIsAnOrder sorts shuffled entries: the result must not depend on
// how they lay.
func TestCompareIsAnOrder(t *testing.T) {
	var all []*bls.Entry
	for _, name := range []string{"a.conf", "b+0-1.conf", "b+1.conf", "c-1.conf", "c-10.conf", "D.conf"} {
		for _, text := range []string{"", "sort-key s\n", "sort-key s\nversion 2\n", "sort-key t\nmachine-id m\n"} {
			e, _ := bls.ParseEntry("loader/entries/"+name, []byte(text))
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, bls.Compare)
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		shuffled := slices.Clone(all)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		slices.SortStableFunc(shuffled, bls.Compare)
		for i := range all {
			assert.Zero(t, bls.Compare(all[i], shuffled[i]))
		}
	}
}
