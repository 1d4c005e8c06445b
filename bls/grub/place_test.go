package grub

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNamed(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a", "A", false}, {"a", "", false}, {"", "", false}, {"", ">", false},
		{"ab", "a", false}, {"a", "ab", false}, {"a", "a>", true}, {"a", "a>b", true}, {"ab", "a>b", false},
		{"a>b", "a>b", false}, {"a>b", "a>>b", true}, {"a>b", "a>>b>c", true}, {"a>", "a>>", true}, {"a>", "a>", false}, {"a", "a>>", false},
		{">", ">>", true}, {">>", ">>>>", true}, {"a>>b", "a>>>>b", true}, {"a>>b", "a>>b", false}, {"a b", "a b", true}, {"a", "a b", false},
	} {
		assert.Equal(t, c.want, named(c.name, c.value), "%q is %q", c.name, c.value)
	}
}

// TestNamedRoundTrip: a name with each ">" doubled names itself and nothing else.
func TestNamedRoundTrip(t *testing.T) {
	names := []string{"a", "a>", ">a", "a>b", ">>", "a>>b", "ab", "a b", "b"}
	for _, name := range names {
		value := strings.ReplaceAll(name, ">", ">>")
		for _, other := range names {
			assert.Equal(t, name == other, named(other, value), "%q %q", other, value)
			assert.Equal(t, name == other, named(other, value+">x"), "%q %q", other, value)
		}
	}
}

func TestCutBlank(t *testing.T) {
	for s, want := range map[string][2]string{"a": {"a", ""}, "a b c": {"a", "b c"}, "a\tb": {"a", "b"}, " a": {"", "a"}, "a\n": {"a", ""}, "a  b": {"a", " b"}} {
		before, after, found := cutBlank(s)
		assert.Equal(t, want, [2]string{before, after}, "%q", s)
		assert.Equal(t, len(s) != len(before), found, "%q", s)
	}
}

// placed is a runner whose menu has the ids and titles given as "id=title".
func placed(flavor Flavor, items ...string) *runner {
	r := disk{}.bare()
	r.flavor = flavor
	for _, s := range items {
		id, title, _ := strings.Cut(s, "=")
		r.menu = append(r.menu, &Item{ID: id, Title: title, flavor: flavor})
	}
	return r
}

// TestPlace: which item a value names, and what of the value is left, as fallback uses it.
func TestPlace(t *testing.T) {
	items := []string{"a=One", "b=a", "c=One", "2=Two words", "d=b", "e.conf=E"}
	type result struct {
		n    int
		rest string
		ok   bool
	}
	for value, want := range map[string]struct{ fedora, suse, upstream result }{
		"a":         {result{0, "", true}, result{0, "", true}, result{0, "", true}},
		"b":         {result{1, "", true}, result{1, "", true}, result{1, "", true}},
		"One":       {result{0, "", true}, result{0, "", true}, result{0, "", true}},
		"E":         {result{5, "", true}, result{5, "", true}, result{5, "", true}},
		"e":         {result{5, "", true}, result{5, "", true}, result{}},
		"b>>":       {}, // the name "b>"
		"a x":       {result{}, result{}, result{}},
		"a>x":       {result{0, "", true}, result{0, "", true}, result{0, "", true}},
		"2":         {result{3, "", true}, result{3, "", true}, result{2, "", true}},
		"2 1":       {result{}, result{}, result{2, " 1", true}},
		"Two words": {result{3, "", true}, result{3, "", true}, result{3, "", true}},
		"1":         {result{1, "", true}, result{1, "", true}, result{1, "", true}},
		"1 x":       {result{}, result{}, result{1, " x", true}},
		"99":        {result{99, "", true}, result{99, "", true}, result{99, "", true}},
		"a.conf":    {result{}, result{0, "", true}, result{}},
		"e.conf":    {result{}, result{5, "", true}, result{5, "", true}},
		"":          {},
		"none":      {},
	} {
		for flavor, want := range map[Flavor]result{Fedora: want.fedora, SUSE: want.suse, Upstream: want.upstream} {
			n, rest, ok := placed(flavor, items...).place(value)
			require.Equal(t, want.ok, ok, "%s %q", flavor, value)
			if ok {
				assert.Equal(t, want, result{n, rest, ok}, "%s %q", flavor, value)
			}
		}
	}
}

// TestDoubledSuffix: an entry x.conf.conf has the id x with Fedora's GRUB, also where
// it saves what it boots.
func TestDoubledSuffix(t *testing.T) {
	d := entries("z", "x.conf")
	d["grub2/grubenv"] = string(pad("saved_entry=x.conf\n", 200))
	cfg := "save_default=true\nfunction savedefault {\n saved_entry=${chosen}\n save_env saved_entry\n}\nblscfg\n"
	b := Next(d.machine("insmod blscfg\ndefault=x\n" + cfg))
	require.NoError(t, b.Err)
	assert.Equal(t, "x.conf", b.Default.ID)
	require.Len(t, b.Writes, 1)
	assert.Equal(t, string(pad("saved_entry=x\n", 200)), string(b.Writes[0].Block))
	b = Next(d.machine("insmod blscfg\ndefault=x.conf\nblscfg\n"))
	require.NoError(t, b.Err)
	assert.Equal(t, "z", b.Default.ID)
	assert.Equal(t, []string{`grub.cfg default "x.conf" names no menu entry; GRUB takes the first; "x" would match`}, b.Missed)
	b = Next(d.machine("insmod blsuki\ndefault=x.conf\nblscfg\n"))
	require.NoError(t, b.Err)
	assert.Equal(t, "x.conf", b.Default.ID, "upstream takes it off once")
}

func TestPlaces(t *testing.T) {
	r := placed(Fedora, "a=One", "b=Two")
	assert.Same(t, r.menu[1], r.places("b"))
	assert.Same(t, r.menu[1], r.places("1"))
	for _, value := range []string{"2", "none", "", "b x"} {
		assert.Nil(t, r.places(value), value)
	}
}

// TestTwinsHaveBothNames: whichever of two entries that compare equal is meant, it is
// the place that they share.
func TestTwinsHaveBothNames(t *testing.T) {
	r := placed(Fedora, "a=One", "b=Two")
	r.menu[1].twins = []*Item{{ID: "b2", Title: "Twin"}}
	for _, value := range []string{"b", "b2", "Two", "Twin", "1"} {
		assert.Same(t, r.menu[1], r.places(value), value)
	}
	_, _, err := r.start(r.menu[1])
	assert.EqualError(t, err, "cannot determine what GRUB boots: GRUB lists only one of the entries b and b2, which compare equal")
}

func TestLikely(t *testing.T) {
	r := placed(Fedora, "w=W", "a=One", "B.conf=Two", "x")
	r.menu[3].Kind = Other
	for value, want := range map[string]*Item{
		"a": r.menu[1], "A": r.menu[1], " a\n": r.menu[1], "a.conf": r.menu[1], "b": r.menu[2], "b.conf": r.menu[2], "One": nil, "x": nil, "": nil, "1": nil, "a.CONF": nil, "a.conf.conf": nil,
	} {
		assert.Equal(t, want, r.likely(value), "%q", value)
	}
}

// TestRules: the variable that a choice comes from, for a message.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		name, env, cfg, rule, missed string
	}{
		{"nothing", "", "", "first in GRUB's menu", ""},
		{"saved", "saved_entry=b\n", "default=$saved_entry", "grubenv saved_entry", ""},
		{"of grub.cfg", "", "default=1", "grub.cfg default", ""},
		{"of grub.cfg beside saved", "saved_entry=b\n", "default=1", "grub.cfg default", ""},
		{"next", "next_entry=b\nsaved_entry=a\n", "default=$next_entry\nset next_entry=\nsave_env next_entry", "grubenv next_entry", ""},
		{"next is the saved one", "next_entry=b\nsaved_entry=b\n", "default=$next_entry\nset next_entry=\nsave_env next_entry", "grubenv next_entry", ""},
		{"next is not used", "next_entry=b\nsaved_entry=a\n", "default=$saved_entry\nset next_entry=\nsave_env next_entry", "grubenv saved_entry", ""},
		{"saved names nothing", "saved_entry=x\n", "default=$saved_entry", "first in GRUB's menu", `grubenv saved_entry "x" names no menu entry; GRUB takes the first`},
		{"too large", "", "default=2", "first in GRUB's menu", `grub.cfg default "2" names no menu entry; GRUB takes the first`},
		{"next names nothing", "next_entry=x\n", "default=$next_entry\nset next_entry=\nsave_env next_entry", "first in GRUB's menu", `grubenv next_entry "x" names no menu entry; GRUB takes the first`},
	} {
		d := entries("b", "a")
		d["grub2/grubenv"] = string(pad(c.env, 200))
		b := Next(d.machine("load_env\n" + c.cfg + "\nblscfg\n"))
		require.NoError(t, b.Err, c.name)
		assert.Equal(t, c.rule, b.Rule, c.name)
		assert.Equal(t, c.missed, strings.Join(b.Missed, "\n"), c.name)
	}
}

// TestUnknownDefault: a default that is not known is no choice.
func TestUnknownDefault(t *testing.T) {
	b := Next(entries("b", "a").machine("probe --set=default -u $root\nblscfg\n"))
	assert.EqualError(t, b.Err, "cannot determine what GRUB boots: variable grub.cfg default depends on what is not known here")
	assert.Nil(t, b.Chosen)
	assert.Len(t, b.Menu, 2)
}
