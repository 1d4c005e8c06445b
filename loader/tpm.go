package loader

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/internal/cmdline"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
	"github.com/kexec-bls/kexec-bls/loader/tpm"
)

// A TPMReport is what a TPM does in the boot after a kexec.
type TPMReport = tpm.Report

// FindingMeasuredOS is the ID of the note that PlanOptions.AutoMeasuredOS added a
// kernel parameter.
const FindingMeasuredOS FindingID = "tpm2-measured-os"

// unlockTimeout is how long a TPM and volumes may take to answer where that decides
// whether a volume will open.
const unlockTimeout = 10 * time.Second

// ErrNoAnswer means that the machine did not answer in time.
var ErrNoAnswer = errors.New("no answer in time")

// TPM predicts the PCRs that the initrd of a plan will find, and what that means for
// encrypted volumes. The error is ErrNoAnswer, or that of ctx.
func (m *Machine) TPM(ctx context.Context, p *Plan, opt CheckOptions) (TPMReport, error) {
	if p.offline() {
		return TPMReport{}, nil
	}
	f := p.unlocking(m.Host, opt.Force)
	return inTime(ctx, cmp.Or(opt.Timeout, preflight.DefaultTimeout), func() TPMReport {
		return f.report(m.Host.FS, f.volumes(m.Host.FS, preflight.BootCrypts(m.Host)))
	})
}

// inTime asks a TPM and volumes, which may never answer. The error is ErrNoAnswer, or
// that of ctx.
func inTime[T any](ctx context.Context, limit time.Duration, ask func() T) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan T, 1) // an answer that is late does not wait for us
	go func() { done <- ask() }()
	var none T
	select {
	case r := <-done:
		return r, nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return none, fmt.Errorf("TPM and encrypted volumes: %w", ErrNoAnswer)
		}
		return none, ctx.Err()
	}
}

// An unlocking is a boot of which is asked what a TPM opens.
type unlocking struct {
	boot tpm.Boot
	// firmware is set where the running kernel was started by a boot loader.
	firmware bool
}

func (p *Plan) unlocking(h host.Machine, force bool) unlocking {
	return unlocking{tpm.Boot{Cmdline: p.Cmdline(), Initrd: p.next, Force: force}, h.Kexeced() == host.No}
}

// volumes are those that the boot opens, and those that are open now, with their
// headers.
func (u unlocking) volumes(root fs.FS, open []preflight.Crypt) []tpm.Volume {
	var more []tpm.Volume
	for _, c := range open {
		more = append(more, opened(c))
	}
	volumes := tpm.Volumes(u.boot.Cmdline, u.boot.Initrd, host.Machine{FS: root}.Text("etc/crypttab"), more...)
	for i := range volumes {
		volumes[i].ReadHeader(root)
	}
	return volumes
}

// opened is an open device as a volume.
func opened(c preflight.Crypt) tpm.Volume {
	v := tpm.Volume{Name: c.Name, Source: "/dev/" + c.Device, Initrd: true}
	if c.UUID != "" {
		v.Source = "UUID=" + c.UUID
	}
	return v
}

// report reads the PCRs, of which each takes a TPM some milliseconds.
func (u unlocking) report(root fs.FS, volumes []tpm.Volume) tpm.Report {
	m := tpm.ReadMachine(root)
	m.FirmwareBoot = u.firmware
	return tpm.Check(m, u.boot, volumes)
}

// check is the part of it in a preflight.
func (u unlocking) check(root fs.FS, open []preflight.Crypt) preflight.Unlocking {
	volumes := u.volumes(root, open)
	var out preflight.Unlocking
	if tpm.Bound(volumes) {
		out.Findings = u.report(root, volumes).Findings
	}
	for _, c := range open {
		for _, v := range volumes {
			about := slices.ContainsFunc(out.Findings, func(f Finding) bool { return f.Volume == v.Name })
			switch {
			case !v.Same(opened(c)):
			case about || v.Automatic():
				out.Tokens = append(out.Tokens, c.Name)
			case v.Err == nil:
				out.Bare = append(out.Bare, c.Name)
			}
		}
	}
	return out
}

// visit takes note of what in the initrd decides what a TPM does.
func (p *Plan) visit(f initrd.File) error {
	if kind := f.Kind(); !f.Dropped && (kind == syscall.S_IFREG || kind == syscall.S_IFLNK) {
		p.next.Visit(tpm.File{Path: f.Path, Link: f.Link, Content: func() ([]byte, error) { return f.Content(1 << 20) }})
	}
	return nil
}

// mayUnlock reports whether the machine has a TPM and an encrypted volume, so that
// it matters what is in the initrd.
func (p *Plan) mayUnlock() bool {
	h := p.host
	if p.offline() || !h.Exists("sys/class/tpm/tpm0") {
		return false
	}
	if strings.Contains(h.Text("etc/crypttab"), "tpm2-device") || strings.Contains(p.files.Cmdline, "luks.") {
		return true
	}
	return slices.ContainsFunc(h.Names("sys/class/block"), func(name string) bool {
		return strings.HasPrefix(h.Text("sys/class/block/"+name+"/dm/uuid"), "CRYPT-LUKS2-")
	})
}

// addMeasuredOS adds the parameter with which a TPM opens more volumes, where that
// is proven and nothing about it is set yet.
func (p *Plan) addMeasuredOS(ctx context.Context) {
	key, _, _ := strings.Cut(cmdline.MeasuredOS, "=")
	set := slices.ContainsFunc(cmdline.Split(p.files.Cmdline), func(s string) bool { return cmdline.HasKey(s, key) })
	if !p.options.AutoMeasuredOS || p.broken != nil || set || slices.Contains(p.options.Remove, key) || !p.mayUnlock() {
		return
	}
	r, err := (&Machine{Host: p.host}).TPM(ctx, p, CheckOptions{Timeout: unlockTimeout})
	if err != nil {
		p.files.Warnings = append(p.files.Warnings, fmt.Sprintf("%v: %s is not added", err, cmdline.MeasuredOS))
		return
	}
	if r.Fix != cmdline.MeasuredOS {
		return
	}
	p.files.Cmdline = cmdline.Edit{Append: []string{r.Fix}}.Apply(p.files.Cmdline)
	p.unmeasured = true
	p.kernel, p.broken = p.files.Inspect(p.host.GOARCH)
}

// measuredOS is the note that a parameter was added, with its price.
func (p *Plan) measuredOS() []Finding {
	if !p.unmeasured {
		return nil
	}
	return []Finding{{
		ID: FindingMeasuredOS, Severity: SeverityInfo,
		Text: cmdline.MeasuredOS + " was added, with which the TPM opens a volume that it does not open otherwise; that boot is not measured, which attestation sees",
		Hint: `set tpm.measured_os = "off" in the configuration to have the boot measured`,
	}}
}
