package preflight

import (
	"io/fs"
	"time"
)

// An Env is the machine. A nil file system is one that is not mounted; the
// zero value is a machine of which nothing is known.
type Env struct {
	Proc, Sys fs.FS // procfs and sysfs
	// Root is the root directory: /etc, /boot, /usr, /run, /var, /lib and /dev
	// are looked at. Its links may lead anywhere in the machine.
	Root fs.FS
	// EFIVars is efivarfs: NAME-VENDOR, 4 bytes of attributes, then the value.
	EFIVars fs.FS
	GOARCH  string // as runtime.GOARCH
	UID     int    // effective
	// PageSize is the kernel's, in bytes; 0: 4096.
	PageSize int
	// Timeout for all checks together; 0: DefaultTimeout.
	Timeout time.Duration
}

// A Plan is what is to be loaded, as far as it matters here. In the zero value
// nothing is known of it.
type Plan struct {
	// Loaded says that the image is loaded already: what stands in the way of a
	// load does not matter any more. Without a Cmdline that one is not known.
	Loaded bool
	// Broken is why a load would refuse the plan before it asks the kernel.
	Broken error
	// Entry is the id; "" for a load by hand.
	Entry string
	// OneShot says that LoaderEntryOneShot chose the entry, so that it will be
	// used up.
	OneShot bool
	// Counted says that the entry's file name has a boot counter, TriesLeft
	// what is left; 0 is a bad entry.
	Counted   bool
	TriesLeft int
	// Cmdline is the command line for the new kernel, Running the one in force.
	Cmdline, Running string
	Kernel           Kernel
	// Memory is what the load takes, in bytes; 0: not known.
	Memory int64
	// InitrdNames are its files. InitrdReleases are the kernels that it has
	// modules for; empty: not known.
	InitrdNames, InitrdReleases []string
	// Boot are the directories of the boot partitions, absolute.
	Boot []string
}

// A Kernel is the kernel file of a plan.
type Kernel struct {
	Name      string // path, for messages
	Release   string // as uname -r; "": not known
	Format    string // "bzImage", "Image", ...
	Size      int64  // bytes
	Signature Signature
	// Inner says that it is a part of an image, which may be signed as a whole.
	Inner bool
}

// A look is one check's view of the machine.
type look struct {
	Env
	Plan   Plan
	proc   tree
	sys    tree
	root   tree
	efi    tree
	unseen []string // paths that permissions hid
}

func newLook(env Env, plan Plan) *look {
	l := &look{Env: env, Plan: plan}
	l.proc = newTree(env.Proc, "/proc", &l.unseen)
	l.sys = newTree(env.Sys, "/sys", &l.unseen)
	l.root = newTree(env.Root, "", &l.unseen)
	l.efi = newTree(env.EFIVars, "/sys/firmware/efi/efivars", &l.unseen)
	return l
}

func (l *look) isRoot() bool { return l.UID == 0 }

// release is the running kernel's.
func (l *look) release() string { return l.proc.text("sys/kernel/osrelease") }

func (l *look) pageSize() int64 {
	if l.PageSize > 0 {
		return int64(l.PageSize)
	}
	return 4096
}
