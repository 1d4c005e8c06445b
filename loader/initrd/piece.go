package initrd

import "fmt"

// A piece is a member that is ready to be placed.
type piece struct {
	content
	name   string
	config bool // a bootconfig block
	lz4    bool // its first bytes are an lz4-legacy header
	tail   tail
}

// preparePieces drops what is empty, puts a bootconfig last, and looks at the
// rest.
func preparePieces(members []Member, opts JoinOptions) ([]piece, error) {
	pieces, err := cutPieces(members, opts)
	if err != nil {
		return nil, err
	}
	for i := range pieces {
		if err := pieces[i].look(); err != nil {
			return nil, fmt.Errorf("%s: %w", pieces[i].name, err)
		}
	}
	return pieces, nil
}

// cutPieces drops what is empty and puts a bootconfig last.
func cutPieces(members []Member, opts JoinOptions) ([]piece, error) {
	var pieces []piece
	for _, m := range members {
		c, err := m.content()
		if err != nil {
			return nil, err
		}
		if c.size > 0 {
			pieces = append(pieces, piece{content: c, name: m.Name})
		}
	}
	return moveConfig(pieces, opts)
}

// look finds out what matters for the padding around the piece.
func (p *piece) look() error {
	if p.config {
		return nil
	}
	head := make([]byte, min(p.size, int64(len(lz4Magic))))
	if err := readFull(p, head, 0); err != nil {
		return err
	}
	p.lz4 = string(head) == lz4Magic
	var err error
	p.tail, err = tailOf(p.content, p.size)
	return err
}

// moveConfig cuts a bootconfig block off the piece that ends in it and makes
// it the last piece, unless it ends the blob already. Where the length or the
// sum of the block is wrong the kernel does not take it for one; it stays.
func moveConfig(pieces []piece, opts JoinOptions) ([]piece, error) {
	var block *piece
	var out []piece
	for i, p := range pieces {
		b, found, err := findBootconfig(p, p.size)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		if !found || !b.valid {
			out = append(out, p)
			continue
		}
		if block != nil && !opts.LastConfig {
			return nil, fmt.Errorf("%s, %s: %w", block.name, p.name, ErrTwoConfigs)
		}
		if block == nil && i == len(pieces)-1 && staysLast(p, b, opts.PadLast && i > 0) {
			return append(out, p), nil
		}
		block = &piece{content: p.slice(b.start, b.end), name: p.name, config: true}
		if b.start > 0 {
			out = append(out, piece{content: p.slice(0, b.start), name: p.name})
		}
	}
	if block != nil {
		out = append(out, *block)
	}
	return out, nil
}

// staysLast tells whether the kernel finds block b at the end of p where p ends
// the blob.
func staysLast(p piece, b bootconfig, padded bool) bool {
	slack := p.size - b.end
	if padded {
		slack += align4(p.size) - p.size
	}
	return slack <= configSlack
}
