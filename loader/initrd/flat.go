package initrd

import (
	"errors"
	"fmt"
	"os"
)

// FlatOptions say how to flatten. Whether a flat archive is worth it depends on
// the machine: the kernel unpacks it faster, but before
// that the purgatory of x86 sums every byte that was loaded, in plain C
// (arch/x86/purgatory/purgatory.c), and of a flat archive there are more.
//
// From reboot(KEXEC) to /init, of it unpacking, 60 MiB of modules in zstd,
// Linux 6.1, under QEMU's TCG (TestLongKernelTimesFlat, the run that was
// disturbed least; medians of five pairs on a busy host: ratio 1.8):
//
//	joined                        16 MiB   6.5 s, 2.4 s
//	flat                          67 MiB   9.2 s, 1.8 s
//	joined, zeros to 67 MiB       67 MiB  10.7 s, 4.1 s
//
// So in the emulator size alone costs more than the decompression that is
// spared. It translates SHA-256 and zstd alike and has no caches, so it shows
// where the time goes, and that the content is the same, but not the ratio on
// a real processor.
type FlatOptions struct {
	// MemAvailable is how many bytes of memory may be used, as in
	// /proc/meminfo; flattening needs about twice the flat size. 0 means as many
	// as Limit allows.
	MemAvailable int64
	// Limit is how many bytes the members may unpack to together; 0 is
	// DefaultLimit.
	Limit int64
	// LastConfig is that of JoinOptions.
	LastConfig bool
	// Progress, if not nil, is told the bytes of the members that were unpacked
	// and all their bytes, at most ten times a second and at the end.
	Progress func(done, total int64)
}

// A FlatError tells why members cannot be flattened though they may be joined;
// nothing was written then.
type FlatError struct {
	Member string // the one at fault; "" for all together
	Err    error
}

func (e *FlatError) Error() string {
	if e.Member == "" {
		return fmt.Sprintf("cannot flatten: %v", e.Err)
	}
	return fmt.Sprintf("cannot flatten %s: %v", e.Member, e.Err)
}

// Unwrap returns Err.
func (e *FlatError) Unwrap() error { return e.Err }

// Flat makes one uncompressed archive of what the members unpack to, so that
// the new kernel has nothing to decompress and nothing twice: the tree that the
// kernel would make of them joined in this order, by its own rules for what
// comes twice, with hard links, device nodes, owners, modes and times. Early
// archives at the front stay in front as they are; a bootconfig comes last.
//
// The archive is in a new file from Create, which the caller closes. The first
// compressed stream, the main image as a rule, is decoded to where it stays, and
// what others add comes behind it; all is written anew only where one of them
// replaces something.
//
// Where members cannot be flattened the error is a *FlatError; the caller joins
// instead. Memory besides the files goes with the number of files in them.
func Flat(members []Member, opts FlatOptions) (*os.File, Layout, error) {
	f, err := newFlattener(members, opts)
	if err != nil {
		return nil, Layout{}, err
	}
	defer f.close()
	if err := f.unpack(); err != nil {
		return nil, Layout{}, err
	}
	out, err := f.flat()
	if err == nil {
		err = f.unchanged()
	}
	if err != nil {
		out.close()
		return nil, Layout{}, err
	}
	f.lead.kept = out == f.lead.out
	return out.File, out.layout, nil
}

// flat adds to the stream that is in place, or writes everything anew. The
// file is not nil where there is one to close.
func (f *flattener) flat() (*flatFile, error) {
	if f.lead.out != nil {
		stays, err := f.plant(true)
		if err != nil {
			return nil, err
		}
		if stays {
			return f.lead.out, f.extend()
		}
	}
	if _, err := f.plant(false); err != nil {
		return nil, err
	}
	return f.rewrite()
}

// extend writes what the lead does not have behind it.
func (f *flattener) extend() error {
	a := &archiver{tree: f.tree, sources: f.sources, major: f.lead.freeMajor()}
	size, err := a.measure()
	if err != nil {
		return &FlatError{Err: err}
	}
	if err := f.fits(f.lead.at + f.lead.end + size); err != nil {
		return err
	}
	out := f.lead.out
	if err := out.cut(f.lead.at + f.lead.end); err != nil {
		return err
	}
	if err := a.write(out.c); err != nil {
		return err
	}
	out.end(size)
	return f.finish(out)
}

// rewrite writes the whole tree.
func (f *flattener) rewrite() (*flatFile, error) {
	a := &archiver{tree: f.tree, sources: f.sources}
	size, err := a.measure()
	if err != nil {
		return nil, &FlatError{Err: err}
	}
	if err := f.fits(size); err != nil {
		return nil, err
	}
	out, err := newFlatFile(f.front)
	if err != nil {
		return out, err
	}
	if err := out.begin("flattened"); err != nil {
		return out, err
	}
	if err := a.write(out.c); err != nil {
		return out, err
	}
	out.end(size)
	return out, f.finish(out)
}

// finish puts the bootconfig last.
func (f *flattener) finish(out *flatFile) error {
	if f.config == nil {
		return nil
	}
	return out.put(*f.config)
}

// fits tells whether there is room for an archive of size bytes besides what
// was unpacked.
func (f *flattener) fits(size int64) error {
	all := size + f.unpacked()
	switch {
	case size > MaxSize:
		return &FlatError{Err: errors.New("the flat archive is larger than 4 GiB")}
	case f.opts.MemAvailable > 0 && all > f.opts.MemAvailable:
		return &FlatError{Err: fmt.Errorf("it takes %d MiB of memory and %d MiB are available", all>>20, f.opts.MemAvailable>>20)}
	}
	return nil
}
