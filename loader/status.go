package loader

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader/internal/raw"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// A State is how what is loaded relates to what a load would load now.
type State string

// States.
const (
	None    State = "none"    // nothing is loaded
	Fresh   State = "fresh"   // a load would load the same
	Stale   State = "stale"   // a load would load something else
	Foreign State = "foreign" // it is not known what it is: another program loaded it, or a load was interrupted
)

// Loaded is what is loaded.
type Loaded struct {
	State State
	// Reasons are why it is stale, or foreign.
	Reasons Reasons
	// Receipt records a fresh or stale one; nil for others.
	Receipt *Receipt
}

// StatusOptions say how to look.
type StatusOptions struct {
	// Verify reads the files again, even where size and time are the same.
	Verify bool
}

// Status returns what is loaded, compared with what sys would boot next; sys may
// be nil where there is no boot partition. It changes nothing. The error is
// fs.ErrPermission for who may not read the receipt.
func (m *Machine) Status(_ context.Context, sys *entries.System, opt StatusOptions) (Loaded, error) {
	loaded, err := m.Kernel.Loaded()
	if err != nil || !loaded {
		return Loaded{State: None}, err
	}
	r, err := m.Receipt()
	switch {
	case errors.Is(err, state.ErrInterrupted):
		return Loaded{State: Foreign, Reasons: Reasons{because(ReasonInterrupted, "%v", err)}}, nil
	case errors.Is(err, fs.ErrNotExist):
		return Loaded{State: Foreign}, nil
	case errors.Is(err, fs.ErrPermission):
		return Loaded{}, hint.Errorf("run as root", "a kernel is loaded, but the receipt of it cannot be read: %w", err)
	case err != nil:
		return Loaded{}, err
	}
	l := Loaded{State: Fresh, Receipt: &r, Reasons: m.stale(r, sys, opt.Verify)}
	if len(l.Reasons) > 0 {
		l.State = Stale
	}
	return l, nil
}

func readReceipt(dir string) (Receipt, error) { return state.ReadReceipt(dir) }

// stale says why what is loaded is no longer what a load would load now.
func (m *Machine) stale(r Receipt, sys *entries.System, verify bool) Reasons {
	var reasons Reasons
	open := opener(r.Volumes, sys)
	for _, f := range r.Files {
		if changed := f.Changed(open, verify); changed != "" {
			reasons = append(reasons, aboutFile(ReasonFileChanged, string(f.Path), changed))
		}
	}
	for _, dir := range r.Folders {
		for _, name := range dir.Added() {
			reasons = append(reasons, aboutFile(ReasonFileAdded, filepath.Join(string(dir.Path), string(name)), "is new"))
		}
	}
	if sys != nil && !r.Named {
		if c, err := sys.Default(); err == nil && bls.FoldID(c.Entry.ID) != bls.FoldID(string(r.Entry)) {
			reasons = append(reasons, because(ReasonDefault, "the boot loader would boot %s now", c.Entry.ID))
		}
	}
	if r.Release != "" && !m.Host.HasModules(string(r.Release)) && m.Host.HasModules(m.Host.Release()) {
		reasons = append(reasons, because(ReasonModules, "the modules of kernel %s are gone", r.Release))
	}
	return append(reasons, edited(r, sys, open, verify)...)
}

// edited compares the entry itself, whose file may have got another boot counter
// in its name.
func edited(r Receipt, sys *entries.System, open func(string) (*os.File, error), verify bool) Reasons {
	if r.EntryFile == nil || sys == nil {
		return nil
	}
	s := *r.EntryFile
	if e, err := sys.Pick(string(r.Entry)); err == nil && e.Volume != nil && bls.FoldID(e.ID) == bls.FoldID(string(r.Entry)) {
		s.Path = raw.String(e.Volume.Where(e.Path))
		open = func(string) (*os.File, error) { return e.Volume.Open(e.Path) }
	}
	if changed := s.Changed(open, verify); changed != "" {
		return Reasons{aboutFile(ReasonEntry, string(s.Path), changed)}
	}
	return nil
}

// opener opens files by the paths that a receipt has of them: on the partitions
// that it read, which may be mounted elsewhere by now, or nowhere.
func opener(read []state.Volume, sys *entries.System) func(path string) (*os.File, error) {
	return func(path string) (*os.File, error) {
		for _, was := range read {
			name, below := strings.CutPrefix(path, string(was.Dir)+"/")
			if !below || was.Device == "" || sys == nil {
				continue
			}
			for _, v := range sys.Volumes() {
				if v.Device != was.Device {
					continue
				}
				if f, err := v.Open(name); err == nil {
					return f, nil
				}
			}
		}
		return openFile(path)
	}
}
