package main

import (
	"errors"
	"io"
	"io/fs"
	"strings"

	"github.com/kexec-bls/kexec-bls/loader"
)

// An outlook is what the next boot would bring, and what is loaded for it.
type outlook struct {
	survey *survey // nil: there is no boot partition
	target *target // nil: no kexec can boot the next entry, or err
	err    error   // why nothing can be told
	// differs says in what the next boot differs from this one.
	differs []string
	state   string         // fresh, stale, none or foreign, as of status
	receipt loader.Receipt // for fresh and stale
	stale   []string       // why
	args    []string       // flags of the hook, for who repeats its load
}

func (o *outlook) close() {
	switch {
	case o.target != nil:
		o.target.close()
	case o.survey != nil:
		o.survey.close()
	}
}

// quietly is the same app for someone who wants to hear no warnings.
func (a *app) quietly() *app {
	quiet := *a
	quiet.ui = &ui{out: io.Discard, err: io.Discard, quiet: true}
	return &quiet
}

// outlook looks ahead. The caller closes it.
func (a *app) outlook() *outlook {
	o := &outlook{state: "none"}
	if o.survey, o.err = a.survey(); o.err == nil {
		a.lookAhead(o)
	}
	a.lookAtLoaded(o)
	return o
}

func (a *app) lookAhead(o *outlook) {
	if e := o.survey.choice.Entry; e != nil && !e.Absent && e.Impossible() != "" {
		return // Windows, say
	}
	t := &target{survey: o.survey}
	if o.err = a.fill(t, "", &lineFlags{}); o.err != nil {
		return
	}
	o.target = t
	var err error
	if t.kernel, err = t.Inspect(a.goarch); err != nil {
		o.err = t.failed(err)
	} else if t.kernel.Version != "" {
		o.differs = a.differences(t)
	}
}

func (a *app) lookAtLoaded(o *outlook) {
	if loaded, err := a.loaded(); err != nil || !loaded {
		return
	}
	receipt, err := loader.ReadReceipt(a.runDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) || err != nil || receipt.BootID != a.bootID() {
		o.state = "foreign"
		return
	}
	o.state, o.receipt, o.stale = "fresh", receipt, a.stale(receipt, o.survey, false)
	if len(o.stale) > 0 {
		o.state = "stale"
	}
}

// release is the kernel release of the next boot.
func (o *outlook) release() string {
	release, _, _ := strings.Cut(o.target.kernel.Version, " ")
	return release
}

// unmounted is the device that the next boot reads and that is mounted
// nowhere: what a package manager writes does not reach it. Else "".
func (o *outlook) unmounted() string {
	if o.survey == nil || o.survey.choice.Entry == nil {
		return ""
	}
	device, ok := strings.CutSuffix(o.survey.choice.Entry.Volume.Dir, ":")
	if !ok {
		return ""
	}
	return device
}
