package compress

const (
	bzip2Block  = 0x314159265359 // begins a block
	bzip2End    = 0x177245385090 // ends the stream; 32 bits of checksum follow
	bzip2Magics = 1<<48 - 1
)

// bits reads a bit stream, the highest bit of a byte first.
type bits struct {
	*picker
	left uint
	last byte
}

func (b *bits) read(n uint) uint64 {
	var v uint64
	for range n {
		if b.left == 0 {
			b.last, b.left = b.u8(), 8
		}
		b.left--
		v = v<<1 | uint64(b.last>>b.left&1)
	}
	return v
}

// bzip2Header checks the header, and the tables of the first block.
func bzip2Header(p *picker) {
	p.magic("BZh")
	if level := p.u8(); level < '1' || level > '9' {
		p.damaged("its block size is out of range")
	}
	b := &bits{picker: p}
	switch b.read(48) {
	case bzip2Block:
		b.block()
	case bzip2End:
		b.read(32)
	default:
		p.damaged("it does not begin with a block")
	}
}

// block checks what comes before the content of a block: the library decodes by
// tables that the kernel would not (get_next_block in lib/decompress_bunzip2.c).
func (b *bits) block() {
	b.read(32) // checksum
	if b.read(1) != 0 {
		b.damaged("a block is randomised, which the kernel refuses")
	}
	b.read(24) // origin
	symbols := b.symbols()
	tables := int(b.read(3))
	selectors := int(b.read(15))
	if tables < 2 || tables > 6 || selectors == 0 {
		b.damaged("a block has no tables")
	}
	used := b.selectors(selectors, tables)
	for i := 0; i < tables && b.err == nil; i++ {
		if complete := b.table(symbols); !complete && used[i] {
			b.damaged("a table of code lengths is damaged")
		}
	}
}

// symbols returns how many symbols a block uses.
func (b *bits) symbols() int {
	n := 2
	for groups := b.read(16); groups != 0; groups &= groups - 1 {
		for used := b.read(16); used != 0; used &= used - 1 {
			n++
		}
	}
	return n
}

// selectors returns which tables are used, by their moves to the front.
func (b *bits) selectors(n, tables int) (used [6]bool) {
	front := [6]byte{0, 1, 2, 3, 4, 5}
	for i := 0; i < n && b.err == nil; i++ {
		j := 0
		for b.read(1) == 1 && b.err == nil {
			if j++; j >= tables {
				b.damaged("a selector of a table that is not there")
				return used
			}
		}
		first := front[j]
		copy(front[1:j+1], front[:j])
		front[0] = first
		used[first] = true
	}
	return used
}

// table reads the lengths of the codes and reports whether they fit.
func (b *bits) table(symbols int) bool {
	length, sum := int(b.read(5)), 0
	for range symbols {
		for b.err == nil {
			if length < 1 || length > 20 {
				b.damaged("a code length is out of range")
				return false
			}
			if b.read(1) == 0 {
				break
			}
			length += 1 - 2*int(b.read(1))
		}
		if b.err == nil {
			sum += 1 << (20 - length)
		}
	}
	return sum == 1<<20
}
