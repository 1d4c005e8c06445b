package cpio

import "encoding/binary"

// Sum is the checksum of 070702 archives and of a bootconfig: all bytes added
// up, in 32 bits.
type Sum uint32

// Write adds up the bytes of p.
func (s *Sum) Write(p []byte) (int, error) {
	const even = 0x00ff00ff00ff00ff
	n := len(p)
	for len(p) >= 8 {
		// Four lanes of 16 bits have room for 128 pairs of bytes.
		var lanes uint64
		for i := 0; i < 128 && len(p) >= 8; i++ {
			v := binary.LittleEndian.Uint64(p)
			lanes += v&even + v>>8&even
			p = p[8:]
		}
		*s += Sum(lanes&0xffff + lanes>>16&0xffff + lanes>>32&0xffff + lanes>>48)
	}
	for _, c := range p {
		*s += Sum(c)
	}
	return n, nil
}
