// Package host reads facts of a machine from its root directory: what procfs,
// sysfs and a few files show of its kernel, firmware, security settings and
// init system. Each fact is read in one place. The package changes nothing and
// runs no program, and no read of it blocks: only regular files are opened, and
// of block devices what is asked for.
//
// A fact that cannot be read is a value: "", nil, 0 or Unknown.
package host

import (
	"io/fs"
	"os"
	"runtime"
	"sync"
)

// A Machine is where facts are read. The zero value is a machine of which
// nothing is known.
type Machine struct {
	// FS is the root directory, with proc, sys, etc, boot, usr and run below it.
	// nil has no files.
	FS fs.FS
	// Dir is where FS is mounted, "/" for the running machine: for what must be
	// written or mounted. "" is nowhere.
	Dir string
	// GOARCH is the architecture as runtime.GOARCH has it.
	GOARCH string
	// UID is the effective user of the process.
	UID int
	// PageSize is the kernel's, in bytes; 0 is 4096.
	PageSize int
	// CPUID is the instruction of x86; nil where it cannot be asked.
	CPUID func(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)

	// constants are the facts that stay what they are while a kernel runs, by the
	// file that has them, once they were read; nil: they are read each time.
	constants *sync.Map
}

// Running returns the machine that the process runs on. What stays as it is while
// its kernel runs is read once.
func Running() Machine {
	m := At("/")
	m.constants = &sync.Map{}
	m.UID, m.CPUID = os.Geteuid(), cpuid()
	return m
}

// At returns the machine whose root directory is dir, with the architecture and
// page size of this one, and user 0. Nothing is known of its processor.
func At(dir string) Machine {
	return Machine{FS: dirFS(dir), Dir: dir, GOARCH: runtime.GOARCH, PageSize: os.Getpagesize()}
}

// WithFS returns the machine with another root directory, or another look at it.
func (m Machine) WithFS(fsys fs.FS) Machine {
	m.FS = fsys
	if m.constants != nil {
		m.constants = &sync.Map{}
	}
	return m
}

// Page returns the page size in bytes.
func (m Machine) Page() int64 {
	if m.PageSize > 0 {
		return int64(m.PageSize)
	}
	return 4096
}

// A Tristate answers a question that cannot always be answered.
type Tristate int8

// The answers. The zero value is Unknown.
const (
	Unknown Tristate = iota
	No
	Yes
)

// String returns unknown, no or yes.
func (t Tristate) String() string {
	switch t {
	case No:
		return "no"
	case Yes:
		return "yes"
	}
	return "unknown"
}

func tristate(yes bool) Tristate {
	if yes {
		return Yes
	}
	return No
}
