package grub

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseEntry(t *testing.T) {
	for _, c := range []struct {
		name, text       string
		fedora, upstream Entry
	}{
		{
			"all", "title T\nlinux /k\ninitrd /a\ninitrd /b /c\noptions x y\noptions second\ndevicetree /d\n",
			Entry{Title: "T", Linux: "/k", Initrds: []string{"/a", "/b /c"}, Options: "x y", Devicetree: "/d"},
			Entry{Title: "T", Linux: "/k", Initrds: []string{"/a", "/b /c"}, Options: "x y", Devicetree: "/d"},
		},
		{
			"a blank line ends it", "linux /k\n\noptions x\n",
			Entry{Title: "/k", Linux: "/k", NoOptions: true, Lost: true},
			Entry{Title: "/k", Linux: "/k", NoOptions: true, Lost: true},
		},
		{
			"a key without value ends it", "linux /k\noptions\ninitrd /a\n",
			Entry{Title: "/k", Linux: "/k", NoOptions: true, Lost: true},
			Entry{Title: "/k", Linux: "/k", NoOptions: true, Lost: true},
		},
		{
			"comments and CR", "# c\r\n  # d\r\nlinux /k\r\noptions a\rb\r\n",
			Entry{Title: "/k", Linux: "/k", Options: "ab"},
			Entry{Title: "/k", Linux: "/k", Options: "ab"},
		},
		{
			"a tab parts only a line without a space", "linux\t/k\noptions\ta b\n",
			Entry{Title: "/k", Linux: "/k", NoOptions: true},
			Entry{Title: "/k", Linux: "/k", Options: "a b"},
		},
		{
			"case counts, no line end", "Title T\nLinux /x\nlinux \t /k ",
			Entry{Title: "/k ", Linux: "/k ", NoOptions: true},
			Entry{Title: "/k ", Linux: "/k ", NoOptions: true},
		},
		{
			"a NUL ends the line", "linux /k\x00/x\n",
			Entry{Title: "/k", Linux: "/k", NoOptions: true},
			Entry{Title: "/k", Linux: "/k", NoOptions: true},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for flavor, want := range map[Flavor]Entry{Fedora: c.fedora, Upstream: c.upstream} {
				got, err := ParseEntry([]byte(c.text), flavor)
				require.NoError(t, err)
				assert.Equal(t, want, *got, flavor)
			}
		})
	}
}

func TestParseEntryIndented(t *testing.T) {
	for _, text := range []string{" linux /k\n", "title T\n\tlinux /k\n", "linux /k\n \n"} {
		_, err := ParseEntry([]byte(text), Fedora)
		assert.ErrorIs(t, err, ErrCrash, "%q", text)
		_, err = ParseEntry([]byte(text), Upstream)
		assert.NoError(t, err, "%q", text)
	}
}

func TestListed(t *testing.T) {
	efi := &Entry{EFI: "/x.efi"}
	assert.True(t, efi.listed(Fedora))
	assert.False(t, efi.listed(Upstream))
	assert.True(t, (&Entry{Linux: "/k"}).listed(Upstream))
	assert.False(t, (&Entry{Options: "x"}).listed(Fedora))
}
