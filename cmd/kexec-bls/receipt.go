package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

// lock keeps other processes of ours from changing what is loaded. Who may not
// lock may not load, as a rule, and is told so in the words for that.
func (a *app) lock(ctx context.Context) (*os.File, error) {
	f, err := loader.Lock(ctx, a.runDir)
	if errors.Is(err, fs.ErrPermission) {
		if cause, ok := preflight.Permission(a.facts()); ok {
			refused := &kexec.LoadError{Errno: unix.EPERM, Call: "kexec_file_load"}
			return nil, hint.Wrap(fmt.Errorf("%w: %s", refused, cause.Text), cause.Hint)
		}
	}
	return f, err
}

// confirm asks the kernel whether the image is there, and completes the
// receipt.
func (a *app) confirm(t *target, r loader.Receipt) error {
	loaded, err := a.loaded()
	if err != nil {
		return err
	}
	if !loaded {
		return errors.New("the kernel took the image and has none loaded")
	}
	if err := a.putStandIn(); err != nil {
		return err
	}
	if r.Files, err = t.Hash(); err != nil {
		return err
	}
	if err := r.Confirm(a.runDir); err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	a.remember(r)
	return nil
}

// receipt is all that is known before the load.
func (a *app) receipt(t *target) loader.Receipt {
	r := loader.Receipt{
		Schema: 1, BootID: a.bootID(), Named: t.named || t.once, Files: t.Stamps(), Folders: t.Folders(), Cmdline: t.Cmdline, Args: t.args, Time: time.Now().UTC(),
	}
	r.Release, _, _ = strings.Cut(t.kernel.Version, " ")
	if t.entry != nil {
		r.Entry, r.Title, r.Version = t.entry.ID, t.entry.Title, t.entry.Version
		r.EntryFile = entryFile(t.entry)
		for _, v := range t.survey.volumes {
			r.Volumes = append(r.Volumes, loader.VolumeStamp{Source: v.Kind.String(), Dir: v.Dir, Device: v.Device, PartUUID: v.PartUUID})
		}
	}
	return r
}

// entryFile stamps the file of a Type #1 entry. Where that fails the receipt goes
// without: the entry has been read, and a change of it would not be noticed.
func entryFile(e *entries.Entry) *loader.FileStamp {
	if e.Type != bls.Type1 || e.Volume == nil {
		return nil
	}
	f, err := e.Volume.Open(e.Path)
	if err != nil {
		return nil
	}
	defer f.Close()
	stamp, err := loader.Stamp(e.Volume.Where(e.Path), f)
	if err != nil {
		return nil
	}
	return &stamp
}

// undoLoad takes a new image down again for the sake of err, and says what is
// loaded then.
func (a *app) undoLoad(t *target, err error) error {
	if kept := a.forget(); kept != nil {
		return fmt.Errorf("%w; and it stays loaded: %w", err, kept)
	}
	return fmt.Errorf("%w; unloaded again%s", err, t.replaced)
}

// forget drops the loaded image and the receipt of it. The caller has the
// lock. What the kernel does not drop keeps its receipt.
func (a *app) forget() error {
	if err := a.unload(); err != nil {
		return a.explained(preflight.Plan{}, err)
	}
	a.forgetWord()
	a.takeStandIn()
	return loader.RemoveReceipt(a.runDir)
}
