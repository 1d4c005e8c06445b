package loader

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/internal/cmdline"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
	"github.com/kexec-bls/kexec-bls/loader/internal/output"
	"github.com/kexec-bls/kexec-bls/loader/plan"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

// A Kernel is the kernel of a plan.
type Kernel struct {
	Name    string // of its file
	Size    int64  // bytes
	Format  string // "bzImage", "Image", ...; "" for none that is known
	Version string // "6.12.1-arch1-1 (build@host) #1 ..."; "" where the file does not tell
	Release string // as uname -r: the start of Version
}

// An InitrdMember is one file, section or generated archive of the initrd.
type InitrdMember struct {
	Name   string // origin
	Offset int64  // in the initrd as it is loaded, bytes
	Size   int64  // bytes
	Format string // "cpio", "zstd", "bootconfig", ...; "" for none that is known
}

// Name is the entry's id, or the kernel's file where there is no entry.
func (p *Plan) Name() string {
	if p.entry != nil {
		return p.entry.ID
	}
	return p.files.Kernel.Name
}

// Entry is nil for files that were named one by one.
func (p *Plan) Entry() *entries.Entry { return p.entry }

// System is that of the entry; nil for files that were named one by one.
func (p *Plan) System() *entries.System { return p.sys }

// offline reports whether the entry is of a system that does not run.
func (p *Plan) offline() bool { return p.sys != nil && p.sys.Offline() }

// Kernel returns the kernel.
func (p *Plan) Kernel() Kernel {
	return Kernel{p.files.Kernel.Name, p.files.Kernel.Size(), string(p.kernel.Format), p.kernel.Version, p.Release()}
}

// Release is the release of the kernel as uname -r has it; "" where its file does
// not tell.
func (p *Plan) Release() string { return releaseOf(p.kernel.Version) }

// Cmdline is the command line for the kernel.
func (p *Plan) Cmdline() string { return p.files.Cmdline }

// Initrd returns the members of the initrd in the order of the kernel's reading;
// nil where a file of it can no longer be read, which fails a load.
func (p *Plan) Initrd() []InitrdMember {
	blob, err := p.join()
	if err != nil {
		return nil
	}
	var members []InitrdMember
	for _, m := range blob.Layout.Members {
		head := make([]byte, 8)
		n, _ := blob.ReadAt(head, m.Offset) // likewise
		format := initrd.Detect(head[:n])
		if m.Config {
			format = initrd.Config
		}
		members = append(members, InitrdMember{m.Name, m.Offset, m.Size, string(format)})
	}
	return members
}

// join decides once how the initrds are joined.
func (p *Plan) join() (*initrd.Plan, error) {
	if p.joined != nil {
		return p.joined, nil
	}
	var err error
	p.joined, err = p.files.Blob(nil)
	return p.joined, err
}

// InitrdSize is the size of the initrd with the zeros between and after its
// members, in bytes; 0 without one, or where it can no longer be read.
func (p *Plan) InitrdSize() int64 {
	blob, err := p.join()
	if err != nil {
		return 0
	}
	return blob.Size()
}

// Findings about a plan that a load would refuse.
const (
	FindingPlan                      = preflight.IDPlan    // the kernel would refuse it, or not come up
	FindingSecureBootImage FindingID = "secure-boot-image" // the firmware would not start its image
)

func brokenID(err error) FindingID {
	var refused *plan.SecureBootError
	if errors.As(err, &refused) {
		return FindingSecureBootImage
	}
	return FindingPlan
}

// Findings returns what the kernel would refuse or drop of the plan, the gravest
// first. What is found about the machine is in Check.
func (p *Plan) Findings() []Finding {
	var found []Finding
	if p.broken != nil {
		found = append(found, finding.Of(brokenID(p.broken), finding.Error, p.broken))
	}
	found = append(found, p.report.Findings...)
	found = append(found, p.measuredOS()...)
	finding.Sort(found)
	return found
}

// Broken returns why the kernel would refuse the plan or not come up; nil for a
// plan that it takes.
func (p *Plan) Broken() error { return p.failed(p.broken) }

// Warnings are what differs from what the entry asks for.
func (p *Plan) Warnings() []string { return p.files.Warnings }

// Changes compares the command line with that of the running kernel. A system
// that does not run has none.
func (p *Plan) Changes() []Change {
	if p.offline() || p.unread {
		return nil
	}
	return cmdline.Diff(p.host.Cmdline(), p.files.Cmdline)
}

// oneShot reports whether a setting for one boot chose the entry.
func (p *Plan) oneShot() bool {
	if p.options.Named || p.sys == nil {
		return false
	}
	c, err := p.sys.Default()
	return err == nil && c.OneShot && c.Entry == p.entry
}

// Export writes linux, initrd and cmdline to a directory, as they would be
// loaded but without what only a kexec on this machine needs on the command line,
// and without the boot secret unless PlanOptions.Secrets is set.
// Without initrds there is no file initrd. The directory is made; a file is
// written whole or not at all.
func (p *Plan) Export(dir string) error {
	if !p.options.Secrets && slices.ContainsFunc(p.files.Initrd, isSecret) {
		var shared func() error
		p, shared = p.withoutSecrets()
		defer func() { _ = shared() }() // read only
	}
	return p.export(dir)
}

func (p *Plan) export(dir string) error {
	if err := p.flatten(context.Background()); err != nil {
		return err
	}
	kernel, err := initrd.NewPlan([]initrd.Member{p.files.Kernel}, initrd.JoinOptions{})
	if err != nil {
		return err
	}
	blob, err := p.files.Blob(p.progress("joining initrds"))
	if err != nil {
		return err
	}
	out, err := output.MakeDir(dir)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := out.Write("linux", kernel.Write); err != nil {
		return err
	}
	if blob.Size() > 0 {
		err = out.Write("initrd", blob.Write)
	} else {
		err = out.Remove("initrd")
	}
	if err != nil {
		return err
	}
	return out.Write("cmdline", func(f *os.File) error {
		_, err := fmt.Fprintln(f, p.exported)
		return err
	})
}

// flatten does what PlanOptions.Flat asks for, once. Where members cannot be
// flattened they are joined, and that is a warning.
func (p *Plan) flatten(ctx context.Context) error {
	if !p.options.Flat || len(p.files.Initrd) == 0 || p.flat != nil || p.flatErr != nil {
		return nil
	}
	flat, f, err := Flatten(ctx, p.host, p.files.Initrd, p.options.Limit, p.progress("unpacking initrds"))
	var cannot *initrd.FlatError
	switch {
	case errors.As(err, &cannot):
		p.flatErr = err
		p.files.Warnings = append(p.files.Warnings, fmt.Sprintf("%v; joined instead", err))
		return nil
	case err != nil:
		return p.failed(fmt.Errorf("flat initrd: %w", err))
	}
	p.files.Initrd, p.joined, p.flat = []initrd.Member{flat}, nil, f
	return nil
}

// WriteFile writes one file whole or not at all, as Export does, into a directory
// that exists.
func WriteFile(path string, write func(*os.File) error) error {
	out, err := output.OpenDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer out.Close()
	return out.Write(filepath.Base(path), write)
}
