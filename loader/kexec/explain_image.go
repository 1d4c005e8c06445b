package kexec

import (
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// badImage explains what is wrong with the files or the command line:
//   - ENOEXEC: no loader of the kernel knows the image (x86: not a bzImage, too
//     old, for 32 bits, cut short);
//   - EINVAL: a file that is empty or not regular; a line that is too long;
//     arm64, riscv, loongarch: not their magic, a page size or an endianness
//     that the CPU lacks; too many segments; an unknown flag;
//   - EFBIG: more than the kernel reads, 4 GiB, 2 GiB in older ones;
//   - ETXTBSY: somebody has a file open for writing;
//   - EBADF: a descriptor that is not open for reading; EFAULT: a bad pointer;
//   - EIO, and what drivers and network file systems say when a disk is gone.
func badImage(errno syscall.Errno, s System) reason {
	image := s.Image
	switch errno {
	case unix.EFBIG:
		return reason{fmt.Sprintf("%s is larger than the kernel reads", image.larger()), "make the initrd smaller"}
	case unix.ETXTBSY:
		return reason{image.open() + " is open for writing", "wait until the update that writes it has ended"}
	case unix.EBADF:
		return reason{"a file is not open for reading", "this is a bug of the caller"}
	case unix.EFAULT:
		return reason{"the command line is not in memory", "this is a bug of the caller"}
	case unix.EINVAL:
		return invalid(s)
	case unix.ENOEXEC:
		return format(image.Format)
	}
	return reason{image.onDisk() + " cannot be read", "see whether its disk or partition is still there and whole"}
}

// invalid finds what EINVAL is about.
func invalid(s System) reason {
	image := s.Image
	for _, p := range []Part{image.Kernel, image.Initrd} {
		switch {
		case p.Name == "":
		case !p.Regular:
			return reason{p.Name + " is not a regular file", "give a regular file"}
		case p.Size == 0:
			return reason{p.Name + " is empty", "give a file with content; leave out an empty initrd"}
		}
	}
	switch {
	case image.CmdlineMax > 0 && image.Cmdline > image.CmdlineMax:
		return reason{
			fmt.Sprintf("the command line is %d characters long, the kernel image takes %d", image.Cmdline, image.CmdlineMax),
			"shorten it",
		}
	case s.Xen0:
		return s.strange(reason{})
	case image.Format == "bzImage":
		return reason{"this kernel does not take such an image or command line", "shorten the command line, or load another kernel"}
	case image.Format == "arm64 Image":
		return reason{"the image is for another page size or endianness than this CPU has, or broken", "load another kernel"}
	}
	return format(image.Format)
}

// format explains an image of a kind that the running kernel cannot load.
func format(f Format) reason {
	switch f {
	case "bzImage":
		return reason{"the bzImage is cut short, too old (boot protocol below 2.12) or for 32 bits", reinstall}
	case "gzip file", "zstd file", "xz file", "self-decompressing EFI image":
		return reason{fmt.Sprintf("the kernel image is a %s, which this kernel does not unpack", f), "unpack it first"}
	case "EFI program":
		return reason{"the image is an EFI program, which kexec does not start", "load the kernel itself; in a unified kernel image it is the section .linux"}
	case "":
		return reason{"the file is no kernel image", "give a kernel image for this machine"}
	}
	return reason{fmt.Sprintf("this kernel does not load a kernel image of this kind (%s)", f), "load a kernel image for this machine"}
}

// larger names the larger file.
func (m Image) larger() string {
	if m.Initrd.Size > m.Kernel.Size {
		return m.Initrd.Name
	}
	return m.Kernel.Name
}

// onDisk names the files that come from a disk; it is one of those that cannot
// be read.
func (m Image) onDisk() string {
	var names []string
	for _, p := range []Part{m.Kernel, m.Initrd} {
		if p.Name != "" && !p.Memfd {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return "a file"
	}
	return strings.Join(names, " or ")
}

// open names the file that we have open for writing ourselves; else it is
// somebody else who has one of the two. The descriptor of a memfd may be.
func (m Image) open() string {
	for _, p := range []Part{m.Kernel, m.Initrd} {
		if p.Writable && !p.Memfd {
			return p.Name
		}
	}
	if m.Initrd.Name == "" {
		return m.Kernel.Name
	}
	return m.Kernel.Name + " or " + m.Initrd.Name
}
