package initrd

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
)

// A hundred findings of an ID are kept, each with what is known of the ID, and the
// number of those beyond.
func TestCollector(t *testing.T) {
	var c collector
	for i := range maxOfID + 2 {
		c.add(Finding{ID: TreeReplaced, Member: "a"}, "number %d", i)
	}
	c.add(Finding{ID: TreeReplaced}, "not kept")
	c.add(Finding{ID: Junk, Severity: finding.Warning}, "100%%")
	c.add(Finding{ID: "new-id"}, "of no rule")
	got := c.result()
	hint := ruleFor(TreeReplaced).hint
	assert.Len(t, got, maxOfID+3)
	assert.Equal(t, Finding{ID: TreeReplaced, Severity: finding.Warning, Member: "a", Text: "number 0", Hint: hint}, got[0])
	assert.Equal(t, "number 99", got[maxOfID-1].Text)
	assert.Equal(t, []Finding{
		{ID: Junk, Severity: finding.Warning, Text: "100%", Hint: "remove the file from the entry, or create it again"},
		{ID: "new-id", Severity: finding.Error, Text: "of no rule", Hint: "create the image again"},
		{ID: TreeReplaced, Severity: finding.Warning, Text: "3 more findings of this kind", Hint: hint},
	}, got[maxOfID:])
}

func TestCollectorFirst(t *testing.T) {
	var c collector
	for _, tt := range []struct {
		id     ID
		member int64
		want   bool
	}{
		{Junk, 0, true}, {Junk, 0, false}, {EarlyName, 0, true}, {Junk, 512, true}, {Junk, 512, false}, {Junk, 0, true},
	} {
		assert.Equal(t, tt.want, c.first(tt.id, tt.member), "%+v", tt)
	}
}

func TestSummaryKind(t *testing.T) {
	for want, all := range map[Kind][]summary{
		ACPI:      {{files: 2, early: 2, acpi: 2}, {files: 1, early: 1, acpi: 1, other: 1}},
		Microcode: {{files: 2, early: 2, ucode: 2}},
		Early:     {{files: 2, early: 2, acpi: 1, ucode: 1}, {files: 1, early: 1}, {files: 1, early: 1, init: true}},
		Main:      {{files: 2, early: 1, ucode: 1, init: true}, {init: true}},
		Extra:     {{}, {files: 1}, {files: 2, early: 1, ucode: 1}, {files: 2, early: 1, acpi: 1}},
	} {
		for _, s := range all {
			assert.Equal(t, want, s.kind(), "%+v", s)
		}
	}
}

func TestVerificationDecodes(t *testing.T) {
	fast := map[Format]bool{compress.Gzip: true, compress.LZ4: true, compress.LZO: true, compress.Zstd: true}
	for _, f := range compress.Formats() {
		assert.False(t, VerifyNone.decodes(f), f)
		assert.Equal(t, fast[f], VerifyFast.decodes(f), f)
		assert.True(t, VerifyAll.decodes(f), f)
	}
}

// An offset is in the member that begins before it last, zeros after it included; the
// member ends where its content does.
func TestWalkerSource(t *testing.T) {
	w := &walker{size: 40, members: []Placed{
		{Name: "a", Offset: 0, Size: 5}, {Name: "b", Offset: 8, Size: 8}, {Name: "c", Offset: 20, Size: 10}, {Name: "d", Offset: 32, Size: 20},
	}}
	for off, want := range map[int64]struct {
		name  string
		limit int64
	}{
		0: {"a", 5}, 4: {"a", 5}, 5: {"a", 40}, 7: {"a", 40}, 8: {"b", 16}, 15: {"b", 16}, 16: {"b", 40},
		20: {"c", 30}, 29: {"c", 30}, 32: {"d", 40}, 39: {"d", 40}, 1000: {"d", 40},
	} {
		assert.Equal(t, want.name, w.source(off).Name, off)
		assert.Equal(t, want.limit, w.limit(off), off)
	}
}

// Which names show the kernels that there are modules for.
func TestWalkerReleases(t *testing.T) {
	for name, want := range map[string][]string{
		"lib/modules/6.1/x":          {"6.1"},
		"usr/lib/modules/6.1/x":      {"6.1"},
		"usr/usr/lib/modules/6.1/x":  nil,
		"lib/modules/6.1/kernel/x/y": {"6.1"},
		"lib/modules/6.1":            nil,
		"lib/modules/6.1/":           nil,
		"lib/modules/":               nil,
		"var/lib/modules/6.1/x":      nil,
		"lib/modulesx/6.1/x":         nil,
	} {
		w := &walker{}
		w.release(name)
		assert.Equal(t, want, w.sortedReleases(), name)
		w = &walker{stopped: &stop{}}
		w.release(name)
		assert.Empty(t, w.sortedReleases(), "the kernel does not get to %s", name)
	}
	w := &walker{}
	for i := range maxReleases + 1 {
		w.release(fmt.Sprintf("lib/modules/%03d/x", maxReleases-i))
	}
	got := w.sortedReleases()
	assert.Len(t, got, maxReleases)
	assert.Equal(t, []string{"001", "064"}, []string{got[0], got[maxReleases-1]}, "in order, without the one too many")
}

// Which errors leave the join as a way out, and which are those of the join too.
func TestFlatErrors(t *testing.T) {
	for _, err := range []error{errChanged, fmt.Errorf("x: %w", errChanged), context.Canceled, context.DeadlineExceeded} {
		got := flatError("img", err)
		var flat *FlatError
		assert.False(t, errors.As(got, &flat), err)
		assert.EqualError(t, got, "img: "+err.Error())
	}
	got := flatError("img", compress.ErrLimit)
	assert.Equal(t, &FlatError{Member: "img", Err: compress.ErrLimit}, got)
	assert.EqualError(t, got, "cannot flatten img: unpacks to more than the limit")
	assert.EqualError(t, &FlatError{Err: compress.ErrLimit}, "cannot flatten: unpacks to more than the limit")
}

// The flat archive is in memory besides what was unpacked, and no larger than 4 GiB.
func TestFlatFits(t *testing.T) {
	for _, tt := range []struct {
		size, spool, available int64
		want                   string
	}{
		{1 << 20, 1 << 20, 2 << 20, ""},
		{1<<20 + 1, 1 << 20, 2 << 20, "cannot flatten: it takes 2 MiB of memory and 2 MiB are available"},
		{3 << 20, 5 << 20, 7 << 20, "cannot flatten: it takes 8 MiB of memory and 7 MiB are available"},
		{MaxSize, 1 << 40, 0, ""},
		{MaxSize + 1, 0, 1 << 40, "cannot flatten: the flat archive is larger than 4 GiB"},
	} {
		f := &flattener{opts: FlatOptions{MemAvailable: tt.available}, spool: spool{size: tt.spool}}
		if err := f.fits(tt.size); tt.want != "" {
			assert.EqualError(t, err, tt.want)
		} else {
			assert.NoError(t, err, "%+v", tt)
		}
	}
}
