package loader

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader/internal/cmdline"
)

// A NextBoot is what the boot loader would boot next, compared with what runs.
type NextBoot struct {
	Entry   *entries.Entry
	Running string // release of the running kernel
	Release string // of the kernel that would be booted
	// Difference is what would change; SameSystem where nothing would.
	Difference Difference
	// Reasons are the differences.
	Reasons Reasons

	cmdline string
}

// A Difference is the most important difference between two systems.
type Difference int

// Differences, the least first.
const (
	SameSystem       Difference = iota
	OtherCommandLine            // only the command line
	OtherBuild                  // another build of the same release
	OtherRelease
)

// ErrNoVersion means that the version cannot be read from the file of a kernel.
var ErrNoVersion = errors.New("the version of its kernel cannot be read")

// Next compares what would be booted next with what runs. The error is why
// that cannot be determined.
func Next(_ context.Context, sys *entries.System, opt PlanOptions) (NextBoot, error) {
	n := NextBoot{Running: sys.Host().Release()}
	c, err := sys.Default()
	if err != nil {
		return n, err
	}
	n.Entry = c.Entry
	opt.versionOnly = true
	p, err := newPlan(sys, c.Entry, opt)
	if err != nil {
		return n, err
	}
	defer p.Close()
	if err := p.Broken(); err != nil {
		return n, err
	}
	if n.Release = p.Release(); n.Release == "" || n.Running == "" {
		return n, fmt.Errorf("%s: %w", p.Name(), ErrNoVersion)
	}
	n.cmdline = p.exported
	n.compare(p)
	return n, nil
}

func (n *NextBoot) compare(p *Plan) {
	differs := func(d Difference, r Reason) {
		n.Difference = max(n.Difference, d)
		n.Reasons = append(n.Reasons, r)
	}
	switch {
	case n.Release != n.Running:
		differs(OtherRelease, because(ReasonRelease, "kernel %s runs, %s would boot %s", n.Running, p.Name(), n.Release))
	case !sameBuild(p.kernel.Version, p.host.KernelVersion()):
		differs(OtherBuild, because(ReasonBuild, "kernel %s runs, %s would boot another build of it", n.Running, p.Name()))
	}
	stub := p.entry.Linux == "" || p.entry.Type == bls.Type2
	for _, c := range cmdline.Diff(p.host.Cmdline(), p.exported) {
		switch {
		case c.Added:
			differs(OtherCommandLine, Reason{ID: ReasonAdded, Text: "command line: + " + c.Parameter, Parameter: Text(c.Parameter)})
		case stub && strings.HasPrefix(c.Parameter, "console="):
			// systemd-stub 262 derives such parameters from the firmware's consoles.
		default:
			differs(OtherCommandLine, Reason{ID: ReasonRemoved, Text: "command line: - " + c.Parameter, Parameter: Text(c.Parameter)})
		}
	}
}

// sameBuild compares the build in a kernel image's version text with that of the
// running kernel, "#1 SMP Debian 6.1.192-2 (2026-11-16)". An image or a kernel
// without one is no difference.
func sameBuild(image, running string) bool {
	_, build, ok := strings.Cut(image, " #")
	return !ok || running == "" || "#"+build == running
}
