package grub

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestListingArguments: what blscfg and uki are asked for, and which GRUB it is.
func TestListingArguments(t *testing.T) {
	both := listing{defaults: true, others: true}
	with := func(change func(*listing)) listing {
		l := both
		change(&l)
		return l
	}
	dir := func(name string) listing { return with(func(l *listing) { l.dir = name }) }
	for command, want := range map[string]struct {
		listing
		flavor Flavor
	}{
		"blscfg":                         {both, Fedora},
		"bls_import":                     {both, Fedora},
		"blscfg default":                 {listing{defaults: true}, Fedora},
		"blscfg non-default":             {listing{others: true}, Fedora},
		"blscfg default non-default":     {both, Fedora},
		"blscfg (hd0)/x":                 {dir("(hd0)/x"), Fedora},
		"blscfg /x":                      {dir("/x"), Fedora},
		"blscfg a.conf":                  {listing{entry: "a.conf"}, Fedora},
		"blscfg -d":                      {listing{defaults: true}, Upstream},
		"blscfg --show-default":          {listing{defaults: true}, Upstream},
		"blscfg -n":                      {listing{others: true}, Upstream},
		"blscfg --show-non-default":      {listing{others: true}, Upstream},
		"blscfg -d -n":                   {both, Upstream},
		"blscfg -p /x":                   {dir("/x"), Upstream},
		"blscfg --path /x":               {dir("/x"), Upstream},
		"blscfg --path=/x":               {dir("/x"), Upstream},
		"blscfg -p":                      {dir(""), Upstream},
		"blscfg -f":                      {with(func(l *listing) { l.fallback = true }), Upstream},
		"blscfg --enable-fallback -p /x": {listing{dir: "/x", fallback: true, defaults: true, others: true}, Upstream},
		"blscfg -e a.conf":               {listing{entry: "a.conf"}, Upstream},
		"blscfg --entry a.conf -d":       {listing{entry: "a.conf", defaults: true}, Upstream},
		"blscfg --entry=a.conf -n":       {listing{entry: "a.conf", others: true}, Upstream},
		"uki":                            {with(func(l *listing) { l.fromImages = true }), Upstream},
		"uki -p /x":                      {listing{dir: "/x", defaults: true, others: true, fromImages: true}, Upstream},
		"uki -e x.efi":                   {listing{entry: "x.efi", fromImages: true}, Upstream},
	} {
		r := disk{}.bare()
		words := strings.Fields(command)
		assert.Equal(t, want.listing, r.listing(call{name: words[0], args: words[1:]}), command)
		assert.Equal(t, want.flavor, r.flavor, command)
	}
}

// TestDecideFlavor: what grub.cfg shows, else the version, else the folder.
func TestDecideFlavor(t *testing.T) {
	for _, c := range []struct {
		info, dir string
		want      Flavor
	}{
		{"", "grub2", Fedora}, {"", "grub", Upstream}, {"", "EFI/fedora", Fedora}, {"", "boot/grub", Upstream},
		{"GRUB 2.12", "grub", Fedora}, {"GRUB 2.14", "grub2", Upstream}, {"GRUB 2.14-4", "grub2", Upstream}, {"GRUB 2.15", "grub2", Upstream},
		{"GRUB 2.06", "grub", Fedora}, {"GRUB2 2.14", "grub2", Fedora}, {"2.14", "grub2", Fedora}, {"systemd-boot 262", "grub2", Fedora},
	} {
		m := disk{}.machine("")
		m.LoaderInfo, m.Dir, m.Script = c.info, c.dir, "true"
		r := newRunner(m)
		require.NoError(t, r.begin())
		assert.Equal(t, c.want, r.flavor, "%q %q", c.info, c.dir)
	}
	for script, want := range map[string]Flavor{
		"insmod blscfg": Fedora, "insmod blsuki": Upstream, "insmod part_gpt blsuki": Upstream, "insmod blscfg\ninsmod blsuki": Fedora,
		"insmod blsuki\nblscfg default": Upstream, "blscfg\ninsmod blsuki": Fedora, "insmod blscfg\nblscfg -d": Upstream, "insmod": Fedora,
	} {
		r := entries("a").ran(t, script)
		assert.Equal(t, want, r.flavor, script)
	}
	assert.Equal(t, []string{"auto", "Fedora", "upstream", "openSUSE"}, []string{Auto.String(), Fedora.String(), Upstream.String(), SUSE.String()})
}

func TestReadsVariable(t *testing.T) {
	for info, want := range map[string]bool{"": true, "GRUB2": true, "GRUB2 2.12": false, "GRUB2 2.13": false, "GRUB2 2.14": true, "GRUB 2.14~rc1": true, "GRUB2 2.06": false} {
		assert.Equal(t, want, (&Machine{LoaderInfo: info}).readsVariable(), info)
	}
}

// TestIsDefault is the rule of blscfg and uki themselves, for "default" and "non-default".
func TestIsDefault(t *testing.T) {
	for _, c := range []struct {
		value            string
		place            int
		fedora, upstream bool
	}{
		{"", 0, false, false}, {"a", 1, true, false}, {"a.conf", 1, false, true}, {"T", 1, true, true},
		{"1", 1, true, true}, {"1", 0, false, false}, {"0", 0, true, true}, {"1x", 1, true, false}, {"x", 1, false, false}, {"0x1", 1, true, true}, {" 1", 1, true, true},
	} {
		for flavor, want := range map[Flavor]bool{Fedora: c.fedora, SUSE: c.fedora, Upstream: c.upstream} {
			item := &Item{ID: "a", Title: "T", File: File{Path: "/loader/entries/a.conf"}, flavor: flavor}
			assert.Equal(t, want, item.isDefault(c.value, c.place), "%s %q at %d", flavor, c.value, c.place)
		}
	}
}

// TestListings: what one listing after the other leaves on the menu.
func TestListings(t *testing.T) {
	d := entries("c", "b", "a")
	d["alt/z.conf"] = "linux /k-a\n"
	d["EFI/Linux/u.efi"], d["alt/v.efi"] = "", ""
	for script, want := range map[string]string{
		"blscfg\nblscfg":                "c b a", // once
		"blscfg b.conf":                 "b",
		"blscfg b":                      "",
		"default=a\nblscfg default":     "a",
		"default=a\nblscfg non-default": "c b",
		"default=1\nblscfg default\nblscfg non-default":          "b c a",
		"default=1\nblscfg default\ndefault=0\nblscfg":           "b c a",
		"default='T a'\nblscfg default":                          "a",
		"default=none\nblscfg default":                           "",
		"menuentry m { true; }\nblscfg":                          "m c b a",
		"blscfg\nmenuentry m { true; }\nblscfg":                  "c b a m",
		"blscfg -p /alt\nblscfg":                                 "z c b a",
		"blscfg -p alt":                                          "c b a",
		"blscfg -p (none)/alt":                                   "",
		"blscfg -p (none)/alt -f":                                "c b a",
		"blscfg -p /none -f":                                     "c b a",
		"blscfg -p /loader/entries/a.conf":                       "",
		"uki\nblscfg -p /alt":                                    "u.efi z",
		"uki -p /alt":                                            "v.efi",
		"uki -p alt":                                             "u.efi",
		"uki -p ($root)/alt":                                     "v.efi",
		"root=x\nuki":                                            "u.efi", // of the file system that GRUB started from
		"root=x\nuki -p /alt":                                    "v.efi",
		"uki\nuki":                                               "u.efi u.efi",
		"default=u.efi\nuki -d":                                  "u.efi",
		"default=u\nuki -d":                                      "",
		"insmod blsuki\ndefault=a\nblscfg default":               "",
		"insmod blsuki\ndefault=a.conf\nblscfg default":          "a",
		"insmod blsuki\nblscfg b.conf":                           "b",
		"blscfg ($root)/alt\nblscfg ($root)/alt":                 "z",
		"set blsdir=/alt\nblscfg":                                "z",
		"set blsdir=($root)/alt\nblscfg":                         "z",
		"set blsdir=/loader/entries/a.conf\nblscfg":              "",
		"set blsdir=/none\nblscfg ($root)/none":                  "",
		"for i in 1 2; do menuentry x$i { true; }; done\nblscfg": "x1 x2 c b a",
	} {
		r, err := d.called(script)
		require.NoError(t, err, script)
		assert.Equal(t, want, strings.Join(ids(&Boot{Menu: r.menu}), " "), script)
	}
}

// TestMenuIsBounded: as many items as are allowed.
func TestMenuIsBounded(t *testing.T) {
	r := entries("b", "a").bare()
	r.menu = make([]*Item, maxItems-2)
	require.NoError(t, r.blscfg(call{name: "blscfg"}))
	assert.EqualError(t, r.add(&Item{}), "cannot determine what GRUB boots: the menu has more than 10000 entries")
	r.listings = maxListings - 1
	require.NoError(t, r.blscfg(call{name: "blscfg"}))
	assert.EqualError(t, r.blscfg(call{name: "uki"}), "cannot determine what GRUB boots: uki runs more than 64 times")
}
