package cmdline_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/internal/cmdline"
)

// TestSplitAtEveryBlank: those of isspace in ASCII, and no other byte.
func TestSplitAtEveryBlank(t *testing.T) {
	for c := byte(1); c < 0x80; c++ {
		line := "a" + string(rune(c)) + "b"
		want := []string{line}
		if strings.ContainsRune(" \t\n\v\f\r", rune(c)) {
			want = []string{"a", "b"}
		}
		assert.Equal(t, want, cmdline.Split(line), "%q", c)
	}
}

// TestInherit: what was meant for the running kernel alone, and what each kexec decides
// anew, is not inherited; what init gets is.
func TestInherit(t *testing.T) {
	for running, want := range map[string]string{
		" a  b\n":                         "a  b",
		"BOOT_IMAGE=/v a":                 "a",
		`initrd=\a.img a initrd=\b.img`:   "a",
		"elfcorehdr=0x1 a":                "a",
		"kexec_jump_back_entry=0x1 a":     "a",
		"a " + cmdline.BlessMask:          "a",
		"a systemd.mask=other.service":    "a systemd.mask=other.service",
		"a " + cmdline.MeasuredOS:         "a",
		"a systemd.tpm2_measured_os=yes":  "a systemd.tpm2_measured_os=yes",
		"initrdmem=0x1,2 xelfcorehdr=1 a": "initrdmem=0x1,2 xelfcorehdr=1 a",
		"acpi_rsdp=0x1 a":                 "acpi_rsdp=0x1 a",
		"a -- BOOT_IMAGE=/v initrd=x":     "a -- BOOT_IMAGE=/v initrd=x",
		"BOOT_IMAGE=/v -- x":              "-- x",
	} {
		assert.Equal(t, want, cmdline.Inherit(running), running)
		assert.Equal(t, want, cmdline.Inherit(want), "it has nothing left to lose")
	}
}

// TestDiffLeavesOut what the one or the other side has for a boot alone.
func TestDiffLeavesOut(t *testing.T) {
	added := func(p string) []cmdline.Change { return []cmdline.Change{{Added: true, Parameter: p}} }
	removed := func(p string) []cmdline.Change { return []cmdline.Change{{Parameter: p}} }
	for name, v := range map[string]struct {
		running, next string
		want          []cmdline.Change
	}{
		"measuring, before":       {"a " + cmdline.MeasuredOS, "a", nil},
		"measuring, both":         {"a " + cmdline.MeasuredOS, "a " + cmdline.MeasuredOS, nil},
		"measuring, next":         {"a", "a " + cmdline.MeasuredOS, added(cmdline.MeasuredOS)},
		"the mask, next":          {"a", "a " + cmdline.BlessMask, added(cmdline.BlessMask)},
		"an initrd, next":         {"a", `initrd=\x a`, nil},
		"nearly an initrd":        {"a", "initrdmem=1 a", added("initrdmem=1")},
		"a trial, before":         {"a kexec_bls.try=1 panic=9", "a", nil},
		"a parameter like acpi's": {"acpi_rsdp_x=1 a", "a", removed("acpi_rsdp_x=1")},
		"another value":           {"a=1", "a=2", append(removed("a=1"), added("a=2")...)},
		"nothing":                 {"", " ", nil},
	} {
		assert.Equal(t, v.want, cmdline.Diff(v.running, v.next), name)
	}
}

// TestDiffIsWhole: the one line less what goes, and with what comes, has the
// parameters of the other.
func TestDiffIsWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	line := func() []string {
		var words []string
		for range r.IntN(8) {
			words = append(words, []string{"a", "b=1", "b=2", `c="x y"`, "--"}[r.IntN(5)])
		}
		return words
	}
	for range 2000 {
		running, next := line(), line()
		got := slices.Clone(running)
		for _, c := range cmdline.Diff(strings.Join(running, " "), strings.Join(next, "  ")) {
			if c.Added {
				got = append(got, c.Parameter)
				continue
			}
			at := slices.Index(got, c.Parameter)
			require.GreaterOrEqual(t, at, 0, "%q of %q", c.Parameter, running)
			got = slices.Delete(got, at, at+1)
		}
		require.ElementsMatch(t, next, got, "from %q", running)
	}
}
