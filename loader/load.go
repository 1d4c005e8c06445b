package loader

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
	"github.com/kexec-bls/kexec-bls/loader/internal/raw"
	"github.com/kexec-bls/kexec-bls/loader/internal/stamp"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
	"github.com/kexec-bls/kexec-bls/loader/plan"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// LoadOptions change a load. The zero value is the plain one.
type LoadOptions struct {
	// Ignore are findings that do not end the load.
	Ignore []FindingID
	// OnKernelLog, if not nil, makes the kernel log what it does, and is called with
	// each line after the load.
	OnKernelLog func(line string)
	// OnWarning, if not nil, is called with what the caller should know although
	// the load goes on.
	OnWarning func(text string)

	// begin, if not nil, is called once the lock is held, and undo if the load, or
	// what follows it, fails.
	begin func() (undo func() error, err error)
}

func (o LoadOptions) warn(format string, args ...any) {
	if o.OnWarning != nil {
		o.OnWarning(fmt.Sprintf(format, args...))
	}
}

// Load replaces what is loaded by a plan: lock, pending receipt, system call,
// confirmation, receipt. What was loaded before remains loaded if the kernel
// refuses the plan; whatever fails after that unloads the new image again, also a
// panic. Errors: *LossyError, *MemoryError, *kexec.LoadError
// with its cause, ErrBusy, or what is wrong with the plan or a file.
func (m *Machine) Load(ctx context.Context, p *Plan, opt LoadOptions) (Receipt, error) {
	l, err := m.load(ctx, p, opt)
	if err != nil {
		return Receipt{}, err
	}
	return l.receipt, l.release()
}

// A loading is a load under way or done, with the lock held.
type loading struct {
	machine *Machine
	name    string
	lock    *os.File
	receipt Receipt
	// replaced is set where another image was loaded before, which is gone.
	replaced bool
	called   bool // the kernel has taken the image, or may have
	undo     func() error
	done     bool
}

func (m *Machine) load(ctx context.Context, p *Plan, opt LoadOptions) (_ *loading, err error) {
	if err := m.acceptable(p, opt); err != nil {
		return nil, err
	}
	if short := finding.Errors(preflight.Memory(m.environment(0), p.preflight()), opt.Ignore...); len(short) > 0 {
		return nil, hint.Wrap(&MemoryError{p.Name(), short[0]}, short[0].Hint)
	}
	if err := p.flatten(ctx); err != nil {
		return nil, err
	}
	for _, w := range p.Warnings() {
		opt.warn("%s", w)
	}
	image, err := p.files.Image(p.progress("joining initrds"))
	if err != nil {
		return nil, p.failed(err)
	}
	defer image.Close()
	l := &loading{machine: m, name: p.Name(), receipt: m.newReceipt(p)}
	if l.lock, err = m.lock(ctx); err != nil {
		return nil, p.failed(err)
	}
	defer func() {
		if !l.done {
			err = l.abandon(err)
		}
	}()
	if err := l.hand(ctx, p, image, opt); err != nil {
		return nil, err
	}
	l.done = true
	return l, nil
}

// hand announces the load, hands the image to the kernel and confirms that it has
// it.
func (l *loading) hand(ctx context.Context, p *Plan, image *plan.Image, opt LoadOptions) (err error) {
	m := l.machine
	if opt.begin != nil {
		if l.undo, err = opt.begin(); err != nil {
			return p.failed(err)
		}
	}
	if err := l.receipt.WritePending(m.RunDir); err != nil {
		return fmt.Errorf("%s: receipt: %w; nothing was loaded", l.name, err)
	}
	if before, err := m.Kernel.Loaded(); err == nil {
		l.replaced = before
	}
	l.called = true
	call := kexec.Options{Syscall: p.options.Syscall, NoCMA: p.options.NoCMA, Debug: opt.OnKernelLog != nil, OnKernelLog: opt.OnKernelLog}
	if err := m.Kernel.Load(ctx, image.Kernel, image.Initrd, p.Cmdline(), call); err != nil {
		l.called = false
		return p.failed(explain(m.environment(0), p.preflight(), err))
	}
	return p.failed(l.confirm(p, opt))
}

// acceptable refuses, before anything is copied, what the kernel would refuse or
// drop: the errors of Load about the plan.
func (m *Machine) acceptable(p *Plan, opt LoadOptions) error {
	if p.broken != nil {
		return p.Broken()
	}
	if lossy := finding.Errors(p.report.Findings, opt.Ignore...); len(lossy) > 0 {
		return &LossyError{p.Name(), lossy}
	}
	return nil
}

// confirm asks the kernel whether the image is there, and completes the receipt.
func (l *loading) confirm(p *Plan, opt LoadOptions) error {
	m := l.machine
	loaded, err := m.Kernel.Loaded()
	if err != nil {
		return err
	}
	if !loaded {
		return errors.New("the kernel accepted the image but has none loaded")
	}
	if err := m.installKexec(); err != nil {
		return err
	}
	if l.receipt.Files, err = p.files.Hash(); err != nil {
		return err
	}
	if err := l.receipt.Commit(m.RunDir); err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	m.remember(l.receipt, opt)
	if opt.begin == nil {
		if err := errors.Join(m.endTrial(context.Background()), m.endUnlock(context.Background())); err != nil {
			opt.warn("what was set up for another kexec: %v", err)
		}
	}
	return nil
}

// remember leaves a record of what is loaded for the next boot. Where nothing can
// be kept, the next boot will have to guess.
func (m *Machine) remember(r Receipt, opt LoadOptions) {
	h := m.history()
	_, settled := h.Settle(m.runningSystem())
	if err := h.SaveNext(r); err != nil {
		opt.warn("%v; after the kexec, list and status will know what runs only by its command line", err)
	} else if settled != nil {
		opt.warn("%v", settled)
	}
}

// abandon undoes a load for the sake of err, which it returns with what is loaded
// then; after a panic too, with a nil err. The lock is released.
func (l *loading) abandon(err error) error {
	defer l.lock.Close()
	if l.undo != nil {
		err = errors.Join(err, l.undo())
	}
	if !l.called {
		return errors.Join(err, state.Abort(l.machine.RunDir))
	}
	if kept := l.machine.Kernel.Unload(); kept != nil {
		return fmt.Errorf("%w; and it stays loaded: %w", err, kept)
	}
	left := l.machine.dropRecords()
	if err == nil {
		return left
	}
	err = fmt.Errorf("%w; unloaded again", err)
	if l.replaced {
		err = fmt.Errorf("%w; the kernel that was loaded before is gone too", err)
	}
	if left != nil {
		err = fmt.Errorf("%w; %w", err, left)
	}
	return err
}

func (l *loading) release() error { return l.lock.Close() }

// newReceipt is all that is known before the load.
func (m *Machine) newReceipt(p *Plan) Receipt {
	r := Receipt{
		Schema: 2, BootID: m.Host.BootID(), Named: p.options.Named || p.oneShot(), Files: p.files.Stamps(), Folders: p.files.Folders(),
		Cmdline: raw.String(p.Cmdline()), Release: raw.String(p.Release()), Verified: p.verified, Time: time.Now().UTC(),
	}
	if p.entry == nil {
		return r
	}
	e := p.entry
	r.Entry, r.Title, r.Version = raw.String(e.ID), raw.String(e.Title), raw.String(e.Version)
	r.EntryFile = entryFile(e)
	for _, v := range p.sys.Volumes() {
		r.Volumes = append(r.Volumes, state.Volume{Source: v.Kind.String(), Dir: raw.String(v.Dir), Device: v.Device, PartUUID: v.PartUUID})
	}
	if p.options.Request != nil {
		request := *p.options.Request
		if request.Entry = ""; r.Named {
			request.Entry = r.Entry
		}
		r.Request = &request
	}
	return r
}

// entryFile records the file of a Type #1 entry. Where that fails the receipt has
// none: a change of the entry will not be noticed.
func entryFile(e *entries.Entry) *stamp.File {
	if e.Type != bls.Type1 || e.Volume == nil {
		return nil
	}
	f, err := e.Volume.Open(e.Path)
	if err != nil {
		return nil
	}
	defer f.Close()
	s, err := stamp.Of(e.Volume.Where(e.Path), f)
	if err != nil {
		return nil
	}
	return &s
}

// forget drops the loaded image and the receipt of it. The caller has the lock.
// What the kernel does not drop keeps its receipt.
func (m *Machine) forget() error {
	if err := m.Kernel.Unload(); err != nil {
		return explain(m.environment(0), preflight.Plan{}, err)
	}
	return m.dropRecords()
}

// dropRecords removes what a load leaves beside the image.
func (m *Machine) dropRecords() error {
	// A record that remains is only believed by a boot with its command line.
	_ = m.history().DropNext(m.Host.BootID())
	return errors.Join(
		m.endTrial(context.Background()),
		m.endUnlock(context.Background()),
		reboot.RemoveKexec(m.Program, m.initramfs()),
		state.RemoveReceipt(m.RunDir),
	)
}

func (m *Machine) installKexec() error {
	if !preflight.NeedsKexec(m.environment(0)) {
		return nil
	}
	if err := reboot.InstallKexec(m.Program, m.initramfs()); err != nil {
		return fmt.Errorf("the shutdown needs a program kexec: %w", err)
	}
	return nil
}

// An Unloaded is what Unload dropped.
type Unloaded struct {
	Any  bool   // false: nothing was loaded
	Name string // the entry or the kernel's file; "" where it is not known
}

// Unload drops whatever is loaded, also what another program loaded. Without
// anything it does nothing.
func (m *Machine) Unload(ctx context.Context) (Unloaded, error) {
	lock, err := m.lock(ctx)
	if err != nil {
		return Unloaded{}, err
	}
	defer lock.Close()
	var u Unloaded
	u.Any, err = m.Kernel.Loaded()
	if r, err := m.Receipt(); err == nil && u.Any {
		u.Name = r.Name()
	}
	return u, errors.Join(err, m.forget())
}

// IsLoaded reports whether a kernel is loaded.
func (m *Machine) IsLoaded() (bool, error) { return m.Kernel.Loaded() }
