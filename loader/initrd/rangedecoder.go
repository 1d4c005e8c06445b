package initrd

// A rangeDecoder gives bits of an input. It is passed by value, so that its
// fields stay in registers.
type rangeDecoder struct {
	rng, code uint32
	pos       int // in the input
}

// norm takes one more byte where it is needed.
func (r rangeDecoder) norm(in []byte) rangeDecoder {
	if r.rng < 1<<24 {
		r.rng <<= 8
		r.code = r.code<<8 | uint32(in[r.pos])
		r.pos++
	}
	return r
}

// bit decodes one bit.
func (r rangeDecoder) bit(p *prob) (rangeDecoder, uint32) {
	bound := r.rng >> 11 * uint32(*p)
	if r.code < bound {
		r.rng = bound
		*p += (2048 - *p) >> 5
		return r, 0
	}
	r.rng -= bound
	r.code -= bound
	*p -= *p >> 5
	return r, 1
}

// even decodes one bit that nobody can foresee, without a branch.
func (r rangeDecoder) even(p *prob) (rangeDecoder, uint32) {
	bound := r.rng >> 11 * uint32(*p)
	d := uint64(r.code) - uint64(bound)
	zero := uint32(d >> 32) // all ones for a 0 bit
	r.rng -= bound
	r.rng ^= (r.rng ^ bound) & zero
	r.code = uint32(d) + bound&zero
	v := int32(*p)
	*p = prob(v - (v+int32(zero)&(31-2048))>>5)
	return r, zero + 1
}

// tree decodes a number below len(p), a power of two, from its highest bit on.
func (r rangeDecoder) tree(in []byte, p []prob) (rangeDecoder, uint32) {
	n, b := uint32(1), uint32(0)
	for n < uint32(len(p)) {
		r, b = r.norm(in).even(&p[n])
		n = n<<1 | b
	}
	return r, n - uint32(len(p))
}

// reverse decodes a number of some bits, from its lowest on.
func (r rangeDecoder) reverse(in []byte, p []prob, bits uint32) (rangeDecoder, uint32) {
	n, sum, b := uint32(1), uint32(0), uint32(0)
	for i := range bits {
		r, b = r.norm(in).even(&p[n])
		n = n<<1 | b
		sum |= b << i
	}
	return r, sum
}

// direct decodes bits that are all as likely.
func (r rangeDecoder) direct(in []byte, bits uint32) (rangeDecoder, uint32) {
	n := uint32(0)
	for range bits {
		r = r.norm(in)
		r.rng >>= 1
		d := uint64(r.code) - uint64(r.rng)
		zero := uint32(d >> 32)
		r.code = uint32(d) + r.rng&zero
		n = n<<1 + zero + 1
	}
	return r, n
}

// matched decodes a byte that differs from like.
func (r rangeDecoder) matched(in []byte, p []prob, like uint32) (rangeDecoder, uint32) {
	n, off, b := uint32(1), uint32(0x100), uint32(0)
	for n < 0x100 {
		like <<= 1
		bit := like & off
		r, b = r.norm(in).even(&p[off+bit+n])
		n = n<<1 | b
		off &= ^(bit ^ -b)
	}
	return r, n & 0xff
}
