// Package plan turns one entry into what kexec_file_load(2) takes: a kernel
// file, an initrd file, a command line. It reads files and changes nothing.
package plan

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/internal/cmdline"
	"github.com/kexec-bls/kexec-bls/loader/internal/stamp"
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
	// Kernel is one file or one section of it.
	Kernel initrd.Member
	// Initrd are the members of the blob, in the order of the kernel's reading.
	Initrd []initrd.Member
	// PadAll is systemd-stub's padding: after every member, the last included.
	PadAll  bool
	Cmdline string
	// Warnings are what weakens the boot without breaking it.
	Warnings []string

	files  []*os.File
	stamps []stamp.File // of files, as they were opened
	dirs   []string     // that a stub picks files from
	made   []*os.File   // memfds
	opened map[string]initrd.Member

	options Options
	peeked  bool   // the kernel is wrapped still, see Options.VersionOnly
	version string // of a peeked kernel, "" where it has none
	refused error  // why the new kernel would not come up; for Inspect
}

// Options are what a plan has to know of the machine that loads it. The zero
// value is a machine of which nothing is known, and a plan that can be loaded.
type Options struct {
	// MemAvailable is how many bytes of memory can be taken, 0 where that is not
	// known. A kernel may unpack to half of it, and to 1 GiB at most.
	MemAvailable int64
	// VersionOnly unpacks a wrapped kernel only as far as its version, and does
	// not keep it. Such a plan is for Inspect alone.
	VersionOnly bool
	// FiveLevel is set where the running kernel uses page tables of five levels.
	FiveLevel bool
}

// Close closes the files of the plan.
func (p *Plan) Close() error {
	var errs []error
	for _, f := range append(p.files, p.made...) {
		errs = append(errs, f.Close())
	}
	p.files, p.stamps, p.made = nil, nil, nil
	return errors.Join(errs...)
}

// Make plans an entry. The command line is the boot loader's, unedited; for a
// unified kernel image, under whatever key, it is what systemd-stub makes of
// it. A kernel in a wrapping that kexec_file_load(2) does not know is unpacked.
// An error names the file at fault; nothing stays open then.
func Make(e *bls.Entry, src Source, fw Firmware, opt Options) (*Plan, error) {
	p := &Plan{options: opt}
	err := p.fill(e, src, fw)
	if err == nil {
		err = p.unwrap()
	}
	if err != nil {
		_ = p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Plan) fill(e *bls.Entry, src Source, fw Firmware) error {
	if path, _ := program(e); path == "" {
		return fmt.Errorf("%s: %w", e.ID, ErrKind)
	}
	unified, err := p.start(e, src, fw)
	if err == nil {
		err = p.treeKey(e.DeviceTree, src, fw)
	}
	switch {
	case err != nil:
		return err
	case unified:
		return nil
	case e.UKI != "" || e.Type == bls.Type2:
		return fmt.Errorf("%s: %w", p.Kernel.Name, bls.ErrNotUKI)
	}
	return p.bare(e, src, fw)
}

// bare plans a kernel that systemd-boot or GRUB starts without systemd-stub.
func (p *Plan) bare(e *bls.Entry, src Source, fw Firmware) error {
	initrds, extra := e.Initrds, fw.extra(bootExtra)
	if e.EFI != "" {
		if err := p.startable(); err != nil {
			return err
		}
		initrds, extra = nil, "" // both are for linux entries
	}
	line := e.Cmdline()
	if !fw.Grub {
		line = efiText([]byte(line)) // systemd-boot passes it in 16 bits
		if name := grubVariable(line); name != "" {
			p.refuse(fmt.Errorf("options: %s is a variable of GRUB, which systemd-boot would pass on as it is", name))
		}
	}
	p.Cmdline = cmdline.Join(line, extra)
	if e.Profile > 0 && !fw.Grub {
		// Meant for a stub, but systemd-boot does not ask what it starts.
		p.Cmdline = cmdline.Join(fmt.Sprintf("@%d", e.Profile), p.Cmdline)
	}
	if err := p.plain(src, initrds); err != nil {
		return err
	}
	return p.efiStub(src, fw)
}

// grubVariable returns the first parameter that is a variable of GRUB, such as
// $kernelopts; "" for none. A $ inside of a parameter may be meant.
func grubVariable(line string) string {
	for word := range strings.FieldsSeq(line) {
		name := strings.TrimPrefix(strings.TrimPrefix(word, "$"), "{")
		if word[0] == '$' && name != "" && (name[0] == '_' || name[0]|0x20 >= 'a' && name[0]|0x20 <= 'z') {
			return word
		}
	}
	return ""
}

// startable refuses an EFI program that is no kernel.
func (p *Plan) startable() error {
	r := fileReader(p.Kernel)
	k, err := uki.OpenKernel(r, r.Size())
	if errors.Is(err, uki.ErrTruncated) {
		return fmt.Errorf("%s: %w", p.Kernel.Name, err)
	}
	if err != nil || !k.HasStub() {
		return fmt.Errorf("%s: %w: an EFI program, which only firmware can start", p.Kernel.Name, ErrKind)
	}
	return nil
}

// ErrKind means that an entry is of a kind that kexec cannot boot.
var ErrKind = errors.New("nothing in it that kexec could boot")

// OfFiles plans a kernel and initrds that are named one by one.
func OfFiles(src Source, kernel string, initrds []string, opt Options) (*Plan, error) {
	p := &Plan{options: opt}
	var err error
	if p.Kernel, err = p.open(src, "linux", kernel); err == nil {
		err = p.plain(src, initrds)
	}
	if err == nil {
		err = p.unwrap()
	}
	if err != nil {
		_ = p.Close()
		return nil, err
	}
	return p, nil
}

// plain adds the initrds to a kernel that is a file of its own.
func (p *Plan) plain(src Source, initrds []string) error {
	if p.Kernel.Size() == 0 {
		return fmt.Errorf("linux: %s: the file is empty", p.Kernel.Name)
	}
	var err error
	p.Initrd, err = p.members(src, initrds)
	return err
}
