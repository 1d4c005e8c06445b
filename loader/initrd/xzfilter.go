package initrd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// An unreadable stream is one that the kernel may take but that is not decoded
// here.
type unreadable struct{ text string }

func (u *unreadable) Error() string { return u.text }

// Filters that may stand in front of LZMA2 (doc/xz-file-format.txt, 5.3).
const (
	xzDelta = 3
	xzX86   = 4
)

// xzFilterName returns the name of a filter and the option without which the
// kernel has none of it (lib/xz/Kconfig); "" where it never has.
func xzFilterName(id uint64) (name, option string) {
	switch id {
	case xzDelta:
		return "delta", ""
	case xzX86:
		return "x86", "CONFIG_XZ_DEC_X86"
	case 5:
		return "powerpc", "CONFIG_XZ_DEC_POWERPC"
	case 6:
		return "ia64", "CONFIG_XZ_DEC_IA64"
	case 7:
		return "arm", "CONFIG_XZ_DEC_ARM"
	case 8:
		return "armthumb", "CONFIG_XZ_DEC_ARMTHUMB"
	case 9:
		return "sparc", "CONFIG_XZ_DEC_SPARC"
	case 10:
		return "arm64", "CONFIG_XZ_DEC_ARM64"
	case 11:
		return "riscv", "CONFIG_XZ_DEC_RISCV"
	}
	return fmt.Sprintf("%#x", id), ""
}

// filterFault tells what a kernel that was built with some options has against
// the filters of the block; "" for nothing. A nil built has all options.
func (b xzBlock) filterFault(built func(option string) bool) string {
	if b.filter == 0 {
		return ""
	}
	name, option := xzFilterName(b.filter)
	switch {
	case b.filters > 1 || b.tuned || option == "":
		return fmt.Sprintf("xz with the filter %s and these settings, which the kernel refuses", name)
	case built != nil && !built(option):
		return fmt.Sprintf("xz with the filter %s, which is not in the new kernel's configuration (%s)", name, option)
	}
	return ""
}

// unfiltered undoes the filter of a block.
func (b xzBlock) unfiltered(r io.Reader) (io.Reader, error) {
	switch {
	case b.filter == 0:
		return r, nil
	case b.filter == xzX86 && b.filters == 1 && !b.tuned:
		return &x86Reader{r: r}, nil
	}
	name, _ := xzFilterName(b.filter)
	return nil, &unreadable{fmt.Sprintf("xz with the filter %s cannot be decoded here", name)}
}

// An x86Reader turns the absolute targets of calls and jumps back into relative
// ones: the x86 filter, by the rules of XZ Embedded (lib/xz/xz_dec_bcj.c).
type x86Reader struct {
	r     io.Reader
	buf   [64 << 10]byte
	taken int // of ready
	ready int // bytes that are done
	have  int
	err   error

	pos  uint32 // of buf in the content
	mask uint32 // which of the last 3 bytes looked like an opcode
}

func (x *x86Reader) Read(p []byte) (int, error) {
	for x.taken == x.ready {
		if x.err != nil {
			return 0, x.err
		}
		x.fill()
	}
	n := copy(p, x.buf[x.taken:x.ready])
	x.taken += n
	return n, nil
}

// fill reads more. The last 4 bytes stay as they are.
func (x *x86Reader) fill() {
	x.have = copy(x.buf[:], x.buf[x.ready:x.have])
	n, err := x.r.Read(x.buf[x.have:])
	x.have += n
	x.taken, x.ready, x.err = 0, x.convert(x.buf[:x.have]), err
	if errors.Is(err, io.EOF) {
		x.ready = x.have
	}
}

// convert works on all of b but for up to 4 bytes at the end, and tells how
// many bytes are done.
func (x *x86Reader) convert(b []byte) int {
	i, last := 0, -1
	for ; i < len(b)-4; i++ {
		if b[i]&0xfe != 0xe8 {
			continue
		}
		x.age(i - last)
		last = i
		if x.blocked(b[i+1:i+5]) || !highByte(b[i+4]) {
			x.mask = x.mask<<1 | 1
			continue
		}
		target := x.relative(binary.LittleEndian.Uint32(b[i+1:]), x.pos+uint32(i)+5)
		binary.LittleEndian.PutUint32(b[i+1:], target)
		i += 4
	}
	x.age(i - last)
	x.pos += uint32(i)
	return i
}

// age forgets opcodes that are more than 3 bytes back.
func (x *x86Reader) age(distance int) {
	if distance > 3 {
		x.mask = 0
		return
	}
	x.mask = x.mask << (distance - 1) & 7
}

// suspect is, for each mask, which byte of an operand an earlier operand may
// reach into, from the end.
var suspect = [8]uint32{0, 1, 2, 2, 3, 3, 3, 3}

// blocked tells whether an operand is left alone for what is in front of it.
func (x *x86Reader) blocked(operand []byte) bool {
	switch x.mask {
	case 0:
		return false
	case 3, 5, 6, 7:
		return true
	}
	return highByte(operand[3-suspect[x.mask]])
}

// relative is the operand of an instruction that ends at end.
func (x *x86Reader) relative(operand, end uint32) uint32 {
	for {
		v := operand - end
		shift := 8 * suspect[x.mask]
		if x.mask == 0 || !highByte(byte(v>>(24-shift))) {
			v &= 1<<25 - 1
			return v | -(v & (1 << 24))
		}
		operand = v ^ (1<<(32-shift) - 1)
	}
}

// highByte tells whether b is the highest byte of a small number.
func highByte(b byte) bool { return b == 0 || b == 0xff }
