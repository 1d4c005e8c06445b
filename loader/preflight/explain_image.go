package preflight

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/internal/refusal"
)

const reinstall = "install the kernel again"

// badImage explains what is wrong with the files or the command line:
//   - ENOEXEC: no loader of the kernel knows the image (x86: not a bzImage, too
//     old, for 32 bits, cut short);
//   - EINVAL: a file that is empty or not regular; a line that is too long;
//     arm64, riscv, loongarch: not their magic, a page size or an endianness
//     that the CPU lacks; too many segments; an unknown flag;
//   - EFBIG: more than the kernel reads, 4 GiB, 2 GiB in older ones;
//   - ETXTBSY: somebody has a file open for writing;
//   - EBADF: a descriptor that is not open for reading; EFAULT: a bad pointer;
//   - EIO, and what drivers and network file systems answer when a disk is gone.
func badImage(_ *look, r *refusedLoad) []Finding {
	image := r.Image
	switch r.Errno {
	case unix.EFBIG:
		return bad(larger(image)+" is larger than the kernel reads", "make the initrd smaller")
	case unix.ETXTBSY:
		return bad(written(image)+" is open for writing", "wait until the update that writes it has ended")
	case unix.EBADF:
		return bad("a file is not open for reading", "report this as a bug")
	case unix.EFAULT:
		return bad("the command line is not in memory", "report this as a bug")
	case unix.EINVAL:
		return invalidFiles(image)
	case unix.ENOEXEC:
		return wrongFormat(image.Format)
	case unix.EIO, unix.ENODEV, unix.ENXIO, unix.ESTALE:
		return bad(onDisk(image)+" cannot be read", "see whether its disk or partition is still there and whole")
	}
	return nil
}

func bad(text, hint string) []Finding { return one(Error, IDPlan, text, hint) }

// invalidFiles finds what EINVAL is surely about.
func invalidFiles(image refusal.Image) []Finding {
	for _, p := range []refusal.Part{image.Kernel, image.Initrd} {
		switch {
		case p.Name == "":
		case !p.Regular:
			return bad(p.Name+" is not a regular file", "give a regular file")
		case p.Size == 0:
			return bad(p.Name+" is empty", "give a file with content; leave out an empty initrd")
		}
	}
	if image.CmdlineMax > 0 && image.Cmdline > image.CmdlineMax {
		return bad(fmt.Sprintf("the command line is %d characters long, the kernel image takes %d", image.Cmdline, image.CmdlineMax), "shorten it")
	}
	return nil
}

// invalidImage is what EINVAL is about where nothing is sure.
func invalidImage(image refusal.Image) []Finding {
	switch image.Format {
	case refusal.BzImage:
		return bad("this kernel does not take such an image or command line", "shorten the command line, or load another kernel")
	case refusal.ARM64:
		return bad("the image is for another page size or endianness than this CPU has, or broken", "load another kernel")
	}
	return wrongFormat(image.Format)
}

// wrongFormat explains an image of a kind that the running kernel cannot load.
func wrongFormat(f refusal.Format) []Finding {
	switch f {
	case refusal.BzImage:
		return bad("the bzImage is cut short, too old (boot protocol below 2.12) or for 32 bits", reinstall)
	case refusal.GzipFile, refusal.ZstdFile, refusal.XZFile, refusal.Zboot:
		return bad(fmt.Sprintf("the kernel image is a %s, which this kernel does not unpack", f), "unpack it first")
	case refusal.EFIProgram:
		return bad("the image is an EFI program, which kexec does not start", "load the kernel itself; in a unified kernel image it is the section .linux")
	case "":
		return bad("the file is no kernel image", "give a kernel image for this machine")
	}
	return bad(fmt.Sprintf("this kernel does not load a kernel image of this kind (%s)", f), "load a kernel image for this machine")
}

// larger names the larger file.
func larger(m refusal.Image) string {
	if m.Initrd.Size > m.Kernel.Size {
		return m.Initrd.Name
	}
	return m.Kernel.Name
}

// onDisk names the files that come from a disk; it is one of those that cannot
// be read.
func onDisk(m refusal.Image) string {
	var names []string
	for _, p := range []refusal.Part{m.Kernel, m.Initrd} {
		if p.Name != "" && !p.Memfd {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return "a file"
	}
	return strings.Join(names, " or ")
}

// written names the file that we have open for writing ourselves; else it is
// somebody else who has one of the two. The descriptor of a memfd may be.
func written(m refusal.Image) string {
	for _, p := range []refusal.Part{m.Kernel, m.Initrd} {
		if p.Writable && !p.Memfd {
			return p.Name
		}
	}
	if m.Initrd.Name == "" {
		return m.Kernel.Name
	}
	return m.Kernel.Name + " or " + m.Initrd.Name
}
