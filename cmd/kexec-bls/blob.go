package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
)

// blobFlags are about the initrd as a whole.
type blobFlags struct {
	ignore     []string
	verify     bool
	earlyFirst bool
	flat       bool
	syscall    kexec.Syscall
}

func (b *blobFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&b.verify, "verify", false, "decode every compressed initrd to its end first")
	f.BoolVar(&b.earlyFirst, "early-first", false, "move archives of nothing but microcode and ACPI tables to the front")
	if cmd.Name() != "show" && cmd.Name() != "ls" && cmd.Name() != "check" {
		f.BoolVar(&b.flat, "flat", false, "unpack all initrds into one uncompressed archive")
	}
	if cmd.Name() == "load" || cmd.Name() == "reboot" {
		f.Var((*syscallFlag)(&b.syscall), "syscall", "how to hand the kernel over: auto, file or classic")
	}
	if cmd.Name() == "load" || cmd.Name() == "reboot" || cmd.Name() == "check" {
		f.StringSliceVar(&b.ignore, "ignore", nil, "go on in spite of the findings with this `ID`, or all")
	}
}

// syscallFlag is the value of --syscall.
type syscallFlag kexec.Syscall

// String, Set and Type make syscallFlag a flag value.
func (s *syscallFlag) String() string { return string(*s) }

// Set takes one of the three ways.
func (s *syscallFlag) Set(text string) error {
	switch way := kexec.Syscall(text); way {
	case kexec.Auto, kexec.File, kexec.Classic:
		*s = syscallFlag(way)
		return nil
	}
	return fmt.Errorf("must be %s, %s or %s", kexec.Auto, kexec.File, kexec.Classic)
}

// Type names the value in the help text.
func (s *syscallFlag) Type() string { return "WAY" }

// walk looks at a blob as the kernel will. built may be nil.
func (a *app) walk(blob *initrd.Plan, verify bool, built func(option string) bool) (initrd.Report, error) {
	opt := initrd.WalkOptions{Layout: blob.Layout, Verify: verify, Built: built, Limit: a.unpackLimit()}
	if verify {
		bar := a.progress("reading initrds")
		defer bar.done()
		opt.Progress = bar.tick
	}
	return initrd.Walk(blob, blob.Size(), opt)
}

// unpackLimit is how many bytes may come out of compressed images: what the
// configuration says, or half of what is available, 4 GiB at most.
func (a *app) unpackLimit() int64 {
	if n, err := parseSize(a.config.Initrd.Limit); err == nil {
		return n
	}
	return min(a.memAvailable()/2, initrd.DefaultLimit)
}

// memAvailable is MemAvailable in bytes; where it cannot be read, plenty.
func (m *machine) memAvailable() int64 {
	if n := m.facts().MemAvailable(); n > 0 {
		return n
	}
	return 2 * initrd.DefaultLimit
}

// built tells which options the kernel of a target was built with, by its
// configuration where one is found beside its modules or in /boot; nil: all.
func (a *app) built(t *target) func(option string) bool {
	release, _, _ := strings.Cut(t.kernel.Version, " ")
	config := a.facts().KernelConfig(release)
	if config == nil {
		return nil
	}
	return config.BuiltIn
}

// flatten puts one uncompressed archive in the place of members. Where that
// cannot be done it says why and returns the members: they are joined then.
// The caller closes the file, which may be nil.
func (a *app) flatten(members []initrd.Member) ([]initrd.Member, *os.File, error) {
	bar := a.progress("unpacking initrds")
	f, _, err := initrd.Flat(members, initrd.FlatOptions{MemAvailable: a.memAvailable(), Limit: a.unpackLimit(), Progress: bar.tick})
	bar.done()
	var cannot *initrd.FlatError
	switch {
	case errors.As(err, &cannot):
		a.warn("%v; joined instead", err)
		return members, nil, nil
	case err != nil:
		return nil, nil, err
	}
	flat, err := sealed("flat archive", f)
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return []initrd.Member{flat}, f, nil
}

// sealed makes a member of a file in memory that nobody can change any more.
func sealed(name string, f *os.File) (initrd.Member, error) {
	if err := initrd.Seal(f); err != nil {
		return initrd.Member{}, err
	}
	return initrd.FileMember(name, f)
}

// errLossy is what the kernel would do to an initrd, which we will not.
var errLossy = errors.New("the kernel would lose files of the initrd")

// weigh turns what a walk found into warnings, and into an error where files
// would be lost and load or reboot is meant.
func (a *app) weigh(findings []initrd.Finding, lossy []initrd.Finding) error {
	for _, f := range findings {
		if f.Severity == initrd.Weakens {
			a.warn("%s", f)
		}
	}
	if len(lossy) == 0 {
		return nil
	}
	var b bytes.Buffer
	for _, f := range lossy {
		fmt.Fprintf(&b, "\n  %s", f)
	}
	return fmt.Errorf("%w, --ignore=%s goes on in spite of that:%s", errLossy, lossy[0].ID, b.String())
}

// files opens initrd images by hand. The caller closes them.
func openMembers(paths []string) (members []initrd.Member, closeAll func(), err error) {
	var files []*os.File
	closeAll = func() {
		for _, f := range files {
			_ = f.Close()
		}
	}
	for _, path := range paths {
		f, err := openFile(path)
		if err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
		files = append(files, f)
		m, err := initrd.FileMember(filepath.Clean(path), f)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		members = append(members, m)
	}
	return members, closeAll, nil
}
