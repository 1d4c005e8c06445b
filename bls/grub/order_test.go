package grub

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCompareFedora(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef-"
	for _, c := range []struct {
		higher, lower string
	}{
		{id + "6.18.0+", id + "6.18.0"},
		{id + "6.18.0.1", id + "6.18.0+"},
		{id + "6.18.0", id + "6.17.4-300.fc43.x86_64"},
		{id + "6.17.4-300.fc43.x86_64", id + "0-rescue"},
		{id + "6.17.4-300.fc43.x86_64+debug", id + "6.17.4-300.fc43.x86_64"},
		{id + "6.10.3-200.fc43", id + "6.9.12-200.fc43"},
		{id + "6.18.0-1", id + "6.18.0~rc1-1"},
		{id + "6.018.1-1", id + "6.18.0-1"},
		{id + "6.18.0^git1-1", id + "6.18.0-1"},
		{"ostree-2-fedora", "ostree-1"},
		{"9", "linux"}, // digits are above letters
		{"x", "x~1"},
		{"a-10", "a-2"},
	} {
		assert.Positive(t, CompareFedora(c.higher, c.lower), "%s > %s", c.higher, c.lower)
		assert.Negative(t, CompareFedora(c.lower, c.higher), "%s < %s", c.lower, c.higher)
	}
	for _, c := range [][2]string{{"6.18.0-1", "6.018.0-1"}, {"a-1.0", "a-1_0"}, {"a~b", "a~b"}, {"1+2", "1+2"}} {
		assert.Zero(t, CompareFedora(c[0], c[1]), c)
	}
}

func TestCompareUpstream(t *testing.T) {
	names := []string{ // in menu order
		"linux.conf", "linux-lts.conf", "fedora.conf", "f3a1-6.18.conf", "b+1.conf", "a-10.conf", "a-2.conf",
		"6a98-6.18.0-1.conf", "6a98-6.18.0+.conf", "6a98-6.18.0.conf", "6a98-6.18.0~rc1.conf", "6a98-6.9.12.conf",
		".hidden-9.conf",
	}
	sorted := slices.Clone(names)
	slices.SortFunc(sorted, func(a, b string) int { return CompareUpstream(b, a) })
	for i, name := range []string{"linux-lts.conf", "linux.conf"} { // "-" is above an end
		assert.Equal(t, name, sorted[i])
	}
	assert.Equal(t, names[2:7], sorted[2:7])
	assert.Equal(t, ".hidden-9.conf", sorted[12])
	assert.Positive(t, CompareUpstream("ostree-2-fedora.conf", "ostree-2.conf"))
	assert.Positive(t, CompareUpstream("linux.conf", "6a98.conf"))
	assert.Negative(t, CompareUpstream("x~1.conf", "x.conf"))
	assert.Zero(t, CompareUpstream("a-01.conf", "a-1.conf"))
}

// Upstream's GRUB lists nothing after the second of two names that it takes for equal.
func TestEqualNamesEndTheMenu(t *testing.T) {
	d := entries("a-01", "b", "a-1")
	b := Next(d.machine("insmod blsuki\nblscfg\n"))
	var u *UndeterminedError
	require.ErrorAs(t, b.Err, &u)
	assert.Contains(t, u.Error(), "a-01.conf and a-1.conf")
	b = Next(d.machine("insmod blscfg\nblscfg\n"))
	require.NoError(t, b.Err)
	assert.Len(t, b.Menu, 2, "Fedora's leaves one out")
}

func FuzzCompare(f *testing.F) {
	f.Add("6.18.0+", "6.18.0~rc1")
	f.Add("a-1.0-2", "a--b")
	f.Fuzz(func(t *testing.T, a, b string) {
		for name, compare := range map[string]func(a, b string) int{"Fedora": CompareFedora, "upstream": CompareUpstream} {
			if x, y := compare(a, b), compare(b, a); x != -y {
				t.Fatalf("%s: %q %q: %d and %d", name, a, b, x, y)
			}
			if compare(a, a) != 0 {
				t.Fatalf("%s: %q differs from itself", name, a)
			}
		}
	})
}
