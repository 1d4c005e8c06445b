package preflight

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// An Env is where the checks look. A zero Host is a machine of which nothing is
// known.
type Env struct {
	Host host.Machine
	Vars efivar.Vars
	// Timeout for all checks together; 0 is DefaultTimeout.
	Timeout time.Duration

	evidence bool // it is kept what was read
}

// A Plan is what is to be loaded, as far as it matters here. In the zero value
// nothing is known of it.
type Plan struct {
	// Loaded reports that the image is loaded already: what would prevent a load
	// does not matter any more. Without a Cmdline that one is not known.
	Loaded bool
	// Entry is the id; "" for given files.
	Entry string
	// OneShot reports that LoaderEntryOneShot chose the entry, so that it will be
	// consumed.
	OneShot bool
	// Counted reports that the entry's file name has a boot counter, TriesLeft
	// what is left; 0 is a bad entry.
	Counted   bool
	TriesLeft int
	// Cmdline is the command line for the new kernel, Running the current one.
	Cmdline, Running string
	Kernel           Kernel
	// Memory is what the load takes, in bytes; 0 is not known.
	Memory int64
	// Segment is the size of the largest segment, in bytes; 0 is not known.
	Segment int64
	// InitrdNames are its files. InitrdReleases are the kernels that it has
	// modules for; empty is not known.
	InitrdNames, InitrdReleases []string
	// Boot are the directories of the boot partitions, absolute.
	Boot []string
	// Unlock looks at encrypted volumes; nil: only crypttab and the command line are
	// looked at.
	Unlock Unlock
}

// A Kernel is the kernel file of a plan.
type Kernel struct {
	Name      string // path, for messages
	Release   string // as uname -r; "" is not known
	Format    string // "bzImage", "Image", ...
	Size      int64  // bytes
	Signature Signature
	// Inner reports that it is a part of an image, which may be signed as a whole.
	Inner bool
}

// A look is one check's view of the machine.
type look struct {
	Env
	Plan   Plan
	host   host.Machine // Env.Host, which notes in record what is read
	record *record
}

// A record is what one check has read, each once, and what permissions hide.
type record struct {
	paths     []string // below the root directory
	variables []Evidence
	unseen    []string
}

func (r *record) hide(what string) { r.unseen = append(r.unseen, what) }

func newLook(env Env, plan Plan) *look {
	l := &look{Env: env, Plan: plan, host: env.Host, record: &record{}}
	if env.Host.FS != nil {
		l.host = env.Host.WithFS(witness{env.Host.FS, l.record})
	}
	return l
}

// A witness is a root directory that notes which paths are read, and which of
// them permissions hide.
type witness struct {
	fs.FS
	record *record
}

func (w witness) note(name string, err error) {
	if errors.Is(err, fs.ErrPermission) {
		w.record.hide("/" + name)
		return
	}
	if !slices.Contains(w.record.paths, name) {
		w.record.paths = append(w.record.paths, name)
	}
}

// Open notes the path.
func (w witness) Open(name string) (fs.File, error) {
	f, err := w.FS.Open(name)
	w.note(name, err)
	return f, err
}

// Stat notes the path.
func (w witness) Stat(name string) (fs.FileInfo, error) {
	info, err := fs.Stat(w.FS, name)
	w.note(name, err)
	return info, err
}

// ReadDir notes the path.
func (w witness) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(w.FS, name)
	w.note(name, err)
	return entries, err
}

// Lstat notes nothing.
func (w witness) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(w.FS, name) }

// ReadLink notes a path that exists or does not, and nothing that is hidden.
func (w witness) ReadLink(name string) (string, error) {
	target, err := fs.ReadLink(w.FS, name)
	if err == nil || missing(err) {
		w.note(name, err)
	}
	return target, err
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// parameter returns the value of the last KEY=VALUE on a command line.
func parameter(cmdline, key string) string {
	value := ""
	for p := range strings.FieldsSeq(cmdline) {
		if v, ok := strings.CutPrefix(p, key+"="); ok {
			value = v
		}
	}
	return value
}
