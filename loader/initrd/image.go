package initrd

import (
	"fmt"

	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
	"github.com/kexec-bls/kexec-bls/loader/initrd/cpio"
	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/readat"
)

// An image is a member that is ready to be placed.
type image struct {
	content
	name   string
	config bool // a bootconfig block
	lz4    bool // its first bytes are an lz4-legacy header
	tail   tail
}

// prepareImages drops what is empty, puts a bootconfig last, and looks at the
// rest.
func prepareImages(members []Member, opts JoinOptions) ([]image, error) {
	images, err := cutImages(members, opts)
	if err != nil {
		return nil, err
	}
	for i := range images {
		if err := images[i].look(i < len(images)-1); err != nil {
			return nil, fmt.Errorf("%s: %w", images[i].name, err)
		}
	}
	return images, nil
}

// cutImages drops what is empty and puts a bootconfig last.
func cutImages(members []Member, opts JoinOptions) ([]image, error) {
	var images []image
	total := int64(0)
	for _, m := range members {
		c, err := m.content()
		if err != nil {
			return nil, err
		}
		if total += c.size; total > MaxSize {
			return nil, fmt.Errorf("%s: initrd images are larger than 4 GiB together", m.Name)
		}
		if c.size > 0 {
			images = append(images, image{content: c, name: m.Name})
		}
	}
	return moveConfig(images, opts)
}

// look finds out what matters for the padding around the image; more: another
// one follows.
func (p *image) look(more bool) error {
	if p.config {
		return nil
	}
	head := make([]byte, min(p.size, int64(len(compress.LZ4Magic))))
	if err := readat.Full(p, head, 0); err != nil {
		return err
	}
	p.lz4 = string(head) == compress.LZ4Magic
	if !more {
		return nil
	}
	var err error
	p.tail, err = tailOf(p.content)
	return err
}

// moveConfig cuts a bootconfig block off the image that ends in it and makes
// it the last image, unless it ends the blob already. Where the length or the
// sum of the block is wrong the kernel does not take it for one; it stays.
func moveConfig(images []image, opts JoinOptions) ([]image, error) {
	var block *image
	var out []image
	for i, p := range images {
		b, found, err := findBootconfig(p, p.size, true)
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
		if block == nil && i == len(images)-1 && staysLast(p, b, opts.PadLast && i > 0) {
			return append(out, p), nil
		}
		block = &image{content: p.slice(b.start, b.end), name: p.name, config: true}
		if b.start > 0 {
			out = append(out, image{content: p.slice(0, b.start), name: p.name})
		}
	}
	if block != nil {
		out = append(out, *block)
	}
	return out, nil
}

// staysLast reports whether the kernel finds block b at the end of p where p ends
// the blob.
func staysLast(p image, b bootconfig, padded bool) bool {
	slack := p.size - b.end
	if padded {
		slack += cpio.Align(p.size) - p.size
	}
	return slack <= configSlack
}
