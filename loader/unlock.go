package loader

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
	"github.com/kexec-bls/kexec-bls/loader/state"
	"github.com/kexec-bls/kexec-bls/loader/tpm"
)

// UnlockUnit is the unit that removes keys for one kexec in the boot after.
const UnlockUnit = "kexec-bls-unlock.service"

// FindingLeftover is the ID of a key for one kexec that is still there.
const FindingLeftover FindingID = "tpm2-leftover"

// An UnlockWay is what opens volumes after a kexec.
type UnlockWay string

// Ways to open volumes after one kexec.
const (
	UnlockByTPM UnlockWay = "tpm" // the TPM, by a key that is bound to what it measured
	UnlockByKey UnlockWay = "key" // without a TPM: a key in an archive after the initrds
)

// UnlockOptions make a reboot one after which encrypted volumes open once: those that
// the new initrd opens and that would ask for a passphrase. That needs a key that opens
// them now.
type UnlockOptions struct {
	// KeyFile is the path of a file with such a key; "" lets the TPM release it.
	KeyFile string
	// Ask returns a passphrase of volumes, where the TPM does not. nil: nobody can be
	// asked. What it returns is overwritten.
	Ask func(ctx context.Context, volumes []string) ([]byte, error)
	// OnVolumes, if not nil, is called with the names of the volumes, maybe none,
	// before anything is changed.
	OnVolumes func(way UnlockWay, names []string)
}

// An unlocker lets volumes open after one kexec.
type unlocker struct {
	m    *Machine
	plan *Plan
	way  UnlockWay
	boot unlocking
	opt  UnlockOptions
	// volumes are all, locked those that need a key.
	volumes, locked []tpm.Volume
	passphrase      *reboot.Secret
}

// newUnlocker finds the volumes that need a key, and refuses where none can be made.
func (m *Machine) newUnlocker(ctx context.Context, p *Plan, opt RebootOptions) (*unlocker, error) {
	u := &unlocker{m: m, plan: p, way: UnlockByTPM, opt: *opt.Unlock}
	if p.try != nil || opt.Init.When != "" {
		return nil, errors.New("a key for one kexec is neither for a trial nor for a later time")
	}
	if !tpm.Present(m.Host.FS) {
		u.way = UnlockByKey
	}
	if err := u.possible(ctx); err != nil {
		return nil, err
	}
	u.boot = p.unlocking(m.Host, opt.Check.Force)
	type answer struct {
		locked []tpm.Volume
		err    error
	}
	got, err := inTime(ctx, unlockTimeout, func() answer {
		u.volumes = u.boot.volumes(m.Host.FS, preflight.BootCrypts(m.Host))
		locked, err := u.find()
		return answer{locked, err}
	})
	if err != nil {
		return nil, err
	}
	u.locked = got.locked
	if got.err == nil && opt.Unlock.OnVolumes != nil {
		opt.Unlock.OnVolumes(u.way, u.names())
	}
	return u, got.err
}

// possible refuses the way before volumes are looked at.
func (u *unlocker) possible(ctx context.Context) error {
	if u.way == UnlockByTPM {
		return u.m.installed(UnlockUnit)
	}
	if err := preflight.KeepsMemory(u.m.Host); err != nil {
		return fmt.Errorf("there is no TPM 2.0, and a key in memory could get onto a disk: %w", err)
	}
	return u.plan.lookInside(ctx)
}

// find returns the volumes that need a key.
func (u *unlocker) find() ([]tpm.Volume, error) {
	if u.way == UnlockByKey {
		return tpm.WithoutKey(u.boot.boot, u.volumes)
	}
	machine := tpm.ReadMachine(u.m.Host.FS)
	locked, err := tpm.Locked(machine, u.boot.boot, u.volumes)
	if err == nil && len(locked) > 0 && !u.m.marked(machine) {
		err = machine.OnceFree()
	}
	return locked, err
}

// prepare makes the load one after which the volumes open.
func (u *unlocker) prepare(ctx context.Context, opt *LoadOptions) error {
	if u.way == UnlockByKey {
		return u.handOver(ctx)
	}
	opt.begin = func() (undo func() error, err error) { return u.begin(ctx) }
	return nil
}

// installed refuses to begin what a unit has to end.
func (m *Machine) installed(unit string) error {
	if m.Host.InitSystem() != host.Systemd {
		return errors.New("systemd does not run here: nothing would remove the key after the kexec")
	}
	if !m.unitExists(unit) {
		return hint.Errorf(installUnits, "%s is not installed: nothing would remove the key after the kexec", unit)
	}
	return nil
}

func (u *unlocker) names() []string {
	names := []string{}
	for _, v := range u.locked {
		names = append(names, v.Name)
	}
	return names
}

// begin makes the keys; undo removes them. The record, and the unit that acts by it,
// come before each thing that they are to undo.
func (u *unlocker) begin(ctx context.Context) (undo func() error, err error) {
	m := u.m
	undo = func() error { return m.endUnlock(context.WithoutCancel(ctx)) }
	if err := errors.Join(m.endTrial(ctx), m.endUnlock(ctx)); err != nil || len(u.locked) == 0 {
		return undo, err
	}
	defer func() {
		if u.passphrase != nil {
			err = errors.Join(err, u.passphrase.Close())
		}
	}()
	if !u.byTPM() {
		if err := u.ask(ctx); err != nil {
			return undo, err
		}
	}
	var digest [sha256.Size]byte
	_, _ = rand.Read(digest[:]) // it never fails
	record := state.Unlock{Schema: 1, BootID: m.Host.BootID(), Mark: tpm.Marked(digest)}
	seals := make([]tpm.Seal, len(u.locked))
	return undo, run([]step{
		{"record the key for this kexec", func() error { return m.history().SaveUnlock(record) }},
		{"enable " + UnlockUnit, func() error { return m.Init.EnableUnit(ctx, UnlockUnit, true) }},
		{"extend the TPM", func() error {
			defer clear(digest[:])
			return m.Init.ExtendPCR(tpm.OncePCR, digest)
		}},
		{"predict the TPM", func() error { return u.seal(&record, seals) }},
		{"record the key for this kexec", func() error { return m.history().SaveUnlock(record) }},
		{"make a key for this kexec", func() error { return u.enroll(ctx, record, seals) }},
		{"verify the key for this kexec", func() error { return u.verify(record) }},
	})
}

// byTPM reports whether a key need not be asked for: it is in a file, or the TPM may
// release one for every volume.
func (u *unlocker) byTPM() bool {
	return u.opt.KeyFile != "" || !slices.ContainsFunc(u.locked, func(v tpm.Volume) bool { return !v.Sealed() })
}

// ask gets a passphrase, once for all volumes.
func (u *unlocker) ask(ctx context.Context) error {
	if u.opt.Ask == nil {
		none := "the TPM releases none"
		if u.way == UnlockByKey {
			none = "there is no TPM"
		}
		return hint.Errorf(string(hint.KeyFile), "no key for %s: %s, and nobody can be asked", strings.Join(u.names(), ", "), none)
	}
	typed, err := u.opt.Ask(ctx, u.names())
	if err != nil {
		return fmt.Errorf("passphrase: %w", err)
	}
	if u.passphrase, err = reboot.NewSecret(typed); err != nil {
		return fmt.Errorf("passphrase: %w", err)
	}
	return nil
}

// seal predicts what each key is bound to.
func (u *unlocker) seal(record *state.Unlock, seals []tpm.Seal) error {
	machine := tpm.ReadMachine(u.m.Host.FS)
	for i, v := range u.locked {
		s, err := tpm.SealOnce(machine, u.boot.boot, u.volumes, v, record.Mark)
		if err != nil {
			return err
		}
		seals[i] = s
		record.Volumes = append(record.Volumes, state.UnlockedVolume{Name: v.Name, Device: v.Device(), Policy: s.Policy})
	}
	return nil
}

// enroll makes a key for each volume. Where the TPM releases none, a passphrase is
// asked for.
func (u *unlocker) enroll(ctx context.Context, record state.Unlock, seals []tpm.Seal) error {
	for i, v := range record.Volumes {
		e := reboot.Enrolment{Device: v.Device, PCRs: seals[i].Values, Key: reboot.Key{File: u.opt.KeyFile, Passphrase: u.passphrase}}
		err := u.m.Init.Enroll(ctx, e)
		if err != nil && u.opt.KeyFile == "" && u.passphrase == nil && ctx.Err() == nil {
			if asked := u.ask(ctx); asked != nil {
				return fmt.Errorf("%s: %w; %w", v.Name, err, asked)
			}
			e.Key.Passphrase = u.passphrase
			err = u.m.Init.Enroll(ctx, e)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
	}
	return nil
}

// verify reads what is in the headers now, and holds it against the prediction.
func (u *unlocker) verify(record state.Unlock) error {
	machine := tpm.ReadMachine(u.m.Host.FS)
	for i, v := range u.locked {
		v.ReadHeader(u.m.Host.FS)
		if v.Err != nil {
			return fmt.Errorf("%s: %w", v.Name, v.Err)
		}
		if slots := v.Header.Slots(record.Volumes[i].Policy); len(slots) != 1 {
			return fmt.Errorf("%s has %s of the predicted policy", v.Name, count(len(slots), "key"))
		}
		if err := tpm.OpensOnce(machine, u.boot.boot, u.volumes, v); err != nil {
			return err
		}
	}
	return nil
}
