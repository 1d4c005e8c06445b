package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

// afterUpgrade says what an upgrade means for the next boot, and with the
// policy load it sees to it that a kexec goes there too.
func (a *app) afterUpgrade(ctx context.Context, caller string, args []string) {
	o := a.quietly().outlook()
	o.args = args
	defer o.close()
	if caller == "kernel-install" && a.ofOtherSystem(o) {
		return
	}
	if o.err != nil {
		a.once(a.warn, "cannot tell what boots next: %v", o.err)
	}
	device := o.unmounted()
	if device != "" {
		a.once(a.warn, "%s is not mounted, so what was installed may not be on it; mount it at /boot or /efi and install again", device)
	}
	if caller == "debian" && len(o.differs) > 0 {
		a.requireReboot()
	}
	if a.config.Hook.Policy == policyLoad && device == "" && a.wantsLoad(o) && a.stageNext(ctx, o) {
		return
	}
	a.tell(o)
}

// tell is the one line of the policy notify.
func (a *app) tell(o *outlook) {
	stale := ""
	if o.state == "stale" {
		stale = fmt.Sprintf("what is loaded is stale (%s)", o.stale[0])
	}
	switch {
	case len(o.differs) > 0 && a.config.Hook.Policy == policyLoad && o.state == "fresh":
		// Was said when it was loaded.
	case len(o.differs) > 0 && stale != "":
		a.once(a.note, "%s, and %s; kexec-bls reboot loads and boots the new one", a.news(o), stale)
	case len(o.differs) > 0:
		a.once(a.note, "%s; kexec-bls reboot goes there without the firmware", a.news(o))
	case stale != "":
		a.once(a.note, "%s; kexec-bls load loads it again, kexec-bls unload forgets it", stale)
	}
}

// news is from which kernel to which.
func (a *app) news(o *outlook) string {
	running, next, entry := a.release(), o.release(), o.target.label()
	switch {
	case next != running:
		return fmt.Sprintf("next boot: kernel %s -> %s (%s)", running, next, entry)
	case !sameBuild(o.target.kernel.Version, a.facts().KernelVersion()):
		return fmt.Sprintf("next boot: another build of kernel %s (%s)", next, entry)
	}
	return fmt.Sprintf("next boot: kernel %s with another command line (%s)", next, entry)
}

// wantsLoad says whether there is something to load for the user. Without a
// kexec by systemctl reboot, as SYSTEMCTL_SKIP_AUTO_KEXEC has it, there is not;
// and what others have loaded is theirs.
func (a *app) wantsLoad(o *outlook) bool {
	switch {
	case isTrue(a.getenv("SYSTEMCTL_SKIP_AUTO_KEXEC")):
		return false
	case o.state == "stale":
		return o.receipt.Entry != ""
	}
	return o.state == "none" && len(o.differs) > 0
}

func isTrue(s string) bool {
	value, _ := host.ParseBoolean(s)
	return value
}

// stageNext loads the next entry, or repeats the load of what is stale. It says
// what that means for a reboot, and reports whether all is said.
func (a *app) stageNext(ctx context.Context, o *outlook) bool {
	name, again := "", ""
	if o.state == "stale" {
		again = " again, as " + o.stale[0]
		if o.receipt.Named {
			name = o.receipt.Entry
		}
	}
	t, err := a.quietly().target(name, &lineFlags{})
	if err == nil {
		err = a.stageFor(ctx, t, o)
		t.close() // and with it the lock
	}
	if err != nil {
		a.notLoaded(ctx, o, err)
		return false
	}
	release, _, _ := strings.Cut(t.kernel.Version, " ")
	way := "systemctl kexec jumps into it, from systemd 256 on systemctl reboot too"
	if a.init() != host.Systemd {
		way = "kexec-bls reboot --loaded jumps into it"
	}
	a.once(a.note, "%s (kernel %s) is loaded%s: %s; kexec-bls unload takes that back", t.label(), release, again, way)
	return true
}

// stageFor loads what a kexec will survive; what is stale with the flags that
// it was loaded with.
func (a *app) stageFor(ctx context.Context, t *target, o *outlook) error {
	blob := blobFlags{ignore: a.ignored(nil)}
	if err := a.accept(t, blob); err != nil {
		return err
	}
	if blockers := preflight.Errors(a.findings(t, nil, false), findingIDs(blob.ignore)...); len(blockers) > 0 {
		return fmt.Errorf("%s; kexec-bls check says more", blockers[0].Text)
	}
	if o.state == "stale" {
		args := append([]string{"load", "--quiet"}, o.receipt.Args...)
		if o.receipt.Named {
			args = append(args, "--", o.receipt.Entry)
		}
		other, ui := *a, *a.ui // --quiet is for that command
		other.ui = &ui
		return other.again(ctx, args)
	}
	if err := a.flattenTarget(t, blob); err != nil {
		return err
	}
	t.args = o.args
	return a.stage(ctx, t, blob)
}

// notLoaded says why. A stale image that the hook has loaded goes: a reboot
// through the firmware is better than one into what is no longer there.
func (a *app) notLoaded(ctx context.Context, o *outlook, err error) {
	left := ""
	if o.state == "stale" && !o.receipt.Named {
		gone, ferr := a.forgetStale(ctx, o.receipt)
		switch {
		case ferr != nil:
			left = fmt.Sprintf("; what is loaded is stale, and stays: %v", ferr)
		case gone:
			left, o.state = "; what was loaded is stale and was unloaded", "none"
		}
	}
	if o.err == nil {
		left = fmt.Sprintf("; not loaded: %v", err) + left
	}
	if left != "" { // else it is said why
		a.once(a.warn, "%s", strings.TrimPrefix(left, "; "))
	}
}

// forgetStale drops the image of a receipt, unless another came in its place.
func (a *app) forgetStale(ctx context.Context, stale loader.Receipt) (gone bool, err error) {
	lock, err := a.lock(ctx)
	if err != nil {
		return false, err
	}
	defer lock.Close()
	now, err := loader.ReadReceipt(a.runDir)
	if err != nil || !now.Time.Equal(stale.Time) {
		return false, nil
	}
	return true, a.forget()
}
