//go:build amd64 && !noclassic

package kexec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	kexecload "github.com/u-root/u-root/pkg/boot/kexec"
)

// ram is memory in which a kernel has its place already.
func ram(ranges ...kexecload.Range) *kexecload.Memory {
	m := &kexecload.Memory{}
	for _, r := range ranges {
		m.Phys = append(m.Phys, kexecload.TypedRange{Range: r, Type: kexecload.RangeRAM})
	}
	m.Segments.Insert(kexecload.NewSegment(make([]byte, 4096), kexecload.RangeFromInterval(0x100_0000, 0x200_0000)))
	return m
}

// TestPlaceSmall: nothing is laid over anything else, all of it is in memory that
// there is, and the parts point to one another.
func TestPlaceSmall(t *testing.T) {
	defer log.SetOutput(log.Writer())
	log.SetOutput(io.Discard)
	low, high := kexecload.RangeFromInterval(0x1000, 0x9f000), kexecload.RangeFromInterval(0x10_0000, 0x8000_0000)
	far := kexecload.RangeFromInterval(0x1_0000_0000, 0x2_0000_0000)
	memory := ram(low, high, far)
	page := bytes.Repeat([]byte{0xaa}, 4096)
	var line uint64
	entry, err := placeSmall(memory, 0x100_0200, "quiet splash", func(at uint64) ([]byte, error) {
		line = at
		return page, nil
	})
	require.NoError(t, err)
	assert.Equal(t, "quiet splash\x00", string(memory.Segments.GetPhys(kexecload.Range{Start: uintptr(line), Size: 13})))
	assert.True(t, memory.Segments.PhysContains(entry))
	used := memory.Segments.Phys()
	for i, a := range used {
		inside := low.IsSupersetOf(a) || high.IsSupersetOf(a) || far.IsSupersetOf(a)
		assert.True(t, inside, "%v", a)
		for _, b := range used[i+1:] {
			assert.False(t, a.Overlaps(b), "%v and %v", a, b)
		}
	}
	for _, s := range memory.Segments {
		if s.Phys.Contains(entry) {
			jump := memory.Segments.GetPhys(kexecload.Range{Start: s.Phys.Start, Size: 24})
			assert.EqualValues(t, 0x100_0200, binary.LittleEndian.Uint64(jump[8:]), "the kernel")
			zero := binary.LittleEndian.Uint64(jump[16:])
			assert.Less(t, zero, uint64(1)<<32, "the kernel's entry is 64-bit, its zero page is not")
			assert.Equal(t, page, memory.Segments.GetPhys(kexecload.Range{Start: uintptr(zero), Size: 4096}))
		}
	}
}

// TestNoPlaceForSmall: a machine without room is told what has none.
func TestNoPlaceForSmall(t *testing.T) {
	defer log.SetOutput(log.Writer())
	log.SetOutput(io.Discard)
	page := func(uint64) ([]byte, error) { return make([]byte, 4096), nil }
	_, err := placeSmall(ram(), 0, "", page)
	assert.ErrorContains(t, err, "place for the command line")
	_, err = placeSmall(ram(kexecload.RangeFromInterval(0x1_0000_0000, 0x2_0000_0000)), 0, "", page)
	assert.ErrorContains(t, err, "place for the zero page", "it has to be below 4 GiB")
	_, err = placeSmall(ram(kexecload.RangeFromInterval(0x1000_0000, 0x2000_0000)), 0, "", page)
	assert.ErrorContains(t, err, "purgatory", "its place is fixed")
	broken := errors.New("no bzImage")
	_, err = placeSmall(ram(kexecload.RangeFromInterval(0x1000_0000, 0x2000_0000)), 0, "", func(uint64) ([]byte, error) { return nil, broken })
	assert.ErrorIs(t, err, broken)
}
