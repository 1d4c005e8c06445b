package loader

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries"
)

// ReloadOptions say how to load again.
type ReloadOptions struct {
	// System opens the system to compare with; Reload closes it.
	System func(context.Context) (*entries.System, error)
	// Plan makes the plan of a receipt's request anew; Reload closes it and its
	// System.
	Plan func(context.Context, Receipt) (*Plan, error)
	Load LoadOptions
	// OnLoaded, if not nil, is called with the receipt before and the result of each
	// load.
	OnLoaded func(before Receipt, err error)
	// OnStale, if not nil, is called with a stale image before it is loaded again.
	OnStale func(Loaded)
}

// ErrUnrepeatable means that what is loaded is stale but no entry was loaded, so
// that it cannot be loaded again.
var ErrUnrepeatable = errors.New("files that were named one by one are not loaded again")

// Reload loads again what is stale, until what is loaded is fresh: an upgrade
// writes one file after the other. It never loads where nothing is loaded, or
// where another program loaded it. The state at the end is returned; it is stale
// where a load changed nothing, and with ErrUnrepeatable.
func (m *Machine) Reload(ctx context.Context, opt ReloadOptions) (Loaded, error) {
	if there, err := m.Kernel.Loaded(); err != nil || !there {
		return Loaded{State: None}, err
	}
	const times = 5
	var before Reasons
	for range times {
		if err := m.awaitQuiet(ctx); err != nil {
			return Loaded{}, err
		}
		l, again, err := m.reloadOnce(ctx, opt, before)
		if err != nil || !again {
			return l, err
		}
		before = l.Reasons
	}
	return Loaded{}, hint.Wrap(fmt.Errorf("files still change after %d loads", times), string(hint.LoadAgain))
}

// reloadOnce loads what is stale; again reports whether it did. before are the
// reasons of the last time: a load that changes nothing is not repeated.
func (m *Machine) reloadOnce(ctx context.Context, opt ReloadOptions, before Reasons) (l Loaded, again bool, err error) {
	sys, err := opt.System(ctx)
	if err == nil {
		defer sys.Close()
	}
	l, statusErr := m.Status(ctx, sys, StatusOptions{})
	switch {
	case statusErr != nil:
		return l, false, statusErr
	case l.State != Stale || slices.Equal(before, l.Reasons):
		return l, false, nil
	case l.Receipt.Entry == "":
		return l, false, ErrUnrepeatable
	case err != nil:
		return l, false, err
	}
	if opt.OnStale != nil {
		opt.OnStale(l)
	}
	p, err := opt.Plan(ctx, *l.Receipt)
	if err != nil {
		return l, false, err
	}
	defer p.System().Close()
	defer p.Close()
	_, err = m.Load(ctx, p, opt.Load)
	if opt.OnLoaded != nil {
		opt.OnLoaded(*l.Receipt, err)
	}
	return l, true, err
}

// awaitQuiet waits until the files of what is loaded have not changed for the time
// of Settle, 30 times that at most.
func (m *Machine) awaitQuiet(ctx context.Context) error {
	settle := m.Settle
	if settle == 0 {
		settle = 2 * time.Second
	}
	before := m.filesNow()
	for range 30 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(settle):
		}
		now := m.filesNow()
		if slices.Equal(before, now) {
			return nil
		}
		before = now
	}
	return nil
}

// filesNow is what the files of the receipt look like at this moment.
func (m *Machine) filesNow() []string {
	r, err := readReceipt(m.RunDir)
	if err != nil {
		return nil
	}
	var seen []string
	for _, f := range r.Files {
		info, err := os.Stat(string(f.Path))
		if err != nil {
			seen = append(seen, err.Error())
			continue
		}
		seen = append(seen, fmt.Sprint(info.Size(), info.ModTime().UnixNano()))
	}
	return seen
}
