package plan

import "github.com/kexec-bls/kexec-bls/loader/initrd"

// Memory is how much memory a load takes that is not taken yet, in bytes. The
// kernel reads both files into memory of its own (kernel_read_file) and copies
// them to their segments, of which the kernel's is as large as the kernel
// unpacked: unpacked, in bytes, 0 if not known. What is joined or cut out of a
// larger file is in a memfd besides. Swap is no help: most of it is the
// kernel's own, and near the edge the kernel kills a process first.
func (p *Plan) Memory(unpacked int64) int64 {
	kernel := p.Kernel.Size()
	need := kernel + max(kernel, unpacked) + copied([]initrd.Member{p.Kernel})
	for _, m := range p.Initrd {
		need += 2 * m.Size()
	}
	return need + copied(p.Initrd)
}

// Segment is the size of the largest segment of a load, in bytes: the kernel, which
// may unpack in place, or the initrd.
func (p *Plan) Segment(unpacked int64) int64 {
	var initrds int64
	for _, m := range p.Initrd {
		initrds += m.Size()
	}
	return max(p.Kernel.Size(), unpacked, initrds)
}

// copied is the size of the memfd that members go to.
func copied(members []initrd.Member) (size int64) {
	if wholeFile(members) != nil {
		return 0
	}
	for _, m := range members {
		size += m.Size()
	}
	return size
}
