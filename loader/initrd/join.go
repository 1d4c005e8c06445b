package initrd

import (
	"fmt"
	"os"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/initrd/cpio"
)

// errChanged is wrapped in the error of a join whose source is not what it was.
var errChanged = hint.Errorf("run the command again", "changed while it was being read")

// ErrTwoConfigs is wrapped in the error of a join in which two members end in a
// bootconfig: the kernel can take only one.
var ErrTwoConfigs = hint.Errorf("remove one of them (bootconfig -d FILE)", "both end in a bootconfig and the kernel takes one")

// JoinOptions say how to join. The zero value is systemd-boot's way for a Type
// #1 entry: zeros to a multiple of 4 between members, none after the last.
type JoinOptions struct {
	// PadLast pads the last member too, unless it is the only one:
	// systemd-stub's way for a UKI.
	PadLast bool
	// LastConfig keeps the last bootconfig and drops those before it, where
	// there would be ErrTwoConfigs.
	LastConfig bool
	// Progress, if not nil, is called with the bytes done and all bytes, at most ten
	// times a second and at the end.
	Progress func(done, total int64)
}

// A Layout is where each member is in the blob.
type Layout struct {
	Members []Placed // in order; empty members are left out
	Size    int64    // of the blob, bytes
}

// Placed is a member in the blob.
type Placed struct {
	Name    string
	Padding int64 // zeros before it, bytes
	Offset  int64
	Size    int64
	Config  bool // a bootconfig that was moved here from the end of the member of this name
}

// A Plan is a join that is decided but not yet written. It can be read and
// walked like the blob that it describes.
type Plan struct {
	Layout Layout
	blob   content
	opts   JoinOptions
}

// NewPlan decides how members are joined: in the given order, with empty ones
// left out, each at a multiple of 4, at least 4 zeros after lz4-legacy where
// something else follows (systemd-boot writes fewer there, and the kernel then
// loses what follows), and a bootconfig moved to the very end. It reads the
// headers of the members.
//
// Two bootconfigs are ErrTwoConfigs; more than MaxSize bytes are an error.
func NewPlan(members []Member, opts JoinOptions) (*Plan, error) {
	images, err := prepareImages(members, opts)
	if err != nil {
		return nil, err
	}
	p := &Plan{opts: opts}
	for i, pc := range images {
		pad := int64(0)
		if i > 0 {
			pad = padBetween(p.Layout.Size, images[i-1], pc)
		}
		p.place(pc, pad)
		if p.Layout.Size > MaxSize {
			return nil, fmt.Errorf("%s: initrd images are larger than 4 GiB together", pc.name)
		}
	}
	if opts.PadLast && len(images) > 1 && !images[len(images)-1].config {
		p.blob.add(run{size: cpio.Align(p.blob.size) - p.blob.size, name: "padding"})
		p.Layout.Size = p.blob.size
	}
	return p, nil
}

func (p *Plan) place(pc image, pad int64) {
	p.blob.add(run{size: pad, name: "padding"})
	p.Layout.Members = append(p.Layout.Members, Placed{
		Name: pc.name, Padding: pad, Offset: p.blob.size, Size: pc.size, Config: pc.config,
	})
	p.blob.join(pc.content)
	p.Layout.Size = p.blob.size
}

// padBetween is the number of zeros between an image that ends at end and the next.
func padBetween(end int64, a, b image) int64 {
	if b.config {
		// The kernel counts from the end, so the end is what is aligned; it
		// cuts the block off before it unpacks, so nothing in front matters.
		return cpio.Align(end+b.size) - b.size - end
	}
	pad := cpio.Align(end) - end
	if !a.tail.lz4 {
		return pad
	}
	if pad == 0 && a.tail.zeros == 0 && b.lz4 {
		return 0 // the decoder goes on from one stream to the next
	}
	return cpio.Align(end+max(0, 4-a.tail.zeros)) - end
}

// ReadAt implements io.ReaderAt over the blob.
func (p *Plan) ReadAt(b []byte, off int64) (int, error) { return p.blob.ReadAt(b, off) }

// Size is the length of the blob in bytes.
func (p *Plan) Size() int64 { return p.Layout.Size }

// Write writes the blob at the position of dst, which may be a file, a memfd
// or a pipe. A source that changes or shrinks meanwhile is an error; dst is then
// incomplete and of no use.
func (p *Plan) Write(dst *os.File) error {
	c := newCopier(dst, &progress{fn: p.opts.Progress, total: p.Layout.Size})
	return c.content(p.blob)
}
