package tpm_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/tpm"
	"github.com/kexec-bls/kexec-bls/loader/tpm/luks2"
)

// What an initrd would measure that was not looked at is not known, nor what is signed
// for it.
func TestInitrdThatWasNotLookedAt(t *testing.T) {
	var i tpm.Initrd
	i.Unread("it was not decoded")
	for _, token := range []int{pcr7, pcr11, signed} {
		f := only(t, tpm.Check(running(t), tpm.Boot{Initrd: i}, []tpm.Volume{root(t, token)}))
		assert.Equal(t, tpm.Unknown, f.ID)
		assert.Contains(t, f.Text, "it was not decoded")
		assert.Contains(t, f.Hint, string(hint.ReadInitrd))
	}
	assert.Equal(t, tpm.Opens, only(t, tpm.Check(running(t), tpm.Boot{Initrd: i}, []tpm.Volume{root(t, none)})).ID, "bound to nothing")

	m := running(t)
	m.Stub = false
	p := tpm.Predict(m, tpm.Boot{Initrd: i})
	assert.Equal(t, p.Banks["sha256"][7].Now, p.Banks["sha256"][7].Next, "no unit of systemd measures where the stub did not")
	p = tpm.Predict(m, tpm.Boot{Initrd: i, Cmdline: "systemd.tpm2_measured_os=1"})
	assert.Nil(t, p.Banks["sha256"][7].Next)
}

// The separator of systemd 262.1 lists its PCRs one by one.
func TestSeparatorWithAListOfPCRs(t *testing.T) {
	const listed = "[Unit]\nConditionSecurity=measured-os\n[Service]\nExecStart=/usr/lib/systemd/systemd-pcrextend --graceful \\\n" +
		"                --pcr=0 --pcr=1 --pcr=2 --pcr=3 --pcr=4 --pcr=5 \\\n" +
		"                --pcr=6 --pcr=7 --pcr=9 --pcr=12 --pcr=13 --pcr=14 \\\n                --event-type=os-separator \\\n                os-separator\n"
	with := unit(measuring(), "systemd-pcrosseparator.service", listed).initrd()
	assert.Equal(t, tpm.Predict(running(t), boot("")), tpm.Predict(running(t), tpm.Boot{Initrd: with}))
}

// An open volume that crypttab has under another name is that one.
func TestOpenVolumes(t *testing.T) {
	tab := "root UUID=" + one + " none x\n"
	open := []tpm.Volume{{Name: "luks", Source: "UUID=" + one, Initrd: true}, {Name: "other", Source: "/dev/vda9", Initrd: true}}
	assert.Equal(t, "system root UUID=1  x\ninitrd other /dev/vda9", describe(tpm.Volumes("", tpm.Initrd{}, tab, open...)))
	auto := files{"usr/lib/systemd/system-generators/systemd-gpt-auto-generator": "x"}.initrd()
	assert.Equal(t, "initrd root UUID=1  tpm2-measure-pcr=yes", describe(tpm.Volumes("", auto, "", tpm.Volume{Name: "root", Source: "UUID=" + one, Initrd: true})), "the discovered one is known")
}

func TestWhoMayOpenAVolume(t *testing.T) {
	with := func(types ...string) tpm.Volume {
		var v tpm.Volume
		for _, name := range types {
			v.Header.Tokens = append(v.Header.Tokens, luks2.Token{Type: name})
		}
		return v
	}
	assert.False(t, tpm.Bound([]tpm.Volume{with(), with("systemd-fido2")}))
	assert.True(t, tpm.Bound([]tpm.Volume{with(), with("systemd-recovery", "clevis")}))
	assert.True(t, tpm.Bound([]tpm.Volume{with("systemd-tpm2")}))
	assert.True(t, tpm.Bound([]tpm.Volume{{Options: []string{"tpm2-device=auto"}}}))
	assert.False(t, with("systemd-recovery").Automatic())
	assert.True(t, with("systemd-recovery", "systemd-fido2").Automatic())
}
