package plan

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/internal/cmdline"
)

// Inspect reads the header of the plan's kernel and refuses one that
// kexec_file_load(2) would refuse, or load and not notice that it is cut
// short. goarch is the machine's, as runtime.GOARCH. The version of a flat
// image, which is not in its header, is searched in all of it.
func (p *Plan) Inspect(goarch string) (uki.Kernel, error) {
	r := fileReader(p.Kernel)
	k, err := uki.OpenKernel(r, r.Size())
	if errors.Is(err, uki.ErrNotKernel) && !hasMagic(goarch) {
		return uki.Kernel{}, p.refused
	}
	if err == nil {
		err = k.Kexecable(uki.MachineFor(goarch))
	}
	if err == nil {
		err = p.loadable(k, goarch)
	}
	if err == nil {
		err = cmdline.Check(p.Cmdline, CmdlineLimit(k, goarch))
	}
	if p.peeked {
		k.Version = p.version
	}
	if err == nil && k.Format == uki.FormatImage {
		k.Version, err = banner(r, r.Size())
	}
	if err != nil && !errors.Is(err, cmdline.ErrRefused) {
		err = fmt.Errorf("%s: %w", p.Kernel.Name, err)
	}
	if err == nil {
		err = p.refused
	}
	return k, err
}

// loadable refuses what is no kernel by itself, and what the system call of the
// architecture does not take. LoongArch kernels are PE images that look like any
// other.
func (p *Plan) loadable(k uki.Kernel, goarch string) error {
	switch {
	case k.Format == uki.FormatPE && goarch != "loong64":
		return fmt.Errorf("%w: an EFI program; a unified kernel image is loaded by the name of its entry", uki.ErrCannotKexec)
	case p.peeked:
		return nil // wrapped still, and not to be loaded
	case k.Format == uki.FormatELF && (goarch == "amd64" || goarch == "arm64"):
		return fmt.Errorf("%w: an ELF file (vmlinux), on %s it takes %s only", uki.ErrCannotKexec, goarch, kernelFormat(goarch))
	case p.options.FiveLevel && !k.Takes5Level():
		return fmt.Errorf("%w: the running kernel uses 5-level page tables (LA57), for which this one is not built", uki.ErrCannotKexec)
	case k.Format == uki.FormatZBoot || k.Format == uki.FormatCompressed:
		return fmt.Errorf("%w: it is wrapped more than once, as %s", uki.ErrCannotKexec, k.Format)
	}
	return nil
}

func kernelFormat(goarch string) uki.Format {
	if goarch == "amd64" {
		return uki.FormatBzImage
	}
	return uki.FormatImage
}

// hasMagic reports whether every kernel of an architecture is recognised by its
// first bytes.
func hasMagic(goarch string) bool { return goarch != "s390x" && goarch != "ppc64le" }

// fileReader reads the file bytes of a member that comes from one file.
func fileReader(m initrd.Member) *io.SectionReader {
	if len(m.Parts) != 1 || m.Parts[0].File == nil {
		return io.NewSectionReader(nil, 0, 0)
	}
	part := m.Parts[0]
	return io.NewSectionReader(part.File, part.Offset, part.Size)
}

// elfcorehdrRoom is what arch/x86/kernel/kexec-bzimage64.c keeps free of the
// command line, for every load, in bytes; the NUL counts too.
const elfcorehdrRoom = 30

// CmdlineLimit is the longest command line, in bytes without its NUL, that
// reaches a kernel whole. On x86 the kernel's header says; elsewhere it is the
// COMMAND_LINE_SIZE of the architecture, at which the new kernel cuts without
// a word. 0 means that it is not known.
func CmdlineLimit(k uki.Kernel, goarch string) int {
	switch goarch {
	case "amd64":
		return max(int(k.CmdlineSize)-elfcorehdrRoom-1, 0)
	case "riscv64":
		return 1024 - 1
	case "arm64", "ppc64le":
		return 2048 - 1
	case "loong64", "s390x":
		return 4096 - 1
	}
	return 0
}

// An Image is what kexec_file_load(2) takes. Files made here are sealed
// memfds; a single initrd and a plain kernel are their own descriptors. The
// plan stays open at least as long as the image.
type Image struct {
	Kernel *os.File
	Initrd *os.File // nil when there is none
	// Layout is where each member is located in a joined initrd.
	Layout initrd.Layout
	made   []*os.File
}

// Close closes what the image made; the plan's files are the plan's.
func (m *Image) Close() error {
	var errs []error
	for _, f := range m.made {
		errs = append(errs, f.Close())
	}
	m.made = nil
	return errors.Join(errs...)
}

// Image makes the files that the kernel is to read.
func (p *Plan) Image(progress func(done, total int64)) (*Image, error) {
	m := &Image{}
	blob, err := p.Blob(progress)
	if err == nil {
		m.Layout = blob.Layout
		m.Kernel, err = m.file("linux", []initrd.Member{p.Kernel}, nil)
	}
	if err == nil && len(p.Initrd) > 0 {
		m.Initrd, err = m.file("initrd", p.Initrd, blob)
	}
	if err != nil {
		_ = m.Close()
		return nil, err
	}
	return m, nil
}

// Blob decides how the initrds are joined, without copying them.
func (p *Plan) Blob(progress func(done, total int64)) (*initrd.Plan, error) {
	return initrd.NewPlan(p.Initrd, initrd.JoinOptions{PadLast: p.PadAll, Progress: progress})
}

// file returns the one file that holds all members: their own where there is
// one that is a whole file, else a new memfd.
func (m *Image) file(name string, members []initrd.Member, blob *initrd.Plan) (*os.File, error) {
	if f := wholeFile(members); f != nil {
		return f, nil
	}
	f, err := initrd.Create(name)
	if err != nil {
		return nil, err
	}
	m.made = append(m.made, f)
	if blob == nil {
		blob, err = initrd.NewPlan(members, initrd.JoinOptions{})
	}
	if err == nil {
		err = blob.Write(f)
	}
	if err != nil {
		return nil, err
	}
	return f, initrd.Seal(f)
}

func wholeFile(members []initrd.Member) *os.File {
	if len(members) != 1 || len(members[0].Parts) != 1 {
		return nil
	}
	part := members[0].Parts[0]
	if part.File == nil || part.Offset != 0 || part.Zeros != 0 {
		return nil
	}
	info, err := part.File.Stat()
	if err != nil || info.Size() != part.Size {
		return nil
	}
	return part.File
}

// Certificates reads the certificate table of a kernel that is a PE image, as
// those for EFI are; nil for one without signatures. A table over limit bytes, or
// outside the file, is an error.
func (p *Plan) Certificates(limit int64) ([]byte, error) {
	r := fileReader(p.Kernel)
	m, err := uki.Open(r, r.Size())
	if err != nil {
		return nil, err
	}
	if m.SignatureSize < 0 || m.SignatureSize > limit || m.Signature < 0 || m.Signature > r.Size()-m.SignatureSize {
		return nil, fmt.Errorf("%s: certificate table: %w", p.Kernel.Name, uki.ErrTruncated)
	}
	table := make([]byte, m.SignatureSize)
	if _, err := r.ReadAt(table, m.Signature); err != nil && len(table) > 0 {
		return nil, err
	}
	return table, nil
}
