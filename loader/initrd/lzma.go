package initrd

const (
	lzmaStates   = 12
	lzmaLitState = 7 // states below it follow a literal
	lzmaPosBits  = 4
	lzmaLiteral  = 0x300 // probabilities of one literal coder
	lzmaHalf     = 1 << 10
)

// A prob is the probability of a 0 bit, in 2048ths.
type prob = uint16

// An lzmaModel is what LZMA has learned so far.
type lzmaModel struct {
	lc, lpMask, pbMask uint32
	state              uint32
	rep                [4]uint32 // the last distances, less 1
	pending            int       // bytes of a match that found no room

	probs
}

type probs struct {
	match, rep0Long [lzmaStates][1 << lzmaPosBits]prob
	isRep           [lzmaStates]prob
	notRep0         [lzmaStates]prob
	notRep1         [lzmaStates]prob
	notRep2         [lzmaStates]prob
	slots           [4][64]prob
	special         [115]prob
	align           [16]prob
	length, repLen  lengths
	literals        [lzmaLiteral << lzmaPosBits]prob
}

type lengths struct {
	notLow, notMid prob
	low, mid       [1 << lzmaPosBits][8]prob
	high           [256]prob
}

// properties takes apart lc, lp and pb; LZMA2 allows lc+lp up to 4.
func (m *lzmaModel) properties(b byte) bool {
	if b >= 9*5*5 {
		return false
	}
	lc, lp, pb := uint32(b%9), uint32(b/9%5), uint32(b/45)
	m.lc, m.lpMask, m.pbMask = lc, 1<<lp-1, 1<<pb-1
	return lc+lp <= lzmaPosBits
}

func (m *lzmaModel) reset() {
	m.state, m.rep, m.pending = 0, [4]uint32{}, 0
	p := &m.probs
	for _, s := range [][]prob{p.isRep[:], p.notRep0[:], p.notRep1[:], p.notRep2[:], p.special[:], p.align[:], p.literals[:]} {
		even(s)
	}
	for i := range p.match {
		even(p.match[i][:])
		even(p.rep0Long[i][:])
	}
	for i := range p.slots {
		even(p.slots[i][:])
	}
	p.length.reset()
	p.repLen.reset()
}

func (l *lengths) reset() {
	l.notLow, l.notMid = lzmaHalf, lzmaHalf
	for i := range l.low {
		even(l.low[i][:])
		even(l.mid[i][:])
	}
	even(l.high[:])
}

func even(p []prob) {
	for i := range p {
		p[i] = lzmaHalf
	}
}

// decode adds n bytes to the window, which has room for them. It is false for
// input that no encoder makes.
func (m *lzmaModel) decode(r rangeDecoder, in []byte, w *window, n int) (rangeDecoder, bool) {
	end := w.pos + n
	if m.pending > 0 && !m.copy(w, end) {
		return r, false
	}
	for w.pos < end {
		var b uint32
		at := w.total & m.pbMask
		r, b = r.norm(in).bit(&m.match[m.state][at])
		if b == 0 {
			r = m.literal(r, in, w)
		} else {
			r = m.repeat(r, in, at)
			if !m.copy(w, end) {
				return r, false
			}
		}
		if r.pos > len(in)-lzmaSlack {
			return r, false
		}
	}
	return r, true
}

// copy does what there is room for of the match that is pending.
func (m *lzmaModel) copy(w *window, end int) bool {
	n := min(m.pending, end-w.pos)
	m.pending -= n
	return w.repeat(m.rep[0], n)
}

// literal decodes one byte: with the help of the byte that a match would have
// had here, right behind a match.
func (m *lzmaModel) literal(r rangeDecoder, in []byte, w *window) rangeDecoder {
	coder := uint32(w.at(0))>>(8-m.lc) + w.total&m.lpMask<<m.lc
	p := m.literals[coder*lzmaLiteral:][:lzmaLiteral]
	var b uint32
	if m.state < lzmaLitState {
		r, b = r.tree(in, p[:0x100])
	} else {
		r, b = r.matched(in, p, uint32(w.at(m.rep[0])))
	}
	w.buf[w.pos] = byte(b)
	w.advance(1)
	switch {
	case m.state < 4:
		m.state = 0
	case m.state < 10:
		m.state -= 3
	default:
		m.state -= 6
	}
	return r
}

// repeat decodes distance and length of a match.
func (m *lzmaModel) repeat(r rangeDecoder, in []byte, at uint32) rangeDecoder {
	base := uint32(7)
	if m.state >= lzmaLitState {
		base = 10
	}
	r, b := r.norm(in).bit(&m.isRep[m.state])
	if b == 0 {
		m.state = base
		r, m.pending = m.length.decode(r, in, at)
		copy(m.rep[1:], m.rep[:3])
		r, m.rep[0] = m.distance(r, in, uint32(min(m.pending, 5)-2))
		return r
	}
	r, b = r.norm(in).bit(&m.notRep0[m.state])
	if b == 0 {
		r, b = r.norm(in).bit(&m.rep0Long[m.state][at])
		if b == 0 {
			m.state, m.pending = min(base+2, 11), 1
			return r
		}
	} else {
		r = m.older(r, in)
	}
	m.state = min(base+1, 11)
	r, m.pending = m.repLen.decode(r, in, at)
	return r
}

// older makes one of the last distances but one the last.
func (m *lzmaModel) older(r rangeDecoder, in []byte) rangeDecoder {
	i := 1
	r, b := r.norm(in).bit(&m.notRep1[m.state])
	if b == 1 {
		r, b = r.norm(in).bit(&m.notRep2[m.state])
		i = 2 + int(b)
	}
	d := m.rep[i]
	copy(m.rep[1:i+1], m.rep[:i])
	m.rep[0] = d
	return r
}

func (l *lengths) decode(r rangeDecoder, in []byte, at uint32) (rangeDecoder, int) {
	r, b := r.norm(in).bit(&l.notLow)
	if b == 0 {
		r, b = r.tree(in, l.low[at][:])
		return r, int(b) + 2
	}
	r, b = r.norm(in).bit(&l.notMid)
	if b == 0 {
		r, b = r.tree(in, l.mid[at][:])
		return r, int(b) + 10
	}
	r, b = r.tree(in, l.high[:])
	return r, int(b) + 18
}

// distance decodes how far back a match is, less 1. kind is its length less 2,
// 3 at most.
func (m *lzmaModel) distance(r rangeDecoder, in []byte, kind uint32) (rangeDecoder, uint32) {
	r, slot := r.tree(in, m.slots[kind][:])
	if slot < 4 {
		return r, slot
	}
	bits := slot>>1 - 1
	dist := (2 | slot&1) << bits
	if slot < 14 {
		r, low := r.reverse(in, m.special[dist-slot:], bits)
		return r, dist + low
	}
	r, high := r.direct(in, bits-4)
	r, low := r.reverse(in, m.align[:], 4)
	return r, dist + high<<4 + low
}
