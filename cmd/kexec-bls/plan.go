package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
)

// A target is an entry with its plan, ready to be shown or loaded. Close it.
type target struct {
	*loader.Plan
	survey *survey        // nil for a load by hand
	entry  *entries.Entry // nil for a load by hand
	why    string         // what chose the entry
	named  bool           // by the user
	once   bool           // by a one-shot setting that will be used up
	args   []string       // flags to repeat the load with
	kernel uki.Kernel
	report initrd.Report
	flat   *os.File // what stands for the initrds, nil unless flattened
	lock   *os.File // held from the load on, nil before
	// replaced is what an undone load has to add: the image before is lost.
	replaced string
}

func (t *target) close() {
	if t.lock != nil {
		_ = t.lock.Close()
	}
	if t.flat != nil {
		_ = t.flat.Close()
	}
	if t.Plan != nil {
		_ = t.Plan.Close()
	}
	if t.survey != nil {
		t.survey.close()
	}
}

// target plans the entry that name means.
func (a *app) target(name string, line *lineFlags) (*target, error) {
	s, err := a.survey()
	if err != nil {
		return nil, err
	}
	t := &target{survey: s, named: name != "", args: line.repeated()}
	if err := a.fill(t, name, line); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func (a *app) fill(t *target, name string, line *lineFlags) error {
	s := t.survey
	var err error
	if t.entry, t.why, err = s.pick(name); err != nil {
		a.warnProblems(s)
		return err
	}
	if !t.named {
		a.warnChoice(s)
	}
	if err := kexecable(t.entry, t.why); err != nil {
		return err
	}
	if err := t.entry.Complete(); err != nil {
		return err
	}
	if s.grub != nil {
		if err := t.entry.Expand(s.grub.Env); err != nil {
			return err
		}
	}
	v := t.entry.Volume
	t.Plan, err = loader.Make(t.entry.Entry, loader.Source{Open: v.Open, Names: v.Names, Where: v.Where}, a.firmware(s))
	if err != nil {
		return fmt.Errorf("%s: %w", t.entry.ID, err)
	}
	t.Cmdline = a.edit(line).Apply(t.Cmdline)
	return nil
}

// warnChoice says what may make the boot loader choose another entry than the
// user expects, or than we do.
func (a *app) warnChoice(s *survey) {
	for _, missed := range s.choice.Missed {
		a.warn("%s", missed)
	}
	_, err := os.Stat(a.efivars)
	if err == nil && a.flags.root == "" && s.vars.Info == "" && s.grub == nil {
		a.warn("neither systemd-boot nor GRUB left a sign of itself, so the firmware may boot something else next; name the ENTRY to be sure")
	}
}

// warnProblems says what is wrong with files, where it may be why nothing was
// found.
func (a *app) warnProblems(s *survey) {
	for _, p := range s.list.Problems {
		a.warn("%v", p)
	}
}

// byHand plans a kernel and initrds named on the command line.
func (a *app) byHand(kernel string, initrds []string, line *lineFlags) (*target, error) {
	src := loader.Source{
		Open: openFile,
		Where: func(p string) string {
			if abs, err := filepath.Abs(p); err == nil {
				return abs
			}
			return p
		},
	}
	p, err := loader.ByHand(src, kernel, initrds)
	if err != nil {
		return nil, err
	}
	p.Cmdline = a.edit(line).Apply("")
	return &target{Plan: p, named: true, why: "named on the command line"}, nil
}

// openFile opens a regular file and never waits on a FIFO.
func openFile(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	return f, cause(err)
}

func cause(err error) error {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		return perr.Err
	}
	return err
}

// judge holds the plan against what the kernel would refuse or, worse, not
// notice; and adds the words that are added unasked.
func (a *app) judge(t *target, b blobFlags) error {
	if a.flags.root == "" {
		t.Cmdline = a.unasked(b).Apply(t.Cmdline)
	}
	var err error
	if t.kernel, err = t.Inspect(a.goarch); err != nil {
		return t.failed(err)
	}
	return a.judgeInitrd(t, b)
}

// unasked are the words that only this machine needs, and only for a kexec.
func (a *app) unasked(b blobFlags) loader.Edit {
	var e loader.Edit
	if _, err := (efivar.Vars{Dir: a.efivars}).Loader("LoaderBootCountPath"); err == nil {
		e.Append = append(e.Append, loader.BlessMask)
	}
	// The other call has a place for it beside the command line.
	if word := kexec.ACPIParameter(a.facts()); word != "" && b.syscall != kexec.Classic {
		e.Once = append(e.Once, word)
	}
	return e
}

// judgeInitrd walks the blob as the kernel will.
func (a *app) judgeInitrd(t *target, b blobFlags) error {
	var err error
	if b.earlyFirst || a.config.Initrd.EarlyFirst {
		if t.Initrd, err = initrd.EarlyFirst(t.Initrd); err != nil {
			return t.failed(err)
		}
	}
	blob, err := t.Blob(nil)
	if err != nil {
		return t.failed(err)
	}
	if t.report, err = a.walk(blob, b.verify, a.built(t)); err != nil {
		return t.failed(err)
	}
	return nil
}

// failed puts the entry in front of what is wrong with it; by hand there is
// none, and the error names the file.
func (t *target) failed(err error) error {
	if t.entry == nil {
		return err
	}
	return fmt.Errorf("%s: %w", t.entry.ID, err)
}

// release is the new kernel's, as uname -r would print it; "" where its file
// does not say. It is known once the target is judged.
func (t *target) release() string {
	release, _, _ := strings.Cut(t.kernel.Version, " ")
	return release
}

// label names the target in messages.
func (t *target) label() string {
	if t.entry != nil {
		return t.entry.ID
	}
	return t.Kernel.Name
}
