package loader_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
	"github.com/kexec-bls/kexec-bls/loader/state"
	"github.com/kexec-bls/kexec-bls/loader/tpm"
)

const (
	disk    = "/dev/disk/by-uuid/" + diskUUID
	pcr23   = "sys/class/tpm/tpm0/pcr-sha256/23"
	extends = "extend PCR 23"
	jump    = "systemctl kexec into other.conf"
)

// newLocked is a machine with a volume that the TPM does not open after a kexec.
func newLocked(t *testing.T) *fake {
	t.Helper()
	f := newFake(t)
	f.sealed(pcr7)
	f.write(map[string]string{"usr/lib/systemd/system/" + loader.UnlockUnit: "", "sys/kernel/kexec_loaded": "0\n"})
	f.expect("enable kexec-bls-unlock.service true", "enable kexec-bls-unlock.service false", "reset PCR 23", extends, "enroll "+disk, "wipe "+disk, jump)
	return f
}

func (f *fake) extendPCR(n int, digest [32]byte) error {
	if err := f.act(fmt.Sprint("extend PCR ", n)); err != nil {
		return err
	}
	name := "sys/class/tpm/tpm0/pcr-sha256/" + strconv.Itoa(n)
	now, err := hex.DecodeString(strings.TrimSpace(f.read(name)))
	require.NoError(f.t, err)
	f.write(map[string]string{name: fmt.Sprintf("%X\n", sha256.Sum256(append(now, digest[:]...)))})
	return nil
}

func (f *fake) resetPCR(n int) error {
	err := f.act(fmt.Sprint("reset PCR ", n))
	if err == nil {
		f.write(map[string]string{"sys/class/tpm/tpm0/pcr-sha256/" + strconv.Itoa(n): strings.Repeat("00", 32) + "\n"})
	}
	return err
}

// enroll adds the token that systemd-cryptenroll would. Its policy is computed here
// from the values that it is given.
func (f *fake) enroll(e reboot.Enrolment) error {
	if err := f.act("enroll " + e.Device); err != nil {
		return err
	}
	var pcrs []int
	var bitmap [3]byte
	var values []byte
	for part := range strings.SplitSeq(e.PCRs, "+") {
		n, value, _ := strings.Cut(part, ":sha256=")
		pcr, err := strconv.Atoi(n)
		require.NoError(f.t, err)
		b, err := hex.DecodeString(value)
		require.NoError(f.t, err)
		pcrs, values = append(pcrs, pcr), append(values, b...)
		bitmap[pcr/8] |= 1 << (pcr % 8)
	}
	digest := sha256.Sum256(values)
	policy := binary.BigEndian.AppendUint32(make([]byte, 32), 0x17f) // TPM2_PolicyPCR
	policy = append(append(policy, 0, 0, 0, 1, 0, 0x0b, 3), bitmap[:]...)
	token, err := json.Marshal(map[string]any{"type": "systemd-tpm2", "keyslots": []string{"5"}, "tpm2-pcrs": pcrs,
		"tpm2-pcr-bank": "sha256", "tpm2-policy-hash": fmt.Sprintf("%x", sha256.Sum256(append(policy, digest[:]...)))})
	require.NoError(f.t, err)
	f.editTokens(func(all map[string]json.RawMessage) { all["9"] = token })
	return nil
}

func (f *fake) wipeSlots(device string, slots []int) error {
	err := f.act("wipe " + device)
	if err == nil {
		f.editTokens(func(all map[string]json.RawMessage) {
			require.Equal(f.t, []int{5}, slots)
			delete(all, "9")
		})
	}
	return err
}

func (f *fake) editTokens(edit func(map[string]json.RawMessage)) {
	f.write(map[string]string{disk[1:]: editTokens(f.t, []byte(f.read(disk[1:])), edit)})
}

func (f *fake) read(name string) string {
	b, err := os.ReadFile(f.path(name))
	require.NoError(f.t, err)
	return string(b)
}

// clean asserts that nothing of a key for one kexec is left.
func (f *fake) clean(header string) {
	f.t.Helper()
	assert.Equal(f.t, header, f.read(disk[1:]))
	assert.Equal(f.t, strings.Repeat("00", 32), strings.TrimSpace(f.read(pcr23)))
	assert.NoFileExists(f.t, f.path("var/lib/kexec-bls/unlock.json"))
	assert.Empty(f.t, f.leftover())
}

// header is that of the volume, as editTokens leaves it.
func (f *fake) header() string {
	f.editTokens(func(map[string]json.RawMessage) {})
	return f.read(disk[1:])
}

func (f *fake) leftover() []loader.Finding {
	return slices.DeleteFunc(f.CheckLoaded(loader.CheckOptions{}), func(f loader.Finding) bool { return f.ID != loader.FindingLeftover })
}

func (f *fake) unlock(opt loader.UnlockOptions) error {
	return f.Reboot(f.t.Context(), f.plan("other.conf", loader.PlanOptions{}), loader.RebootOptions{Unlock: &opt})
}

// TestUnlockOnce: the token is bound to what the next initrd finds, and to a value of
// PCR 23 that only this boot made; the boot after removes it.
func TestUnlockOnce(t *testing.T) {
	f := newLocked(t)
	before := f.header()
	var told []string
	require.NoError(t, f.unlock(loader.UnlockOptions{OnVolumes: func(way loader.UnlockWay, names []string) { told = append(names, string(way)) }}))
	assert.Equal(t, []string{"root", "tpm"}, told)
	assert.Equal(t, []string{"enable kexec-bls-unlock.service true", extends, "enroll " + disk, "load", jump}, f.acts)
	found := about(t, f.Check(t.Context(), f.plan("other", loader.PlanOptions{}), loader.CheckOptions{}), "root")
	assert.Equal(t, tpm.Opens, found.ID)
	assert.Equal(t, []int{7, 11, 23}, found.PCRs)
	assert.Contains(t, found.Predicted, "+23:sha256="+strings.ToLower(strings.TrimSpace(f.read(pcr23))))
	assert.Empty(t, f.leftover(), "it is loaded, and will jump")

	f.boot(true)
	require.Len(t, f.leftover(), 1)
	assert.Equal(t, loader.SeverityError, f.leftover()[0].Severity)
	names, err := f.EndUnlock(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"root"}, names)
	f.clean(before)
	names, err = f.EndUnlock(t.Context())
	require.NoError(t, err)
	assert.Empty(t, names)
}

// The value differs each time, and so do the policies: no earlier token fits.
func TestUnlockIsOfOneKexec(t *testing.T) {
	f := newLocked(t)
	require.NoError(t, f.unlock(loader.UnlockOptions{}))
	first := f.read(pcr23)
	require.NoError(t, f.unlock(loader.UnlockOptions{}), "another one ends it")
	assert.NotEqual(t, first, f.read(pcr23))
	assert.Equal(t, 1, count(f.acts, "wipe "+disk))
}

func count(acts []string, act string) (n int) {
	for _, a := range acts {
		if a == act {
			n++
		}
	}
	return n
}

// TestUnlockUndone: whatever fails before the jump leaves no key.
func TestUnlockUndone(t *testing.T) {
	for _, act := range []string{"enable kexec-bls-unlock.service true", extends, "enroll " + disk, "load", jump} {
		t.Run(act, func(t *testing.T) {
			f := newLocked(t)
			before := f.header()
			f.done[act] = errors.New("refused")
			require.ErrorContains(t, f.unlock(loader.UnlockOptions{KeyFile: "/key"}), "refused")
			f.clean(before)
			assert.False(t, f.there)
		})
	}
}

// TestUnlockEnded: unload, another load, a reboot through firmware and the start after
// a power cut remove the key.
func TestUnlockEnded(t *testing.T) {
	ends := endings()
	ends["power cut"] = func(t *testing.T, f *fake) {
		f.boot(false)
		f.write(map[string]string{pcr23: strings.Repeat("00", 32)})
		require.Len(t, f.leftover(), 1)
		_, err := f.EndUnlock(t.Context())
		require.NoError(t, err)
		assert.NotContains(t, f.acts, "reset PCR 23")
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			f := newLocked(t)
			before := f.header()
			require.NoError(t, f.unlock(loader.UnlockOptions{}))
			require.NotEqual(t, before, f.read(disk[1:]))
			end(t, f)
			f.clean(before)
		})
	}
}

// What cannot be removed stays on record, and is an error of check.
func TestUnlockThatCannotBeRemoved(t *testing.T) {
	f := newLocked(t)
	require.NoError(t, f.unlock(loader.UnlockOptions{}))
	f.boot(false)
	f.done["wipe "+disk] = errors.New("refused")
	_, err := f.EndUnlock(t.Context())
	require.ErrorContains(t, err, "root: refused")
	require.Len(t, f.leftover(), 1)
	require.ErrorContains(t, f.Reboot(t.Context(), f.plan("other", loader.PlanOptions{}), loader.RebootOptions{}), "1 blocker")
	f.done["wipe "+disk] = nil
	_, err = f.EndUnlock(t.Context())
	require.NoError(t, err)
	assert.Empty(t, f.leftover())
}

// A token is none of ours by its place or its PCRs, but by its policy alone.
func TestUnlockRemovesNoOtherToken(t *testing.T) {
	f := newLocked(t)
	require.NoError(t, f.unlock(loader.UnlockOptions{}))
	f.editTokens(func(all map[string]json.RawMessage) {
		all["9"] = json.RawMessage(strings.Replace(string(all["9"]), `"tpm2-policy-hash":"`, `"tpm2-policy-hash":"00`, 1))
	})
	_, err := f.Unload(t.Context())
	require.NoError(t, err)
	assert.NotContains(t, f.acts, "wipe "+disk)
}

// What systemd-cryptenroll made is not believed to open: it is held against the
// prediction.
func TestUnlockIsVerified(t *testing.T) {
	f := newLocked(t)
	before := f.header()
	f.Init.Enroll = func(context.Context, reboot.Enrolment) error { return nil }
	require.ErrorContains(t, f.unlock(loader.UnlockOptions{}), "root has 0 keys of the predicted policy")
	f.clean(before)
	enroll := f.enroll
	f.Init.Enroll = func(_ context.Context, e reboot.Enrolment) error {
		err := enroll(e)
		f.write(map[string]string{"sys/class/tpm/tpm0/pcr-sha256/7": strings.Repeat("77", 32)}) // meanwhile
		return err
	}
	require.ErrorContains(t, f.unlock(loader.UnlockOptions{}), "the TPM would not open root")
	f.clean(before)
}

// A passphrase is asked for once where the TPM releases nothing, and given in memory
// alone.
func TestUnlockAsks(t *testing.T) {
	f := newLocked(t)
	f.editTokens(func(all map[string]json.RawMessage) { clear(all) })
	before := f.header()
	err := f.unlock(loader.UnlockOptions{})
	require.ErrorContains(t, err, "no key for root: the TPM releases none, and nobody can be asked")
	assert.Equal(t, "name a file with a key", hint.Of(err))
	f.clean(before)

	typed := []byte("correct horse")
	enroll := f.enroll
	var given reboot.Key
	f.Init.Enroll = func(_ context.Context, e reboot.Enrolment) error {
		given = e.Key
		b, err := io.ReadAll(e.Key.Passphrase.Reader())
		require.NoError(t, err)
		assert.Equal(t, "correct horse", string(b))
		return enroll(e)
	}
	asked := 0
	require.NoError(t, f.unlock(loader.UnlockOptions{Ask: func(context.Context, []string) ([]byte, error) {
		asked++
		return typed, nil
	}}))
	assert.Equal(t, 1, asked)
	assert.Equal(t, make([]byte, 13), typed, "overwritten")
	_, err = io.ReadAll(given.Passphrase.Reader())
	require.Error(t, err, "closed")
	for _, file := range []string{"var/lib/kexec-bls/unlock.json", "run/kexec-bls/loaded.json"} {
		assert.NotContains(t, f.read(file), "horse")
	}
}

// A TPM that does not release its key is followed by the question.
func TestUnlockAsksAfterTheTPM(t *testing.T) {
	f := newLocked(t)
	enroll, asked := f.enroll, 0
	f.Init.Enroll = func(_ context.Context, e reboot.Enrolment) error {
		if e.Key.Passphrase == nil {
			return errors.New("the TPM refused")
		}
		return enroll(e)
	}
	require.ErrorContains(t, f.unlock(loader.UnlockOptions{}), "root: the TPM refused; no key for root")
	require.NoError(t, f.unlock(loader.UnlockOptions{Ask: func(context.Context, []string) ([]byte, error) { asked++; return []byte("x"), nil }}))
	assert.Equal(t, 1, asked)
}

// TestUnlockRefuses: what cannot be shown to open after this kexec alone is refused,
// and nothing is changed.
func TestUnlockRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fake)
		opt    loader.RebootOptions
		want   string
	}{
		"no bank":       {change: func(f *fake) { require.NoError(f.t, os.RemoveAll(f.path("sys/class/tpm/tpm0/pcr-sha256"))) }, want: "the TPM has no PCR bank sha256"},
		"PCR 23 in use": {change: func(f *fake) { f.write(map[string]string{pcr23: strings.Repeat("23", 32)}) }, want: "something uses PCR 23"},
		"no unit":       {change: func(f *fake) { require.NoError(f.t, os.Remove(f.path("usr/lib/systemd/system/"+loader.UnlockUnit))) }, want: "kexec-bls-unlock.service is not installed"},
		"no systemd":    {change: func(f *fake) { require.NoError(f.t, os.RemoveAll(f.path("run/systemd"))) }, want: "systemd does not run here"},
		"no header":     {change: func(f *fake) { require.NoError(f.t, os.Remove(f.path(disk[1:]))) }, want: "root: its LUKS2 header cannot be read"},
		"a PIN":         {change: func(f *fake) { f.write(map[string]string{disk[1:]: f.volume(10)}) }, want: "the PIN of another token is asked for first"},
		"later":         {opt: loader.RebootOptions{Init: reboot.Options{When: "+5min"}}, want: "neither for a trial nor for a later time"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newLocked(t)
			f.expect("check")
			if c.change != nil {
				c.change(f)
			}
			c.opt.Unlock = &loader.UnlockOptions{KeyFile: "/key"}
			c.opt.Init.Force = name == "no systemd"
			for _, c.opt.DryRun = range []bool{true, false} {
				err := f.Reboot(t.Context(), f.plan("other.conf", loader.PlanOptions{}), c.opt)
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, err, "nothing was changed")
			}
			assert.Empty(t, f.acts)
		})
	}
}

// A dry run tells the volumes, and makes no key.
func TestUnlockDry(t *testing.T) {
	f := newLocked(t)
	var told []string
	opt := loader.RebootOptions{DryRun: true, Unlock: &loader.UnlockOptions{OnVolumes: func(_ loader.UnlockWay, names []string) { told = names }}}
	require.NoError(t, f.Reboot(t.Context(), f.plan("other.conf", loader.PlanOptions{}), opt))
	assert.Equal(t, []string{"root"}, told)
	assert.Empty(t, f.acts)
}

// Where all volumes open, no key is made.
func TestUnlockIsNotNeeded(t *testing.T) {
	f := newLocked(t)
	f.write(map[string]string{disk[1:]: f.volume(none)})
	require.NoError(t, f.unlock(loader.UnlockOptions{}))
	assert.Equal(t, []string{"load", jump}, f.acts)
}

// A record of another kind does harm to nothing.
func TestUnlockRecordIsMalformed(t *testing.T) {
	f := newLocked(t)
	require.NoError(t, state.History{Dir: f.StateDir}.SaveUnlock(state.Unlock{}))
	f.write(map[string]string{"var/lib/kexec-bls/unlock.json": "{"})
	_, err := f.EndUnlock(t.Context())
	require.ErrorContains(t, err, "unlock.json")
	assert.Contains(t, hint.Of(err), "--wipe-slot=")
	found := f.leftover()
	require.Len(t, found, 1)
	assert.Contains(t, found[0].Text, "unlock.json")
	assert.Contains(t, found[0].Hint, "luksDump")
	require.ErrorContains(t, f.unlock(loader.UnlockOptions{}), "unlock.json", "no other key is put on record instead")
	assert.NotContains(t, f.acts, "enroll "+disk)
	assert.Equal(t, "{", f.read("var/lib/kexec-bls/unlock.json"))
}
