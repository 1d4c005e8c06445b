package loader_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
	"github.com/kexec-bls/kexec-bls/loader/trial"
)

// TestCheckKnowsThePlan: what only the plan shows of an entry is among the findings
// about the machine.
func TestCheckKnowsThePlan(t *testing.T) {
	oneShot := map[string]string{"efivars/LoaderEntryOneShot-" + bli.LoaderVendor: wide("other.conf")}
	for name, c := range map[string]struct {
		files map[string]string
		entry string
		id    loader.FindingID
		text  string // a part of it; "" for no such finding
	}{
		"an initrd named for another kernel": {
			map[string]string{"esp/initrd.img-6.1.0": archive("a"), "esp/loader/entries/n.conf": "linux /vmlinuz\ninitrd /initrd.img-6.1.0\n"},
			"n", preflight.IDInitrdVersion, "initrd.img-6.1.0 is named for kernel 6.1.0, the kernel is 6.12.1",
		},
		"an initrd named for this one": {
			map[string]string{"esp/initrd.img-6.12.1": archive("a"), "esp/loader/entries/n.conf": "linux /vmlinuz\ninitrd /initrd.img-6.12.1\n"},
			"n", preflight.IDInitrdVersion, "",
		},
		"a boot counter":          {map[string]string{"esp/loader/entries/c+2-1.conf": "linux /vmlinuz\n"}, "c", preflight.IDBootCounter, "c.conf has 2 tries left"},
		"a boot counter at 0":     {map[string]string{"esp/loader/entries/c+0-3.conf": "linux /vmlinuz\n"}, "c", preflight.IDEntryBad, "c.conf has no tries left"},
		"no boot counter":         {nil, "arch", preflight.IDBootCounter, ""},
		"a one-shot entry, named": {oneShot, "arch", preflight.IDOneShot, "other.conf is set to be booted once"},
		"a one-shot entry":        {oneShot, "", preflight.IDOneShot, ""},
	} {
		f := newFake(t)
		f.write(c.files)
		var texts []string
		for _, found := range f.Check(t.Context(), f.plan(c.entry, loader.PlanOptions{}), loader.CheckOptions{}) {
			if found.ID == c.id {
				texts = append(texts, found.Text)
			}
		}
		assert.Equal(t, c.text != "", len(texts) == 1, "%s: %q", name, texts)
		assert.Contains(t, strings.Join(texts, ""), c.text, name)
	}
}

// TestCapsuleOfAPlan is looked for where the partitions of its entry are mounted, as
// the machine sees them.
func TestCapsuleOfAPlan(t *testing.T) {
	f := newFake(t)
	p := f.plan("arch", loader.PlanOptions{})
	found := func() bool {
		return slices.ContainsFunc(f.Check(t.Context(), p, loader.CheckOptions{}), func(x loader.Finding) bool { return x.ID == preflight.IDFirmwareUpdate })
	}
	assert.False(t, found())
	f.write(map[string]string{strings.TrimPrefix(f.path("esp"), "/") + "/EFI/UpdateCapsule/fw.cap": "x"})
	assert.True(t, found())
}

// TestCheckLoadedIsSorted: the gravest first, whatever part of the machine it is of.
func TestCheckLoadedIsSorted(t *testing.T) {
	f := newFake(t)
	f.expect(kexecArch)
	require.NoError(t, f.reboot("arch", reboot.Options{}))
	f.nextBoot(false)
	f.Booted(t.Context())
	f.load("arch")
	f.link("/dev/null", "etc/systemd/system/kexec.target")
	f.write(map[string]string{"efivars/OsIndications-" + bli.GlobalVendor: variable(4, 0, 0, 0, 0, 0, 0, 0), "sys/kernel/kexec_crash_size": "4096\n"})
	found := f.CheckLoaded(loader.CheckOptions{})
	require.True(t, slices.ContainsFunc(found, func(x loader.Finding) bool { return x.ID == loader.FindingKexecMissed }))
	assert.True(t, gravestFirst(found), "%v", found)
}

func gravestFirst(found []loader.Finding) bool {
	rank := map[loader.Severity]int{loader.SeverityError: 0, loader.SeverityWarning: 1, loader.SeverityInfo: 2}
	return slices.IsSortedFunc(found, func(a, b loader.Finding) int { return rank[a.Severity] - rank[b.Severity] })
}

// TestTopics: whatever can be found can be looked up and ignored, under one name.
func TestTopics(t *testing.T) {
	topics := loader.Topics()
	var ids []loader.FindingID
	for _, topic := range topics {
		ids = append(ids, topic.ID)
		assert.NotEmpty(t, topic.About, topic.ID)
		assert.False(t, strings.HasSuffix(topic.About, "."), topic.ID)
	}
	assert.True(t, slices.IsSorted(ids), "in alphabetical order")
	assert.Len(t, slices.Compact(slices.Clone(ids)), len(ids), "each once")
	for _, id := range []loader.FindingID{
		loader.FindingPlan, loader.FindingSecureBootImage, loader.FindingKexecMissed, loader.FindingMeasuredOS, loader.FindingLeftover,
		preflight.IDWatchdog, trial.IDNoFallback, trial.IDUnit, "tpm2-unlock", "tpm2-pcrlock",
	} {
		assert.Contains(t, ids, id)
	}
}

// TestGuardOfADamagedReceipt: what is loaded cannot be compared, so that no reboot
// becomes a kexec.
func TestGuardOfADamagedReceipt(t *testing.T) {
	f := newFake(t)
	f.load("arch")
	f.write(map[string]string{"run/kexec-bls/loaded.json": "{"})
	f.endsBy = "reboot"
	f.expect("ending")
	_, err := f.GuardReboot(t.Context(), f.open(), loader.GuardOptions{})
	require.ErrorContains(t, err, "loaded.json: unexpected EOF")
	assert.NoFileExists(t, f.path(consentFile))
}

// TestGuardCannotReplace: what is stale and cannot be unloaded is an error, and
// nothing is loaded over it.
func TestGuardCannotReplace(t *testing.T) {
	f := newFake(t)
	f.expect(enabled("guard.service"), startGuard, reloadUnits, "ending")
	require.NoError(t, f.Enable(t.Context(), loader.PolicyReboot))
	f.load("")
	f.write(map[string]string{"esp/loader/loader.conf": "default other*\n"})
	f.endsBy, f.done["unload"] = "reboot", errors.New("no more loads")
	_, err := f.GuardReboot(t.Context(), f.open(), loader.GuardOptions{Load: func(context.Context) error {
		t.Error("it loads")
		return nil
	}})
	require.ErrorContains(t, err, "no more loads")
	assert.NoFileExists(t, f.path(consentFile))
}

// TestEnableFailsOverAnother: Disable finds what the policy before has enabled, and
// what the one that failed has.
func TestEnableFailsOverAnother(t *testing.T) {
	f := newFake(t)
	f.expect(enabled("guard.service"), enabled("load.service"), enabled("reload.path"), enabled("sysupdate.socket"), startGuard, reloadUnits)
	require.NoError(t, f.Enable(t.Context(), loader.PolicyBoot))
	f.done[startSocket] = errors.New("refused")
	require.EqualError(t, f.Enable(t.Context(), loader.PolicyUpgrade), "refused")
	f.acts = nil
	f.expect(disabled("guard.service"), disabled("load.service"), disabled("reload.path"), disabled("sysupdate.socket"))
	require.NoError(t, f.Disable(t.Context()))
	assert.ElementsMatch(t, []string{
		reloadUnits, disabled("guard.service"), disabled("load.service"), disabled("reload.path"), disabled("sysupdate.socket"),
	}, f.acts)
}

// TestEnableCannotAsk: without an answer about a unit nothing is enabled, for
// Disable could not tell what was.
func TestEnableCannotAsk(t *testing.T) {
	f := newFake(t)
	f.Init.UnitProperty = func(context.Context, string, string) (string, error) { return "", errors.New("no bus") }
	require.EqualError(t, f.Enable(t.Context(), loader.PolicyOff), "no bus")
	assert.Empty(t, f.acts)
	assert.NoDirExists(t, f.StateDir)
}

// TestEnabledCannotBeRead: reboots are changed as long as the drop-in is there; what
// cannot be read is said.
func TestEnabledCannotBeRead(t *testing.T) {
	f := newFake(t)
	f.expect(enabled("guard.service"), startGuard, reloadUnits)
	require.NoError(t, f.Enable(t.Context(), loader.PolicyReboot))
	f.write(map[string]string{"var/lib/kexec-bls/every.json": "{"})
	policy, err := f.Enabled()
	require.ErrorContains(t, err, "every.json: unexpected EOF")
	assert.Equal(t, loader.PolicyOff, policy)
	f.remove(dropInFile)
	f.write(map[string]string{dropInFile + "/x": ""})
	policy, err = f.Enabled()
	require.ErrorContains(t, err, "50-kexec-bls.conf")
	assert.Empty(t, policy)
}
