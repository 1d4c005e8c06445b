package loader_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/bls/grub"
	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// old.conf is what runs, arch.conf what the boot loader boots next.
const oldEntry = "title Old\nlinux /old\noptions root=/dev/vda2 quiet\n"

// newTried is a machine with systemd-boot and a watchdog that survives a kexec.
func newTried(t *testing.T) *fake {
	t.Helper()
	f := newFake(t)
	f.write(map[string]string{
		"esp/loader/entries/another.conf": "linux /old\n", "esp/old": kernelOf("6.1.0 (b@h) #1 SMP"), "esp/loader/entries/old.conf": oldEntry, "proc/sys/kernel/version": "#1 SMP\n",
		"usr/lib/systemd/system/kexec-bls-try.service":  "",
		"sys/class/watchdog/watchdog0/identity":         "i6300ESB timer\n",
		"sys/class/watchdog/watchdog0/state":            "inactive\n",
		"sys/class/watchdog/watchdog0/max_timeout":      "2046\n",
		"sys/module/watchdog/parameters/stop_on_reboot": "0\n",
	})
	f.link("../../../bus/pci/drivers/i6300ESB/module/i6300esb", "sys/class/watchdog/watchdog0/device/driver/module")
	f.setVar(bli.Info, "systemd-boot 262")
	f.expect("enable kexec-bls-try.service true", "enable kexec-bls-try.service false", "get KExecWatchdogUSec", "get RuntimeWatchdogUSec",
		"set KExecWatchdogUSec 180000000", "set KExecWatchdogUSec 0", "systemctl kexec into arch.conf", "reached", "modprobe efi_pstore",
		"modprobe i6300esb", "watchdog watchdog0 180", "release", "abandon", "start boot-complete.target")
	f.reached = time.Now()
	return f
}

func (f *fake) try(opt loader.TryOptions) *loader.Plan {
	opt.Open = func(context.Context) (*entries.System, error) { return f.openSystem() }
	return f.plan("arch.conf", loader.PlanOptions{Try: &opt})
}

// settings are the variables of the boot loader that a trial may change.
func (f *fake) settings() string {
	var all []string
	for _, name := range []string{bli.EntryOneShot, bli.EntryDefault, bli.EntryPreferred} {
		all = append(all, fmt.Sprintf("%s=%q", name, f.variable(name)))
	}
	return strings.Join(all, " ")
}

// next is what the boot loader boots next.
func (f *fake) next() string {
	c, err := f.open().Default()
	require.NoError(f.t, err)
	return c.Entry.ID
}

// boot is another boot, through firmware, which consumes a one-shot entry; or of
// what is loaded, by kexec, which efibc writes a note of.
func (f *fake) boot(kexec bool) {
	f.t.Helper()
	files := map[string]string{"proc/sys/kernel/random/boot_id": time.Now().String(), "proc/sys/kernel/bootloader_type": "114\n", "proc/cmdline": "root=/dev/vda2 quiet\n"}
	if kexec {
		files["proc/sys/kernel/bootloader_type"], files["proc/cmdline"] = "208\n", f.cmdline+"\n"
		f.setVar(bli.EntryOneShot, bli.KexecJunk)
	} else if err := os.Remove(f.path("efivars/" + bli.EntryOneShot + "-" + bli.LoaderVendor)); !errors.Is(err, os.ErrNotExist) {
		require.NoError(f.t, err)
	}
	f.write(files)
	f.there = false
}

func (f *fake) follow(opt loader.FollowOptions) loader.Trial {
	f.t.Helper()
	require.NoError(f.t, f.FollowTrial(f.t.Context(), opt))
	t, _, err := f.Trial()
	require.NoError(f.t, err)
	return t
}

func TestTrySucceeds(t *testing.T) {
	for _, promote := range []bool{false, true} {
		f := newTried(t)
		f.setVar(bli.EntryOneShot, "another.conf")
		f.setVar(bli.EntryDefault, "arch.co*") // as long as what replaces it: no efivarfs is here
		before := f.settings()
		var line string
		require.NoError(t, f.Reboot(t.Context(), f.try(loader.TryOptions{Promote: promote}), loader.RebootOptions{OnTry: func(t loader.Try) { line = t.String() }}))
		assert.Equal(t, "trying arch.conf: returns to old.conf by watchdog0 (i6300esb) within 3min unless boot-complete.target is reached", line)
		assert.Equal(t, "old.conf", f.next(), "what a reset boots")
		assert.Equal(t, "root=/dev/vda2 rw quiet kexec_bls.try="+bootID+" panic=10 watchdog.open_timeout=180 watchdog.handle_boot_enabled=1 systemd.watchdog_sec=0"+
			" modprobe.blacklist=i6300esb rd.shell=0 rd.emergency=reboot efi_pstore.pstore_disable=0 systemd.wants=kexec-bls-try.service", f.cmdline)

		f.boot(true)
		var told loader.Trial
		tr := f.follow(loader.FollowOptions{OnOutcome: func(t loader.Trial) { told = t }})
		assert.Equal(t, state.TrialSucceeded, tr.Outcome)
		assert.True(t, tr.Settled)
		assert.Equal(t, state.TrialSucceeded, told.Outcome)
		assert.Contains(t, f.acts, "release")
		if promote {
			assert.Equal(t, "\x07\x00\x00\x00"+string(bli.Encode("arch.conf")), f.variable(bli.EntryDefault))
		} else {
			assert.Equal(t, before, f.settings())
		}
		p := f.plan("arch.conf", loader.PlanOptions{Reuse: true})
		assert.Equal(t, "root=/dev/vda2 rw quiet", p.Cmdline(), "never inherited")
	}
}

// TestTryFails: the boot after names the cause, and restores.
func TestTryFails(t *testing.T) {
	long := time.Now().Add(10 * time.Minute).Unix()
	for name, v := range map[string]struct {
		files map[string]string
		want  state.Outcome
	}{
		"panic":         {map[string]string{"var/lib/systemd/pstore/1/dmesg.txt": "Oops#1\n<0>[1.0] Kernel panic - not syncing: no init\n"}, state.TrialPanicked},
		"watchdog":      {map[string]string{"sys/class/watchdog/watchdog0/bootstatus": "32\n"}, state.TrialHung},
		"emergency":     {map[string]string{"proc/stat": fmt.Sprintf("btime %d\n", long)}, state.TrialUnhealthy},
		"silent driver": {map[string]string{"proc/stat": fmt.Sprintf("btime %d\n", long)}, state.TrialHung},
		"power":         {map[string]string{"proc/stat": fmt.Sprintf("btime %d\n", time.Now().Add(20*time.Second).Unix())}, state.TrialInterrupted},
	} {
		t.Run(name, func(t *testing.T) {
			f := newTried(t)
			f.setVar(bli.EntryOneShot, "another.conf")
			before := f.settings()
			require.NoError(t, f.Reboot(t.Context(), f.try(loader.TryOptions{}), loader.RebootOptions{}))
			f.boot(false)
			f.write(v.files)
			if name == "silent driver" {
				f.remove("sys/class/watchdog/watchdog0/device/driver/module")
			}
			tr := f.follow(loader.FollowOptions{})
			assert.Equal(t, v.want, tr.Outcome)
			assert.Equal(t, v.want == state.TrialUnhealthy, strings.Contains(tr.Reason, "read-only"))
			assert.Equal(t, name == "panic", strings.Contains(string(tr.LastWords), "not syncing: no init"))
			assert.Equal(t, before, f.settings())
			assert.True(t, tr.Settled)
			again := f.follow(loader.FollowOptions{OnOutcome: func(loader.Trial) { t.Error("once") }})
			assert.Equal(t, tr, again)

			n, err := loader.Next(t.Context(), f.withDefault(), loader.PlanOptions{})
			require.NoError(t, err)
			f.ForgoTried(nil, &n)
			assert.Equal(t, v.want.Failed(), n.Difference == loader.SameSystem, "not asked for again")
			f.write(map[string]string{"esp/vmlinuz": kernelOf("6.12.1 (b@h) #2 SMP")})
			n, err = loader.Next(t.Context(), f.open(), loader.PlanOptions{})
			require.NoError(t, err)
			f.ForgoTried(nil, &n)
			assert.NotEqual(t, loader.SameSystem, n.Difference, "until it changes")
		})
	}
}

// withDefault is the system without its one-shot entry.
func (f *fake) withDefault() *entries.System {
	require.NoError(f.t, os.Remove(f.path("efivars/"+bli.EntryOneShot+"-"+bli.LoaderVendor)))
	return f.open()
}

func TestTryUnhealthy(t *testing.T) {
	for name, v := range map[string]struct {
		prepare func(*fake)
		healthy []string
		reason  string
	}{
		"target": {func(f *fake) { f.reached = time.Time{} }, nil, "default.target was not reached in time"},
		"unit":   {func(f *fake) { f.done["start boot-complete.target"] = errors.New("sick.service failed") }, nil, "sick.service failed"},
		"watchdog": {func(f *fake) { f.done["watchdog watchdog0 180"] = errors.New("no such device") }, nil,
			"watchdog0 (i6300esb) cannot be opened, and would reset the machine"},
		"command": {func(f *fake) { f.done["run /bin/check all"] = errors.New("exit status 1") }, []string{"/bin/check", "all"},
			"exit status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newTried(t)
			before := f.settings()
			require.NoError(t, f.Reboot(t.Context(), f.try(loader.TryOptions{}), loader.RebootOptions{}))
			f.boot(true)
			v.prepare(f)
			f.expect("reboot", "reboot now")
			synctest.Test(t, func(t *testing.T) {
				if err := f.FollowTrial(t.Context(), loader.FollowOptions{Healthy: v.healthy}); name == "watchdog" {
					require.ErrorContains(t, err, "no such device")
				} else {
					require.NoError(t, err)
				}
			})
			assert.Contains(t, f.acts, "reboot")
			assert.Contains(t, f.acts, "reboot now", "where the shutdown hangs")
			assert.NotContains(t, f.acts, "release")
			f.expect("watchdog watchdog0 180")
			f.boot(false)
			assert.Equal(t, "old.conf", f.next())
			f.reached = time.Now()
			tr := f.follow(loader.FollowOptions{})
			assert.Equal(t, state.TrialUnhealthy, tr.Outcome)
			assert.Equal(t, v.reason, tr.Reason)
			assert.Equal(t, before, f.settings())
		})
	}
}

// TestTryStopped: who stops the unit leaves the watchdog running.
func TestTryStopped(t *testing.T) {
	f := newTried(t)
	require.NoError(t, f.Reboot(t.Context(), f.try(loader.TryOptions{}), loader.RebootOptions{}))
	f.boot(true)
	f.reached = time.Time{}
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, stop)
		require.ErrorIs(t, f.FollowTrial(ctx, loader.FollowOptions{}), context.Canceled)
	})
	assert.Equal(t, "abandon", f.acts[len(f.acts)-1])
}

// TestTryCutWhileItBegins stops after every write. The boot after may be of the
// old default, as if nothing had begun, or of the fallback; nothing is left.
func TestTryCutWhileItBegins(t *testing.T) {
	for n := range 100 {
		f := newTried(t)
		f.setVar(bli.EntryOneShot, "another.conf")
		f.setVar(bli.EntryDefault, "arch.co*") // as long as what replaces it: no efivarfs is here
		before := f.settings()
		steps, err := f.BeginSteps(t.Context(), f.try(loader.TryOptions{}))
		require.NoError(t, err)
		if n > len(steps) {
			require.Greater(t, n, 4)
			return
		}
		for _, do := range steps[:n] {
			require.NoError(t, do())
		}
		if n == len(steps) {
			assert.Equal(t, "old.conf", f.next())
		}
		aside := f.variable(bli.EntryOneShot) == ""
		f.boot(false)
		tr := f.follow(loader.FollowOptions{})
		if aside { // else the boot loader has consumed it
			assert.Equal(t, before, f.settings(), n)
		}
		if n > 1 {
			assert.Equal(t, state.TrialInterrupted, tr.Outcome, n)
			assert.True(t, tr.Settled, n)
		}
	}
	t.Fatal("endless")
}

// TestTryCutWhileItEnds stops after every write at the end of a trial, in both
// systems, and in two boots in a row: no reset leads to the new entry before the
// settings are restored, and the boot after completes what is left.
func TestTryCutWhileItEnds(t *testing.T) {
	for _, outcome := range []state.Outcome{state.TrialSucceeded, state.TrialHung} {
		for n := range 100 {
			f := newTried(t)
			f.setVar(bli.EntryOneShot, "another.conf")
			f.setVar(bli.EntryDefault, "arch.co*") // as long as what replaces it: no efivarfs is here
			before := f.settings()
			require.NoError(t, f.Reboot(t.Context(), f.try(loader.TryOptions{}), loader.RebootOptions{}))
			f.boot(outcome == state.TrialSucceeded)
			steps := f.SettleSteps(t.Context(), outcome)
			if n > len(steps) {
				require.Greater(t, n, 4)
				break
			}
			for _, do := range steps[:n] {
				require.NoError(t, do())
			}
			if n <= 1 {
				assert.Equal(t, "old.conf", f.next(), n)
			}
			settled := f.variable(bli.EntryOneShot) == varOf("another.conf")
			f.boot(false)
			f.setVar(bli.EntrySelected, map[bool]string{true: "another.conf", false: "old.conf"}[settled])
			tr := f.follow(loader.FollowOptions{})
			assert.True(t, tr.Settled)
			if n > 0 {
				assert.Equal(t, outcome, tr.Outcome, n)
			}
			if settled {
				assert.Empty(t, f.variable(bli.EntryOneShot), "it has been booted once: %s %d", outcome, n)
				f.setVar(bli.EntryOneShot, "another.conf")
			}
			assert.Equal(t, before, f.settings(), "%s %d", outcome, n)
		}
	}
}

func varOf(text string) string { return "\x07\x00\x00\x00" + string(bli.Encode(text)) }

// TestTryEndedBefore: unload, another load and a failure end a trial that has not
// begun, to the byte, and the trial before is remembered.
func TestTryEndedBefore(t *testing.T) {
	for name, end := range endings() {
		t.Run(name, func(t *testing.T) {
			f := newTried(t)
			f.setVar(bli.EntryOneShot, "another.conf")
			before := f.settings()
			require.NoError(t, state.History{Dir: f.StateDir}.SaveTrial(loader.Trial{BootID: "x", Entry: "earlier", Settled: true}))
			require.NoError(t, f.Reboot(t.Context(), f.try(loader.TryOptions{}), loader.RebootOptions{}))
			require.NotEqual(t, before, f.settings())
			end(t, f)
			assert.Equal(t, before, f.settings())
			tr, _, err := f.Trial()
			require.NoError(t, err)
			assert.EqualValues(t, "earlier", tr.Entry)
		})
	}
}

// TestTryUndone: whatever fails before the jump leaves all as it was.
func TestTryUndone(t *testing.T) {
	for _, act := range []string{"enable kexec-bls-try.service true", "get KExecWatchdogUSec", "set KExecWatchdogUSec 180000000", "load", "systemctl kexec into arch.conf"} {
		t.Run(act, func(t *testing.T) {
			f := newTried(t)
			f.setVar(bli.EntryOneShot, "another.conf")
			before := f.settings()
			f.done[act] = errors.New("refused")
			require.ErrorContains(t, f.Reboot(t.Context(), f.try(loader.TryOptions{}), loader.RebootOptions{}), "refused")
			assert.Equal(t, before, f.settings())
			_, ok, err := f.Trial()
			require.NoError(t, err)
			assert.False(t, ok)
			assert.False(t, f.there)
		})
	}
}

// TestTryVerifiesTheWayBack: a setting that counts more than ours.
func TestTryVerifiesTheWayBack(t *testing.T) {
	f := newTried(t)
	f.write(map[string]string{"esp/loader/loader.conf": "preferred arch.conf\n"})
	before := f.settings()
	require.ErrorContains(t, f.Reboot(t.Context(), f.try(loader.TryOptions{}), loader.RebootOptions{}), "the boot loader's next choice is not old.conf but arch.conf")
	assert.Equal(t, before, f.settings())
	f.write(map[string]string{"efivars/" + bli.Features + "-" + bli.LoaderVendor: "\x07\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00"})
	require.NoError(t, f.Reboot(t.Context(), f.try(loader.TryOptions{}), loader.RebootOptions{}))
	assert.Equal(t, varOf("old.conf"), f.variable(bli.EntryPreferred))
	assert.Empty(t, f.variable(bli.EntryDefault))
}

// TestTryPromotesOverThePreferred: the preferred entry comes before the default.
func TestTryPromotesOverThePreferred(t *testing.T) {
	f := newTried(t)
	f.write(map[string]string{"efivars/" + bli.Features + "-" + bli.LoaderVendor: "\x07\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00"})
	f.setVar(bli.EntryPreferred, "another.conf")
	require.NoError(t, f.Reboot(t.Context(), f.try(loader.TryOptions{Promote: true}), loader.RebootOptions{}))
	f.boot(true)
	require.Equal(t, state.TrialSucceeded, f.follow(loader.FollowOptions{}).Outcome)
	f.boot(false)
	assert.Equal(t, "arch.conf", f.next())
}

func TestTryRefuses(t *testing.T) {
	for name, v := range map[string]struct {
		prepare func(*fake)
		opt     loader.TryOptions
		id      loader.FindingID
		text    string
	}{
		"no watchdog": {func(f *fake) { f.remove("sys/class/watchdog") }, loader.TryOptions{}, "try-no-watchdog", "no hardware watchdog"},
		"software watchdog": {func(f *fake) {
			f.write(map[string]string{"sys/class/watchdog/watchdog0/identity": "Software Watchdog\n"})
		}, loader.TryOptions{}, "try-no-watchdog", ""},
		"built in": {func(f *fake) { f.write(map[string]string{"sys/module/watchdog/parameters/stop_on_reboot": "-1\n"}) }, loader.TryOptions{},
			"try-watchdog-stops", "built in"},
		"in use": {func(f *fake) {
			f.write(map[string]string{"sys/module/watchdog/parameters/stop_on_reboot": "-1\n", "sys/module/watchdog/initstate": "live\n", "sys/class/watchdog/watchdog0/state": "active\n"})
		}, loader.TryOptions{}, "try-watchdog-stops", "in use"},
		"no unit":   {func(f *fake) { f.remove("usr/lib/systemd/system") }, loader.TryOptions{}, "try-unit", "not installed"},
		"no loader": {func(f *fake) { f.setVar(bli.Info, "Limine 9") }, loader.TryOptions{}, "try-no-fallback", "neither systemd-boot nor GRUB"},
		"itself":    {func(*fake) {}, loader.TryOptions{Fallback: "arch"}, "try-no-fallback", "it is the entry that is tried"},
		"absent":    {func(*fake) {}, loader.TryOptions{Fallback: "nothing"}, "try-no-fallback", "no entry matches"},
		"nothing else": {func(f *fake) {
			f.remove("esp/loader/entries/other.conf", "esp/loader/entries/bare.conf", "esp/loader/entries/another.conf", "esp/loader/entries/old.conf")
		}, loader.TryOptions{}, "try-no-fallback", "nothing to return to"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newTried(t)
			v.prepare(f)
			before := f.settings()
			err := f.Reboot(t.Context(), f.try(v.opt), loader.RebootOptions{})
			blocked, ok := errors.AsType[*loader.BlockedError](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, v.id, blocked.Findings[0].ID)
			assert.Contains(t, blocked.Findings[0].Text, v.text)
			assert.Empty(t, f.acts, "nothing is changed")
			assert.Equal(t, before, f.settings())
		})
	}
}

// remove removes files and directories.
func (f *fake) remove(names ...string) {
	for _, name := range names {
		require.NoError(f.t, os.RemoveAll(f.path(name)))
	}
}

func TestTryWithoutWatchdog(t *testing.T) {
	f := newTried(t)
	f.remove("sys/class/watchdog")
	var found []loader.Finding
	opt := loader.RebootOptions{OnFindings: func(all []loader.Finding) { found = all }}
	require.NoError(t, f.Reboot(t.Context(), f.try(loader.TryOptions{WithoutWatchdog: true}), opt))
	assert.NotContains(t, f.cmdline, "watchdog")
	assert.Contains(t, f.cmdline, "panic=10")
	for _, v := range found {
		if v.ID == "try-no-watchdog" {
			assert.Equal(t, loader.SeverityWarning, v.Severity)
			assert.Equal(t, "a panic returns, a hang does not", v.Hint)
		}
	}
}

// TestTryReloadsTheWatchdog: with nobody at the watchdog its modules are loaded anew.
func TestTryReloadsTheWatchdog(t *testing.T) {
	f := newTried(t)
	f.write(map[string]string{"sys/module/watchdog/parameters/stop_on_reboot": "-1\n", "sys/module/watchdog/initstate": "live\n", "sys/module/watchdog/holders/i6300esb": ""})
	f.expect("rmmod i6300esb", "rmmod watchdog", "modprobe watchdog stop_on_reboot=0")
	require.NoError(t, f.Reboot(t.Context(), f.try(loader.TryOptions{}), loader.RebootOptions{}))
	all := strings.Join(f.acts, "; ")
	assert.Contains(t, all, "rmmod i6300esb; rmmod watchdog; modprobe watchdog stop_on_reboot=0; modprobe i6300esb; get KExecWatchdogUSec; set KExecWatchdogUSec 180000000; load")
}

// TestTryFallback: what runs, unless its file has another kernel by now.
func TestTryFallback(t *testing.T) {
	f := newTried(t)
	try, _, _ := f.Try(f.try(loader.TryOptions{}))
	assert.Equal(t, "old.conf", try.Fallback.ID)
	f.write(map[string]string{"esp/loader/entries/another.conf": "linux /old\n", "esp/old": kernelOf("6.12.1 (b@h) #1 SMP")})
	try, _, _ = f.Try(f.try(loader.TryOptions{}))
	assert.NotEqual(t, "old.conf", try.Fallback.ID, "the kernel that runs is gone")
	try, _, _ = f.Try(f.try(loader.TryOptions{Fallback: "bare"}))
	assert.Equal(t, "bare.conf", try.Fallback.ID)
}

// TestTryWaitsForTheLast: what an earlier trial has changed is not taken for the
// user's.
func TestTryWaitsForTheLast(t *testing.T) {
	f := newTried(t)
	require.NoError(t, f.Reboot(t.Context(), f.try(loader.TryOptions{}), loader.RebootOptions{}))
	f.boot(false)
	require.ErrorContains(t, f.Reboot(t.Context(), f.try(loader.TryOptions{}), loader.RebootOptions{}), "the trial of arch.conf is not settled yet")
	tr := f.follow(loader.FollowOptions{})
	assert.True(t, tr.Settled)
	assert.Empty(t, f.variable(bli.EntryDefault))
	require.NoError(t, f.Reboot(t.Context(), f.try(loader.TryOptions{}), loader.RebootOptions{}))
}

// TestTryFallbackWithAnotherKernel: the kernel that is tried is no way back where
// there is any other.
func TestTryFallbackWithAnotherKernel(t *testing.T) {
	f := newTried(t)
	f.remove("esp/loader/entries/old.conf", "esp/loader/entries/another.conf")
	try, _, _ := f.Try(f.try(loader.TryOptions{}))
	assert.Contains(t, []string{"other.conf", "bare.conf"}, try.Fallback.ID, "of the same kernel")
	f.write(map[string]string{"esp/loader/entries/a.conf": "linux /old\n"})
	try, _, _ = f.Try(f.try(loader.TryOptions{}))
	assert.Equal(t, "a.conf", try.Fallback.ID)
}

// TestTryWithGRUB: next_entry, in its place.
func TestTryWithGRUB(t *testing.T) {
	block := grub.Block("# GRUB Environment Block\nsaved_entry=arch\n" + strings.Repeat("#", 1024-25-17))
	f := newTried(t)
	f.remove("efivars")
	f.write(map[string]string{"esp/grub2/grubenv": string(block)})
	require.NoError(t, f.Reboot(t.Context(), f.try(loader.TryOptions{Promote: true}), loader.RebootOptions{}))
	now, err := os.ReadFile(f.path("esp/grub2/grubenv"))
	require.NoError(t, err)
	assert.Contains(t, string(now), "\nsaved_entry=old\nnext_entry=old\n")
	assert.Len(t, now, 1024)
	consumed, err := grub.Block(now).Empty("next_entry")
	require.NoError(t, err)
	f.write(map[string]string{"esp/grub2/grubenv": string(consumed)})
	assert.Equal(t, "old.conf", f.next(), "of a second reset too")
	f.write(map[string]string{"proc/sys/kernel/random/boot_id": "two\n"})
	f.follow(loader.FollowOptions{})
	now, err = os.ReadFile(f.path("esp/grub2/grubenv"))
	require.NoError(t, err)
	assert.Equal(t, string(block), string(now), "as before")

	require.NoError(t, f.Reboot(t.Context(), f.try(loader.TryOptions{Promote: true}), loader.RebootOptions{}))
	f.write(map[string]string{"proc/sys/kernel/random/boot_id": "three\n", "proc/cmdline": f.cmdline + "\n"})
	f.cmdline = ""
	tr := f.follow(loader.FollowOptions{})
	assert.Equal(t, state.TrialSucceeded, tr.Outcome, tr.Reason)
	assert.Equal(t, "arch.conf", f.next())
}

// TestTryWithGRUBOfAFixedDefault: GRUB empties next_entry at the first reset, and a
// second one must not boot what is tried.
func TestTryWithGRUBOfAFixedDefault(t *testing.T) {
	block := grub.Block("# GRUB Environment Block\nsaved_entry=arch\n" + strings.Repeat("#", 1024-25-17))
	for _, first := range []string{"0", "${saved_entry}"} {
		f := newTried(t)
		f.remove("efivars")
		f.write(map[string]string{
			"esp/grub2/grubenv": string(block),
			"esp/grub2/grub.cfg": "load_env\nif [ \"${next_entry}\" ]; then\nset default=\"${next_entry}\"\nset next_entry=\nsave_env next_entry\n" +
				"else\nset default=\"" + first + "\"\nfi\ninsmod blscfg\nblscfg\n",
		})
		err := f.Reboot(t.Context(), f.try(loader.TryOptions{}), loader.RebootOptions{})
		now, readErr := os.ReadFile(f.path("esp/grub2/grubenv"))
		require.NoError(t, readErr)
		if first == "0" {
			require.ErrorContains(t, err, "a second reset would not boot old.conf")
			assert.Contains(t, hint.Of(err), "GRUB_DEFAULT=saved")
			assert.Equal(t, string(block), string(now), "as before")
			continue
		}
		require.NoError(t, err)
		assert.Contains(t, string(now), "next_entry=old\n")
	}
}
