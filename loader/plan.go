// Package loader turns one entry into what kexec_file_load(2) takes: a kernel
// file, an initrd file, a command line. Preparing never acts.
package loader

import (
	"errors"
	"fmt"
	"os"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

// A Source opens the files of the partition that an entry came from. Open's
// error is the bare cause.
type Source struct {
	Open  func(path string) (*os.File, error)
	Names func(dir string) ([]string, error) // regular files, in byte order; none where the directory is absent
	Where func(path string) string           // the path for messages
}

// A Plan is what kexec would be given for one entry: its files are open and
// checked, nothing has been copied. Close it.
type Plan struct {
	Entry *bls.Entry // nil for a load by hand
	// Kernel is one file or one section of it.
	Kernel initrd.Member
	// Initrd are the members of the blob, in the order of the kernel's reading.
	Initrd []initrd.Member
	// PadAll is systemd-stub's padding: after every member, the last included.
	PadAll  bool
	Cmdline string
	// Warnings are what weakens the boot without breaking it.
	Warnings []string

	files []*os.File
	names []string // of files
}

// Close closes the files of the plan.
func (p *Plan) Close() error {
	var errs []error
	for _, f := range p.files {
		errs = append(errs, f.Close())
	}
	p.files, p.names = nil, nil
	return errors.Join(errs...)
}

// Make plans an entry. The command line is the boot loader's, unedited. An
// error names the file at fault; nothing stays open then.
func Make(e *bls.Entry, src Source) (*Plan, error) {
	p := &Plan{Entry: e}
	if err := p.fill(e, src); err != nil {
		_ = p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Plan) fill(e *bls.Entry, src Source) error {
	if e.Type != bls.Type1 || e.Linux == "" {
		return fmt.Errorf("%s: %w", e.ID, ErrKind)
	}
	p.Cmdline = e.Cmdline()
	return p.plain(src, e.Linux, e.Initrds)
}

// ErrKind means that an entry is of a kind that kexec cannot boot.
var ErrKind = errors.New("nothing in it that kexec could boot")

// ByHand plans a kernel and initrds named by the user.
func ByHand(src Source, kernel string, initrds []string) (*Plan, error) {
	p := &Plan{}
	if err := p.plain(src, kernel, initrds); err != nil {
		_ = p.Close()
		return nil, err
	}
	return p, nil
}

// plain opens a kernel and its initrds. Empty initrds are skipped, as
// systemd-boot does.
func (p *Plan) plain(src Source, kernel string, initrds []string) error {
	k, err := p.open(src, "linux", kernel)
	if err != nil {
		return err
	}
	if k.Size() == 0 {
		return fmt.Errorf("linux: %s: the file is empty", src.Where(kernel))
	}
	p.Kernel = k
	for _, name := range initrds {
		m, err := p.open(src, "initrd", name)
		if err != nil {
			return err
		}
		if m.Size() == 0 {
			p.Warnings = append(p.Warnings, fmt.Sprintf("initrd: %s: the file is empty, skipped", src.Where(name)))
			continue
		}
		p.Initrd = append(p.Initrd, m)
	}
	return nil
}

func (p *Plan) open(src Source, key, name string) (initrd.Member, error) {
	f, err := src.Open(name)
	if err != nil {
		return initrd.Member{}, fmt.Errorf("%s: %s: %w", key, src.Where(name), err)
	}
	p.files, p.names = append(p.files, f), append(p.names, src.Where(name))
	m, err := initrd.FileMember(src.Where(name), f)
	if err != nil {
		return initrd.Member{}, fmt.Errorf("%s: %w", key, err)
	}
	return m, nil
}
