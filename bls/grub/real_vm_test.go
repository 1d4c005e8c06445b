//go:build vm

package grub

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

const (
	realUUID = "5b1c8f0e-2d3a-4c6f-9a7e-0123456789ab"
	realESP  = "ABCD-1234"
)

// A realDisk is a disk for GRUB 2.14: the texts of the file system of /boot and
// of grub.cfg, made at random.
type realDisk struct {
	*rand.Rand
	files disk
	cfg   strings.Builder
	once  bool   // next_entry is set
	raw   string // variables of an environment block in sector 1; "" for none
	stub  bool   // grub.cfg is in /grub, that of the prefix leads to it
	bios  bool   // there is no ESP
}

// TestLongRealGRUB boots disks made at random with Debian's GRUB 2.14, and
// compares the kernel, its command line and initrd with what Next works out.
func TestLongRealGRUB(t *testing.T) {
	compareSeeds(t, 1, 24, false)
}

// TestLongRealGRUBBIOS is the same without UEFI, and faster.
func TestLongRealGRUBBIOS(t *testing.T) {
	compareSeeds(t, 101, 48, true)
}

func compareSeeds(t *testing.T, first, count uint64, bios bool) {
	t.Helper()
	if s := os.Getenv("GRUB_SEEDS"); s != "" { // FIRST,COUNT
		_, err := fmt.Sscanf(s, "%d,%d", &first, &count)
		require.NoError(t, err)
	}
	g := vm.FindGRUB(t)
	booted := 0
	for seed := first; seed < first+count; seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			d := newRealDisk(seed)
			d.bios, d.stub = bios, d.stub || bios
			if d.compare(t, g) {
				booted++
			}
		})
	}
	t.Logf("%d of %d booted an entry", booted, count)
	assert.Greater(t, booted, int(count)/2)
}

// compare reports whether GRUB boots an entry.
func (d *realDisk) compare(t *testing.T, g vm.GRUB) bool {
	t.Helper()
	m, image := d.lay(t, g)
	b := Next(m)
	reports := 1
	if b.Err == nil && d.once {
		reports = 2
	}
	got, console := vm.Reports(t, vm.Config{Disks: []string{image}, UEFI: !d.bios}, reports)
	defer func() {
		if t.Failed() {
			t.Logf("grub.cfg:\n%s", d.cfg.String())
			for _, name := range sortedNames(d.files) {
				t.Logf("%s: %q", name, strings.TrimRight(d.files[name], "#"))
			}
			t.Logf("console: %s\nNext: default %v error %v missed %q", console, b.Default, b.Err, b.Missed)
		}
	}()
	var undetermined *UndeterminedError
	switch {
	case garbled.MatchString(console):
		t.Logf("GRUB put other memory before a command of its own: %s", console)
		return false
	case errors.As(b.Err, &undetermined):
		t.Logf("not determined: %v; GRUB booted %v", b.Err, got)
		return false
	case errors.Is(b.Err, ErrNotEntry):
		// root leads nowhere, or a submenu is the default and has a default of its own
		if len(got) == 0 || strings.Count(console, "Booting `") > 1 {
			assert.Contains(t, console, "Booting `"+b.Chosen.Title+"'")
			return false
		}
		assert.Equal(t, "other", got[0].Name)
		return false
	case b.Err != nil:
		assert.Empty(t, got, "%v", b.Err)
		return false
	}
	require.NotEmpty(t, got)
	assert.Equal(t, d.expected(t, b), withoutDevice(got[0]))
	if reports == 2 {
		d.assertSecond(t, m, b, got[1:])
	}
	return true
}

// assertSecond holds what comes up after the one-shot entry.
func (d *realDisk) assertSecond(t *testing.T, m *Machine, first *Boot, got []vm.Report) {
	t.Helper()
	for _, w := range first.Writes {
		if w.Offset >= 0 {
			_, err := w.Device.Disk.(*os.File).WriteAt(w.Block, w.Offset)
			require.NoError(t, err)
			continue
		}
		require.NoError(t, os.WriteFile(filepath.Join(fmt.Sprint(w.Device.FS), w.Path), w.Block, 0o644))
	}
	b := Next(m)
	switch {
	case b.Err == nil:
		require.Len(t, got, 1, "the second boot")
		assert.Equal(t, d.expected(t, b), withoutDevice(got[0]), "the second boot")
	case errors.Is(b.Err, ErrNotEntry):
		require.Len(t, got, 1)
		assert.Equal(t, "other", got[0].Name)
	default:
		assert.Empty(t, got, "%v", b.Err)
	}
}

// garbled is a command that blsuki of 2.14 did not write so: seed 112 has it, and no
// smaller disk with the same entry.
var garbled = regexp.MustCompile("can't find command `[^']*\\?initrd'")

// bootImage is BOOT_IMAGE, which has the kernel's path as it was written.
var bootImage = regexp.MustCompile(`^BOOT_IMAGE=(?:"(?:\([^)]*\))?([^"]*)"|(?:\([^)]*\))?([^" ]+))`)

// withoutDevice takes device and quotes from BOOT_IMAGE.
func withoutDevice(r vm.Report) vm.Report {
	r.Cmdline = bootImage.ReplaceAllString(r.Cmdline, "BOOT_IMAGE=$1$2")
	return r
}

// expected is what the kernel of a boot reports.
func (d *realDisk) expected(t *testing.T, b *Boot) vm.Report {
	t.Helper()
	kernel := string(read(t, b.Command.Kernel))
	name, _, _ := strings.Cut(kernel[0x700:], "\x00")
	want := vm.Report{Name: name, Cmdline: strings.TrimSuffix("BOOT_IMAGE="+b.Command.Kernel.Path+" "+b.Command.Cmdline, " ")}
	for _, f := range b.Command.Initrds {
		want.Initrd += strings.Repeat("\x00", -len(want.Initrd)&3) + string(read(t, f))
	}
	return want
}

func sortedNames(files disk) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
