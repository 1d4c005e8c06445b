package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/loader"
)

func (m *machine) history() loader.History { return loader.History{Dir: m.stateDir} }

// now is what the running system tells of itself.
func (m *machine) now() loader.Now {
	n := loader.Now{BootID: m.bootID(), Cmdline: m.cmdline(), Release: m.release(), Kexeced: m.kexeced()}
	up, _, _ := strings.Cut(readLine(m.proc+"/uptime"), " ")
	if s, err := strconv.ParseFloat(up, 64); err == nil {
		n.Started = time.Now().Add(-time.Duration(s * float64(time.Second)))
	}
	return n
}

// boot tells how the running system came about. What only root may read, or
// what is damaged, is not known.
func (a *app) boot() loader.Boot {
	b, err := a.history().Boot(a.now())
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		a.warn("%s: %v", a.stateDir, err)
	}
	return b
}

// remember leaves word for the next boot of what is loaded. Where nothing can
// be kept, the next boot will have to guess.
func (a *app) remember(r loader.Receipt) {
	h := a.history()
	_, settled := h.Settle(a.now())
	if err := h.SaveNext(r); err != nil {
		a.warn("%v; after the kexec, list and status will know what runs only as far as its command line tells", err)
	} else if settled != nil {
		a.warn("%v", settled)
	}
}

// forgetWord takes back what remember left. Word that is damaged tells nothing
// to anybody.
func (a *app) forgetWord() {
	if err := a.history().DropNext(a.bootID()); err != nil {
		a.warn("%v", err)
	}
}

// announce leaves word of how and when this boot ends, and keeps a one-shot
// setting from the kernel's efibc; undo is for a reboot that is refused. None
// of it is worth a reboot that fails.
func (a *app) announce(ctx context.Context, kind string, opt rebootFlags) (undo func()) {
	end := loader.End{Schema: 1, BootID: a.bootID(), Kind: kind, Requested: time.Now().UTC()}
	reload := func() {}
	if opt.systemd.When != "" && a.recorded() {
		return reload // its unit will do all of this, then
	}
	if kind == "kexec" {
		end.OneShot, reload = a.keepShot(ctx)
	}
	if opt.systemd.When != "" {
		return reload // nobody will know the time
	}
	if err := a.history().SaveEnd(end); err != nil {
		if end.OneShot != nil && a.facts().ModuleLoaded("efibc") {
			a.warn("%v; the one-shot setting will be lost", err)
		}
		return reload
	}
	return func() {
		reload()
		if err := a.history().DropEnd(); err != nil {
			a.warn("%v", err)
		}
	}
}

// recorded says whether the recorder's unit is active, so that it will be
// stopped: systemd keeps a dangling link for every such unit.
func (a *app) recorded() bool {
	return a.facts().UnitActive("kexec-bls-boot.service")
}

const oneShotName = "LoaderEntryOneShot"

// keepShot reads a one-shot setting that has not been used up, and unloads
// efibc, which would write over it. undo loads efibc again.
func (a *app) keepShot(ctx context.Context) (kept *loader.KeptVariable, undo func()) {
	vars := efivar.Vars{Dir: a.efivars}
	if text, err := vars.Loader(oneShotName); err == nil && text != "" && text != efivar.KexecJunk {
		if raw, err := vars.Read(oneShotName, efivar.LoaderVendor); err == nil {
			kept = &loader.KeptVariable{Name: oneShotName, Attributes: raw.Attributes, Data: raw.Data}
		}
	}
	undo = func() {}
	if !a.facts().ModuleLoaded("efibc") {
		return kept, undo
	}
	if err := a.unloadModule("efibc"); err != nil {
		a.warn("efibc: %v", err)
		return kept, undo
	}
	return kept, func() {
		if err := a.loadModule(context.WithoutCancel(ctx), "efibc"); err != nil {
			a.warn("efibc is unloaded: %v", err)
		}
	}
}

// restoreShot clears what efibc wrote, and nothing else, and puts back what
// was there before. said is what was done, "" for nothing.
func (a *app) restoreShot(kept *loader.KeptVariable) (said string, err error) {
	vars := efivar.Vars{Dir: a.efivars}
	if text, err := vars.Loader(oneShotName); err != nil || text != efivar.KexecJunk {
		return "", nil
	}
	if kept != nil && kept.Name == oneShotName {
		saved := efivar.Saved{Name: oneShotName, Variable: efivar.Variable{Attributes: kept.Attributes, Data: kept.Data}}
		text, err := efivar.Decode(kept.Data)
		if err == nil {
			return fmt.Sprintf("%s is set again to be booted once: the kernel (efibc) had overwritten it", text), vars.Restore(saved)
		}
	}
	_, err = vars.Consume(oneShotName)
	return fmt.Sprintf("cleared %q from %s, which the kernel (efibc) leaves at a kexec", efivar.KexecJunk, oneShotName), err
}
