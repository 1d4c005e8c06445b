package loader

import (
	"context"
	"errors"
	"fmt"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/internal/stamp"
	"github.com/kexec-bls/kexec-bls/loader/tpm"
)

// walked looks at the initrds as the kernel will.
func (p *Plan) walked(ctx context.Context) (*Plan, error) {
	if err := p.walk(ctx); err != nil {
		return nil, errors.Join(p.failed(err), p.Close())
	}
	p.addMeasuredOS(ctx)
	return p, nil
}

func (p *Plan) walk(ctx context.Context) error {
	if p.options.EarlyFirst {
		var err error
		if p.files.Initrd, err = initrd.EarlyFirst(p.files.Initrd); err != nil {
			return err
		}
	}
	blob, err := p.join()
	if err != nil {
		return err
	}
	opt := initrd.WalkOptions{
		Layout: blob.Layout, Verify: p.options.Verify, Limit: UnpackLimit(p.host, p.options.Limit), Progress: p.progress("reading initrds"),
	}
	if p.inside || p.mayUnlock() {
		opt.Visit, opt.Verify = p.visit, max(opt.Verify, initrd.VerifyFast)
	}
	p.verified = opt.Verify != initrd.VerifyNone
	if opt.Visit == nil && opt.Verify == initrd.VerifyFast && p.verifiedBefore() {
		opt.Verify = initrd.VerifyNone
	}
	if opt.Verify != initrd.VerifyNone && p.host.Exists("sys/class/tpm/tpm0") { // its PCRs may be asked for
		opt.Visit = p.visit
	}
	if config := p.host.KernelConfig(p.Release()); config.Known() {
		opt.Built = config.BuiltIn
	}
	p.report, err = initrd.Walk(ctx, blob, blob.Size(), opt)
	if opt.Verify == initrd.VerifyFast && errors.Is(err, initrd.ErrLimit) {
		p.files.Warnings = append(p.files.Warnings, fmt.Sprintf("%v; not verified", err))
		p.verified, opt.Verify, p.next = false, initrd.VerifyNone, tpm.Initrd{}
		p.report, err = initrd.Walk(ctx, blob, blob.Size(), opt)
	}
	if opt.Visit == nil || !p.report.Decoded {
		p.next.Unread("the initrd was not decoded")
	}
	return err
}

// verifiedBefore reports whether an earlier load verified the same bytes: by size
// and time, and by the hash of a file that was written a moment ago.
func (p *Plan) verifiedBefore() bool {
	known := p.options.Known
	if known == nil || !known.Verified || len(known.Files) != len(p.files.Stamps()) {
		return false
	}
	for i, s := range p.files.Stamps() {
		k := known.Files[i]
		if k.Path != s.Path || k.Size != s.Size || !k.MTime.Equal(s.MTime) || s.SHA256 != stamp.NoSum && k.SHA256 != s.SHA256 {
			return false
		}
	}
	return true
}

func (p *Plan) progress(step string) func(done, total int64) {
	if p.options.Progress == nil {
		return nil
	}
	return func(done, total int64) { p.options.Progress(step, done, total) }
}

// UnpackLimit is how many bytes compressed images may unpack to together: what
// was asked for, or for 0 half of the memory that is available, and at most
// initrd.DefaultLimit.
func UnpackLimit(h host.Machine, asked int64) int64 {
	if asked > 0 {
		return asked
	}
	if available := h.MemAvailable(); available > 0 {
		return min(available/2, initrd.DefaultLimit)
	}
	return initrd.DefaultLimit
}
