package uki_test

import (
	"testing"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseOSRelease(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       uki.OSRelease
	}{
		{
			"all fields",
			"BUILD_ID=20261122\nVERSION_ID=44\nVERSION='44 (Forty Four)'\nIMAGE_VERSION=7\nID=fedora\nNAME='Fedora Linux'\nIMAGE_ID=img\nPRETTY_NAME=\"Fedora Linux 44\"\n",
			uki.OSRelease{Name: "Fedora Linux 44", Version: "7", SortKey: "img", ID: "fedora", VersionID: "44"},
		},
		{
			"no PRETTY_NAME, no IMAGE_VERSION",
			"VERSION_ID=44\nVERSION=\"44 (x)\"\nID=fedora\nNAME=Fedora\nIMAGE_ID=img\n",
			uki.OSRelease{Name: "img", Version: "44 (x)", SortKey: "img", ID: "fedora", VersionID: "44"},
		},
		{
			"no IMAGE_ID, no VERSION",
			"BUILD_ID=9\nVERSION_ID=44\nID=fedora\nNAME=Fedora\n",
			uki.OSRelease{Name: "Fedora", Version: "44", SortKey: "fedora", ID: "fedora", VersionID: "44"},
		},
		{
			"ID only, rolling",
			"ID=arch\nBUILD_ID=rolling",
			uki.OSRelease{Name: "arch", Version: "rolling", SortKey: "arch", ID: "arch"},
		},
		{"name only", "NAME=x", uki.OSRelease{Name: "x"}},
		{"an empty field is as good as none", "PRETTY_NAME=\"\"\nNAME=x\n", uki.OSRelease{Name: "x"}},
		{"the last of a key wins", "NAME=x\nNAME=y\n", uki.OSRelease{Name: "y"}},
		{"and may take it back", "ID=a\nPRETTY_NAME=x\nPRETTY_NAME=\n", uki.OSRelease{Name: "a", SortKey: "a", ID: "a"}},
		{"latin-1 is kept as it is", "NAME=K\xe4se\n", uki.OSRelease{Name: "K\xe4se"}},
		{"keys are case-sensitive", "name=x\nNAME=y\n", uki.OSRelease{Name: "y"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := uki.ParseOSRelease(tt.text)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestParseOSReleaseWithoutName(t *testing.T) {
	for _, text := range []string{"", "\n", "VERSION=1\nVERSION_ID=2\n", "PRETTY_NAME=\n", "# NAME=x\n", "NAME", "PRETTY_NAME\n=x"} {
		got, err := uki.ParseOSRelease(text)
		require.ErrorIs(t, err, uki.ErrNoName, text)
		assert.Zero(t, got)
	}
}
