package tpm_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/tpm"
	"github.com/kexec-bls/kexec-bls/loader/tpm/luks2"
)

func TestOptionsOfCrypttab(t *testing.T) {
	v := root(t, pcr7)
	for option, text := range map[string]string{"headless=1": "headless lets nobody type", "tries=1": "tries=1 leaves no try"} {
		v.Options = []string{option}
		assert.Contains(t, only(t, tpm.Check(running(t), boot(""), []tpm.Volume{v})).Text, text)
	}
	v.Key = "/etc/key"
	assert.Empty(t, tpm.Check(running(t), boot(""), []tpm.Volume{v}).Findings, "a key file opens it")
	v.Options = []string{"tpm2-device=auto"}
	assert.Equal(t, tpm.Unknown, only(t, tpm.Check(running(t), boot(""), []tpm.Volume{v})).ID)
}

// The volume key of another volume goes into PCR 15, at an unknown time.
func TestMeasuredVolumeKey(t *testing.T) {
	data, other := root(t, pcr15), tpm.Volume{Name: "other", Initrd: true, Options: []string{"tpm2-measure-pcr=yes"}}
	f := only(t, tpm.Check(running(t), boot(""), []tpm.Volume{other, data}))
	assert.Equal(t, tpm.Unknown, f.ID)
	assert.Contains(t, f.Text, "PCR 15 cannot be predicted: it is extended when other is opened")
	assert.Empty(t, f.Predicted)
	data.Options = other.Options
	assert.Equal(t, tpm.Unlock, only(t, tpm.Check(running(t), boot(""), []tpm.Volume{data})).ID, "its own comes after its unlock")
}

// The root volume that systemd-gpt-auto-generator finds is measured, if there is one.
func TestMeasuredKeyOfADiscoveredVolume(t *testing.T) {
	auto := measuring().with("usr/lib/systemd/system-generators/systemd-gpt-auto-generator", "x").initrd()
	data := root(t, pcr15)
	data.Name = "data"
	volumes := tpm.Volumes("", auto, "", data)
	require.Len(t, volumes, 2)
	assert.Equal(t, tpm.Unlock, only(t, tpm.Check(running(t), boot(""), volumes)).ID, "none was found")
	volumes[1].Err = luks2.ErrNotLUKS2
	assert.Contains(t, only(t, tpm.Check(running(t), boot(""), volumes)).Text, "it is extended when root is opened")
}

// A token is tried where its PCRs are those that crypttab asks for.
func TestTokensOfOtherPCRs(t *testing.T) {
	const no = "systemd.tpm2_measured_os=no"
	for options, opens := range map[string]bool{
		"tpm2-device=auto": true, "tpm2-device=auto,tpm2-pcrs=7": true, "tpm2-device=auto,tpm2-pcrs=secure-boot-policy": true, "tpm2-device=auto,tpm2-pcrs=99": true,
		"tpm2-pcrs=0": true, "tpm2-device=auto,tpm2-pcrs=0+7": false, "tpm2-device=auto,tpm2-pcrs=": false,
	} {
		v := root(t, pcr7)
		v.Options = strings.Split(options, ",")
		f := only(t, tpm.Check(running(t), boot(no), []tpm.Volume{v}))
		assert.Equal(t, opens, f.ID == tpm.Opens, options)
		if !opens {
			assert.Equal(t, "the TPM does not open root, and its passphrase is asked for: its option tpm2-pcrs= does not name PCR 7, to which it is bound", f.Text)
			assert.Equal(t, []int{7}, f.PCRs)
		}
	}
	v := root(t, pcr11, pcr7)
	v.Options = []string{"tpm2-device=auto", "tpm2-pcrs=7"}
	assert.Equal(t, tpm.Opens, only(t, tpm.Check(running(t), boot(no), []tpm.Volume{v})).ID, "the other one")
}

// Signatures are in the file that crypttab names.
func TestFileOfSignatures(t *testing.T) {
	signatures := string(readRecorded(t, "pcrsig.json"))
	v := root(t, signed)
	v.Options = []string{"tpm2-device=auto", "tpm2-signature=/etc/mine.json"}
	b := tpm.Boot{Initrd: files{".extra/tpm2-pcr-signature.json": signatures}.initrd()}
	enrolled := tpm.Machine{Banks: recordedBanks(t, "enrolled")}
	f := only(t, tpm.Check(enrolled, b, []tpm.Volume{v}))
	assert.Equal(t, tpm.Unknown, f.ID)
	assert.Contains(t, f.Text, "its signatures are in the file /etc/mine.json")
	v.Options[1] = "tpm2-signature=/.extra/tpm2-pcr-signature.json"
	assert.Equal(t, tpm.Opens, only(t, tpm.Check(enrolled, b, []tpm.Volume{v})).ID)
	v.Options = nil
	assert.Equal(t, tpm.Opens, only(t, tpm.Check(enrolled, b, []tpm.Volume{v})).ID)
}
