package loader_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader"
)

const dropInFile = "etc/systemd/system/systemd-reboot.service.d/50-kexec-bls.conf"

func enabled(unit string) string { return "enable kexec-bls-" + unit + " true" }

func disabled(unit string) string { return "enable kexec-bls-" + unit + " false" }

const startGuard, startSocket, reloadUnits = "start kexec-bls-guard.service", "start kexec-bls-sysupdate.socket", "daemon-reload"

func TestEnable(t *testing.T) {
	for policy, c := range map[loader.Policy]struct{ acts, undo []string }{
		loader.PolicyBoot: {
			[]string{enabled("guard.service"), enabled("load.service"), enabled("reload.path"), startGuard, reloadUnits},
			[]string{reloadUnits, disabled("reload.path"), disabled("load.service"), disabled("guard.service")},
		},
		loader.PolicyUpgrade: {
			[]string{enabled("guard.service"), enabled("sysupdate.socket"), startGuard, startSocket, reloadUnits},
			[]string{reloadUnits, disabled("sysupdate.socket"), disabled("guard.service")},
		},
		loader.PolicyReboot: {[]string{enabled("guard.service"), startGuard, reloadUnits}, []string{reloadUnits, disabled("guard.service")}},
		loader.PolicyOff:    {[]string{enabled("guard.service"), startGuard, reloadUnits}, []string{reloadUnits, disabled("guard.service")}},
	} {
		t.Run(string(policy), func(t *testing.T) {
			f := newFake(t)
			f.expect(c.acts...)
			require.NoError(t, f.Enable(t.Context(), policy))
			assert.Equal(t, c.acts, f.acts)
			on, err := f.Enabled()
			require.NoError(t, err)
			assert.Equal(t, policy, on)

			f.acts = nil
			f.expect(c.undo...)
			require.NoError(t, f.Disable(t.Context()))
			assert.Equal(t, c.undo, f.acts)
			assert.NoFileExists(t, f.path(dropInFile))
			on, err = f.Enabled()
			require.NoError(t, err)
			assert.Empty(t, on)
			assert.Empty(t, f.left("var/lib/kexec-bls"))
		})
	}
}

// TestDisableKeepsWhatWas: what the user had enabled remains enabled, also where
// Enable ran twice.
func TestDisableKeepsWhatWas(t *testing.T) {
	f := newFake(t)
	f.properties["kexec-bls-load.service UnitFileState"] = "enabled"
	f.expect(enabled("guard.service"), enabled("reload.path"), startGuard, reloadUnits)
	require.NoError(t, f.Enable(t.Context(), loader.PolicyBoot))
	for _, ours := range []string{"guard.service", "reload.path"} {
		f.properties["kexec-bls-"+ours+" UnitFileState"] = "enabled"
	}
	require.NoError(t, f.Enable(t.Context(), loader.PolicyBoot))

	f.acts = nil
	f.expect(disabled("reload.path"))
	require.NoError(t, f.Enable(t.Context(), loader.PolicyOff), "another policy")
	assert.Equal(t, []string{enabled("guard.service"), startGuard, reloadUnits, disabled("reload.path")}, f.acts)

	f.acts = nil
	f.expect(disabled("guard.service"))
	require.NoError(t, f.Disable(t.Context()))
	assert.Equal(t, []string{reloadUnits, disabled("guard.service")}, f.acts)
}

// TestEnableFails: no reboot becomes a kexec where a step before that failed, and
// Disable finds what is left.
func TestEnableFails(t *testing.T) {
	for _, act := range []string{enabled("guard.service"), startGuard, reloadUnits} {
		t.Run(act, func(t *testing.T) {
			f := newFake(t)
			f.expect(enabled("guard.service"), startGuard, reloadUnits, disabled("guard.service"))
			f.done[act] = errors.New("refused")
			require.ErrorContains(t, f.Enable(t.Context(), loader.PolicyOff), "refused")
			assert.NoFileExists(t, f.path(dropInFile))
			f.done[act] = nil
			require.NoError(t, f.Disable(t.Context()))
			assert.Equal(t, disabled("guard.service"), f.acts[len(f.acts)-1])
		})
	}
}

// TestEnableOldSystemd: a systemd that does not take the change is noticed.
func TestEnableOldSystemd(t *testing.T) {
	f := newFake(t)
	f.properties["systemd-reboot.service SuccessAction"] = "reboot-force"
	f.expect(enabled("guard.service"), startGuard, reloadUnits)
	err := f.Enable(t.Context(), loader.PolicyOff)
	require.ErrorContains(t, err, "is reboot-force after the change")
	assert.Contains(t, hint.Of(err), "since version 254")
	assert.NoFileExists(t, f.path(dropInFile))
	assert.Equal(t, reloadUnits, f.acts[len(f.acts)-1], "the old text is read again")
}
