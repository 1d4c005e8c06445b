package loader

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/internal/cmdline"
	"github.com/kexec-bls/kexec-bls/loader/internal/raw"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
	"github.com/kexec-bls/kexec-bls/loader/plan"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
	"github.com/kexec-bls/kexec-bls/loader/tpm"
	"github.com/kexec-bls/kexec-bls/loader/trial"
)

// PlanOptions change a plan. The zero value is what the boot loader would boot.
type PlanOptions struct {
	// Replace replaces the entry's command line; nil keeps it. Reuse adds the
	// running kernel's, Remove removes the parameters with these keys, Append goes
	// at the end; in this order.
	Replace        *string
	Reuse          bool
	Remove, Append []string
	// EarlyFirst moves archives of microcode and ACPI tables to the front.
	EarlyFirst bool
	// Flat unpacks all initrds into one uncompressed archive for a load.
	Flat bool
	// Verify says which compressed images are decoded to their ends.
	Verify initrd.Verification
	// AutoMeasuredOS adds systemd.tpm2_measured_os=no where the predicted PCRs prove
	// that a TPM then opens a volume that it does not open otherwise.
	AutoMeasuredOS bool
	// Limit is how many bytes compressed images may unpack to together; 0 is half
	// of the available memory, and at most initrd.DefaultLimit.
	Limit int64
	// Syscall hands the kernel over; "" is automatic.
	Syscall kexec.Syscall
	// NoCMA keeps the image away from contiguous memory of devices.
	NoCMA bool
	// Named is set where the user named the entry: a default that moves later does
	// not make the load stale then.
	Named bool
	// Request is what the receipt records, to repeat the load; its Entry is set
	// here. nil records none.
	Request *Request
	// Known is the receipt of an earlier load: what that verified, and has not
	// changed, is not verified again.
	Known *Receipt
	// Progress, if not nil, is told how far a long step is, in bytes.
	Progress func(step string, done, total int64)

	// KexecsCounted is set where systemd counts kexecs, see Machine.KexecsCounted.
	KexecsCounted bool
	// Secrets lets Export write the boot secret of the running system, which a load
	// passes on.
	Secrets bool

	// Try makes the plan one for a reboot on trial; nil for any other.
	Try *TryOptions

	versionOnly bool // only what runs next is asked for
}

// OptionsOf returns the options that a request was made of, without what it has of
// a configuration. Request is set to it.
func OptionsOf(r Request) PlanOptions {
	opt := PlanOptions{
		Reuse: r.Reuse, Append: raw.Strings(r.Append), Remove: raw.Strings(r.Remove), EarlyFirst: r.EarlyFirst, Flat: r.Flat,
		Syscall: kexec.Syscall(r.Syscall), NoCMA: r.NoCMA, Request: &r,
	}
	if r.Replace != nil {
		line := string(*r.Replace)
		opt.Replace = &line
	}
	if r.Verify {
		opt.Verify = initrd.VerifyAll
	}
	return opt
}

// A Plan is what the kernel would be given for one entry, and what it would make
// of it. Its files are open; nothing has been copied. Close it.
type Plan struct {
	sys     *entries.System // nil for files that were named one by one
	entry   *entries.Entry  // likewise
	host    host.Machine
	options PlanOptions

	files    *plan.Plan
	exported string // the command line without what only a kexec on this machine needs
	joined   *initrd.Plan
	kernel   uki.Kernel
	report   initrd.Report
	next     tpm.Initrd
	// unmeasured is set where AutoMeasuredOS added its parameter.
	unmeasured bool
	verified   bool           // compressed images were decoded, now or for an earlier load
	broken     error          // why the kernel would refuse it or not come up
	unread     bool           // nothing but broken is known
	try        *trial.Setup   // nil for a plan that is not for a trial
	inside     bool           // the initrds are decoded, whatever Verify says
	key        *reboot.Secret // that is handed over, nil for none
	flat       *os.File       // what replaces the initrds, nil unless flattened
	flatErr    error          // why they are joined though Flat was asked for
}

// NewPlan plans an entry of a system. The plan is complete: what the kernel
// would refuse or silently drop is among its Findings. The error is
// entries.ErrNoEntry for an entry that kexec cannot boot; else it names the file
// at fault.
func NewPlan(ctx context.Context, sys *entries.System, e *entries.Entry, opt PlanOptions) (*Plan, error) {
	p, err := newPlan(sys, e, opt)
	if err != nil {
		return nil, err
	}
	return p.walked(ctx)
}

// newPlan is NewPlan without a look into the initrds.
func newPlan(sys *entries.System, e *entries.Entry, opt PlanOptions) (*Plan, error) {
	if err := kexecable(sys, e); err != nil {
		return nil, err
	}
	files, err := plan.Make(e.Entry, plan.Source{Open: e.Open, Names: e.Volume.Names, Where: e.Where}, firmware(sys, e), planOptions(sys.Host(), opt))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.ID, err)
	}
	p := &Plan{sys: sys, entry: e, host: sys.Host(), options: opt, files: files}
	p.inspect()
	return p, nil
}

// NewFilePlan plans a kernel and initrds that are named one by one, as kexec -l
// takes them.
func NewFilePlan(ctx context.Context, h host.Machine, kernel string, initrds []string, opt PlanOptions) (*Plan, error) {
	src := plan.Source{Open: openFile, Where: absolute}
	files, err := plan.OfFiles(src, kernel, initrds, planOptions(h, opt))
	if err != nil {
		return nil, err
	}
	opt.Named, opt.Request = true, nil
	p := &Plan{host: h, options: opt, files: files}
	p.inspect()
	return p.walked(ctx)
}

func planOptions(h host.Machine, opt PlanOptions) plan.Options {
	return plan.Options{MemAvailable: h.MemAvailable(), FiveLevel: h.FiveLevel(), VersionOnly: opt.versionOnly}
}

// kexecable refuses an entry that no kexec can boot.
func kexecable(sys *entries.System, e *entries.Entry) error {
	if e.MissingFile {
		return nil // the plan will name the file
	}
	once := "to boot it once: systemctl reboot --boot-loader-entry=" + e.ID
	if sys.GRUB() {
		once = fmt.Sprintf("to boot it once: grub2-reboot '%s', or grub-reboot, and systemctl reboot", e.ID)
	}
	if reason := e.KexecBlocker(); reason != "" {
		return hint.Wrap(&notBootableError{e.ID, reason}, once)
	}
	if err := e.LoadError(); err != nil {
		return fmt.Errorf("%s: %w", e.ID, err)
	}
	return nil
}

// A notBootableError is an entries.ErrNoEntry of an entry that kexec cannot start.
type notBootableError struct{ id, reason string }

func (e *notBootableError) Error() string {
	return fmt.Sprintf("kexec cannot start %s: %s", e.id, e.reason)
}

func (e *notBootableError) Is(target error) bool { return target == entries.ErrNoEntry }

// inspect edits the command line and reads the kernel's header.
func (p *Plan) inspect() {
	opt := p.options
	edit := cmdline.Edit{Replace: opt.Replace, Remove: opt.Remove, Append: opt.Append}
	if opt.Reuse {
		edit.Reuse = p.host.Cmdline()
	}
	p.exported = edit.Apply(p.files.Cmdline)
	misled := p.files.CheckEdit(p.exported)
	p.files.Cmdline = p.exported
	if !p.offline() {
		p.files.Cmdline = p.machineParameters().Apply(p.exported)
	}
	if opt.Try != nil {
		s := opt.Try.newSetup(p.host)
		p.try = &s
		p.files.Cmdline = cmdline.Edit{Append: s.Parameters(p.exported)}.Apply(p.files.Cmdline)
	}
	p.kernel, p.broken = p.files.Inspect(p.host.GOARCH)
	if p.broken == nil {
		p.broken = misled
	}
}

// machineParameters are those that only this machine needs, and only for a kexec.
func (p *Plan) machineParameters() cmdline.Edit {
	var e cmdline.Edit
	if p.sys != nil {
		if _, err := p.sys.EFI().Loader(bli.BootCountPath); err == nil && !p.countedNext() {
			e.Append = append(e.Append, BlessMask)
		}
	}
	// The other call has a place for it beside the command line.
	if param := kexec.ACPIParameter(p.host); param != "" && p.options.Syscall != kexec.Classic {
		e.Defaults = append(e.Defaults, param)
	}
	return e
}

// Close closes the files of the plan.
func (p *Plan) Close() error {
	err := p.files.Close()
	if p.flat != nil {
		err = errors.Join(err, p.flat.Close())
		p.flat = nil
	}
	if p.key != nil {
		err = errors.Join(err, p.key.Close())
		p.key = nil
	}
	return err
}

// failed names the entry in front of what is wrong with it; for files that were
// named one by one the error names the file.
func (p *Plan) failed(err error) error {
	if p.entry == nil || err == nil {
		return err
	}
	return fmt.Errorf("%s: %w", p.entry.ID, err)
}

// openFile opens a regular file and never waits for a FIFO or a device.
func openFile(path string) (*os.File, error) {
	f, err := esp.OpenFile(path)
	return f, esp.Cause(err)
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// releaseOf is the release at the start of a kernel's version text.
func releaseOf(version string) string {
	release, _, _ := strings.Cut(version, " ")
	return release
}
