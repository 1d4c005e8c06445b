package plan_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/plan"
)

// TestHostileSections: anyone may write to a boot partition.
func TestHostileSections(t *testing.T) {
	number := func(n uint32) *uint32 { return &n }
	good := fixtures.Text(".linux", "kernel")
	overlap := fixtures.PE{Sections: []fixtures.Section{good, fixtures.Text(".initrd", "i")}}.Bytes()
	const table = 0x40 + 24 + 0xf0
	binary.LittleEndian.PutUint32(overlap[table+40+12:], 0x1000) // where .linux is in memory
	for name, v := range map[string]struct {
		image []byte
		want  error
	}{
		"outside the file": {fixtures.PE{Sections: []fixtures.Section{good, {Name: ".initrd", Data: []byte("i"), Offset: number(1 << 20)}}}.Bytes(), uki.ErrTruncated},
		"offset overflows": {fixtures.PE{Sections: []fixtures.Section{good, {Name: ".initrd", Data: []byte("i"), Offset: number(1<<32 - 1)}}}.Bytes(), uki.ErrTruncated},
		"huge raw size":    {fixtures.PE{Sections: []fixtures.Section{good, {Name: ".initrd", Data: []byte("i"), RawSize: number(1<<32 - 1), VirtualSize: number(1<<32 - 1)}}}.Bytes(), uki.ErrTruncated},
		"huge in memory":   {fixtures.PE{Sections: []fixtures.Section{good, {Name: ".initrd", Data: []byte("i"), VirtualSize: number(1<<32 - 1)}}}.Bytes(), uki.ErrTooLarge},
		"huge text":        {fixtures.PE{Sections: []fixtures.Section{good, {Name: ".cmdline", Data: []byte("i"), VirtualSize: number(5 << 20)}}}.Bytes(), uki.ErrTooLarge},
		"overlapping":      {overlap, uki.ErrOverlap},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := plan.Make(type1(t, "uki /u.efi\n"), partition(t, map[string]string{"u.efi": string(v.image)}), plan.Firmware{}, plan.Options{})
			require.ErrorIs(t, err, v.want)
			assert.Contains(t, err.Error(), "/boot/u.efi: ")
			assert.Contains(t, err.Error(), "section")
		})
	}
}

// TestManySections: of a name the first counts, and a table of thousands takes
// little memory.
func TestManySections(t *testing.T) {
	sections := []string{".linux", "kernel"}
	for i := range 20_000 {
		sections = append(sections, ".initrd", fmt.Sprintf("%d", i))
	}
	src := partition(t, map[string]string{"u.efi": image(append(sections, ".profile", "")...)})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p := make1(t, src, "uki /u.efi\n", plan.Firmware{})
	runtime.ReadMemStats(&after)
	assert.Equal(t, "0", blobOf(t, p)[:1])
	assert.NotContains(t, blobOf(t, p), "1\x00\x00\x00")
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20), "bytes")
}
