package compress

const lzmaHeaderSize = 13

// lzmaHeader goes over the header of the "alone" format
// (lib/decompress_unlzma.c) and returns what decides about the dictionary.
func lzmaHeader(p *picker) (dict, content uint64) {
	if props := p.u8(); props >= 9*5*5 {
		p.damaged("its properties are out of range")
	}
	dict = uint64(p.le32())
	content = p.le64()
	p.skip(1) // the decoder begins with 5 bytes, of which the first is not used
	p.skip(4)
	return dict, content
}
