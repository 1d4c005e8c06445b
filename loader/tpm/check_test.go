package tpm_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
	"github.com/kexec-bls/kexec-bls/loader/tpm"
	"github.com/kexec-bls/kexec-bls/loader/tpm/luks2"
)

// root is a volume with some of the recorded tokens.
func root(t testing.TB, numbers ...int) tpm.Volume {
	v := tpm.Volume{Name: "root", Source: "UUID=5f1d", Initrd: true}
	for _, n := range numbers {
		v.Header.Tokens = append(v.Header.Tokens, recordedTokens(t)[n])
	}
	return v
}

const none, pcr7, pcr11, pcr15, pin, signed = 0, 1, 5, 8, 10, 11

func boot(line string) tpm.Boot { return tpm.Boot{Cmdline: line, Initrd: measuring().initrd()} }

func only(t testing.TB, r tpm.Report) finding.Finding {
	t.Helper()
	require.Len(t, r.Findings, 1)
	return r.Findings[0]
}

func TestFindingOfAVolume(t *testing.T) {
	r := tpm.Check(running(t), boot("quiet"), []tpm.Volume{root(t, pcr7)})
	f := only(t, r)
	assert.Equal(t, tpm.Unlock, f.ID)
	assert.Equal(t, finding.Warning, f.Severity)
	assert.Equal(t, []int{7}, f.PCRs)
	assert.Equal(t, "7:sha256="+hex.EncodeToString(recordedBanks(t, "measured")["sha256"][7]), f.Predicted)
	assert.Equal(t, "the TPM does not open root, and its passphrase is asked for: it is bound to present values, and PCR 7 will be extended by os-separator", f.Text)
	assert.Equal(t, "add the kernel parameter systemd.tpm2_measured_os=no: it opens then, and that boot is not measured, which attestation sees, or have its passphrase ready", f.Hint)
	assert.Equal(t, "systemd.tpm2_measured_os=no", r.Fix)

	r = tpm.Check(running(t), boot(r.Fix), []tpm.Volume{root(t, pcr7)})
	assert.Equal(t, tpm.Opens, only(t, r).ID)
	assert.Equal(t, "the TPM opens root, bound to PCR 7", only(t, r).Text)
	assert.Empty(t, r.Fix)
}

func TestOneTokenThatOpensIsEnough(t *testing.T) {
	f := only(t, tpm.Check(running(t), boot(""), []tpm.Volume{root(t, pcr7, none)}))
	assert.Equal(t, tpm.Opens, f.ID)
	assert.Equal(t, "the TPM opens root, bound to no PCR", f.Text)
	v := root(t, pcr7)
	v.Header.Tokens = append(v.Header.Tokens, luks2.Token{Type: "clevis", Clevis: &luks2.Pin{Name: "tang"}})
	assert.Equal(t, tpm.Unknown, only(t, tpm.Check(running(t), boot(""), []tpm.Volume{v})).ID)
	v.Header.Tokens = v.Header.Tokens[1:]
	assert.Empty(t, tpm.Check(running(t), boot(""), []tpm.Volume{v}).Findings, "no TPM has part in it")
}

// A PIN is part of the policy, whichever PCRs that has.
func TestPINWithRawPCR11(t *testing.T) {
	b := boot("systemd.tpm2_measured_os=no")
	p := tpm.Predict(running(t), b)
	v := bound(t, p, 11)
	token := v.Header.Tokens[0].TPM2
	digest := sha256.Sum256(append(token.PolicyHashes[0], 0, 0, 1, 0x6b)) // TPM2_PolicyAuthValue
	token.PIN, token.PolicyHashes = true, [][]byte{digest[:]}
	f := only(t, tpm.Check(running(t), b, []tpm.Volume{v}))
	assert.Equal(t, tpm.Opens, f.ID)
	assert.Equal(t, "the TPM opens "+v.Name+", bound to PCR 11, and its PIN is asked for", f.Text)
	f = only(t, tpm.Check(running(t), boot(""), []tpm.Volume{v}))
	assert.Equal(t, tpm.Unlock, f.ID, "enter-initrd")
	assert.Equal(t, []int{11}, f.PCRs)
	token.PIN = false
	assert.Equal(t, tpm.Unlock, only(t, tpm.Check(running(t), b, []tpm.Volume{v})).ID, "the policy of a PIN is not that of none")
}

func TestPIN(t *testing.T) {
	v := root(t, pin)
	f := only(t, tpm.Check(running(t), boot("systemd.tpm2_measured_os=no"), []tpm.Volume{v}))
	assert.Equal(t, tpm.Opens, f.ID)
	assert.Contains(t, f.Text, "its PIN is asked for")
	v.Options = []string{"headless"}
	assert.Equal(t, tpm.Unlock, only(t, tpm.Check(running(t), boot("systemd.tpm2_measured_os=no"), []tpm.Volume{v})).ID)
	v = root(t, pin, pcr7)
	assert.NotContains(t, only(t, tpm.Check(running(t), boot("systemd.tpm2_measured_os=no"), []tpm.Volume{v})).Text, "PIN")
}

func TestVolumeOfTheSystem(t *testing.T) {
	v := root(t, pcr11, pcr15)
	v.Initrd = false
	f := only(t, tpm.Check(running(t), boot(""), []tpm.Volume{v}))
	assert.Equal(t, tpm.Unknown, f.ID)
	assert.Contains(t, f.Text, "systemd-pcrmachine.service")
	v = root(t, pcr11)
	v.Initrd = false
	assert.Contains(t, only(t, tpm.Check(running(t), boot(""), []tpm.Volume{v})).Text, "shutdown, final, enter-initrd, leave-initrd")
}

func TestNoTPM(t *testing.T) {
	f := only(t, tpm.Check(tpm.Machine{}, boot(""), []tpm.Volume{root(t, pcr7)}))
	assert.Equal(t, tpm.Unknown, f.ID)
	assert.Contains(t, f.Text, "the PCR bank sha256 cannot be read")
}

func TestSignedPolicies(t *testing.T) {
	f := only(t, tpm.Check(running(t), boot(""), []tpm.Volume{root(t, signed)}))
	assert.Contains(t, f.Text, "the next initrd has none")
	assert.NotContains(t, f.Hint, "kernel parameter", "nothing makes it open")
	b := tpm.Boot{Initrd: measuring().with(".extra/tpm2-pcr-signature.json", string(readRecorded(t, "pcrsig.json"))).initrd()}
	f = only(t, tpm.Check(running(t), b, []tpm.Volume{root(t, signed)}))
	assert.Contains(t, f.Text, "no signed policy fits, as PCR 11 will be extended by shutdown, final, enter-initrd")
	assert.Equal(t, []int{11}, f.PCRs)
}

// The fix that measures: from a boot without a stub into a UKI.
func TestFixThatMeasures(t *testing.T) {
	m := running(t)
	m.Stub, m.Ready, m.Sysinit = false, false, false
	m.Banks = recordedBanks(t, "running")
	seven := m.Banks["sha256"]
	seven[7] = hexBytes(t, strings.Repeat("11", 32))
	m.Banks["sha256"] = seven
	p := tpm.Predict(m, boot("systemd.tpm2_measured_os=yes"))
	v := bound(t, p, 7)
	r := tpm.Check(m, boot(""), []tpm.Volume{v})
	assert.Equal(t, "systemd.tpm2_measured_os=yes", r.Fix)
	assert.Contains(t, only(t, r).Text, "it is bound to other values of PCR 7")
	assert.NotContains(t, only(t, r).Hint, "attestation")
	assert.Empty(t, tpm.Check(m, boot(""), []tpm.Volume{v, root(t, none), bound(t, tpm.Predict(m, boot("")), 7)}).Fix, "another would not open")
}

// Binding to PCR 7 is advised where the kexec keeps what firmware leaves there.
func TestBinding(t *testing.T) {
	m := running(t)
	old := tpm.Boot{Initrd: files{}.initrd()}
	f := only(t, tpm.Check(m, old, []tpm.Volume{root(t, pcr11)}))
	assert.Equal(t, "bind it to PCR 7, which does not change: systemd-cryptenroll --tpm2-device=auto --tpm2-pcrs=7:sha256 /dev/disk/by-uuid/5f1d, or have its passphrase ready", f.Hint)
	m.SigningKey, m.PCRLockUsed = true, true
	m.MakePolicy = tpm.UnitMasked
	assert.Contains(t, only(t, tpm.Check(m, old, []tpm.Volume{root(t, pcr11)})).Hint, "--tpm2-public-key= --tpm2-pcrlock= /dev")
	m.PCRLockUsed = false
	assert.NotContains(t, only(t, tpm.Check(m, boot(""), []tpm.Volume{root(t, pcr11)})).Hint, "bind", "measured: PCR 7 changes")
	m.FirmwareBoot = false
	assert.NotContains(t, only(t, tpm.Check(m, old, []tpm.Volume{root(t, pcr11)})).Hint, "bind", "not what firmware leaves")
}

// bound is a volume bound to the predicted value of a PCR, by a digest computed
// here.
func bound(t testing.TB, p tpm.Prediction, n int) tpm.Volume {
	t.Helper()
	values := sha256.Sum256(p.Banks["sha256"][n].Next)
	b := append(make([]byte, 32), 0, 0, 1, 0x7f, 0, 0, 0, 1, 0, 0x0b, 3, 0, 0, 0)
	b[len(b)-3+n/8] = 1 << (n % 8)
	digest := sha256.Sum256(append(b, values[:]...))
	token := luks2.TPM2{PCRs: []int{n}, Bank: "sha256", PolicyHashes: [][]byte{digest[:]}}
	return tpm.Volume{Name: fmt.Sprintf("bound%x", digest[:2]), Initrd: true, Header: luks2.Header{Tokens: []luks2.Token{{Type: "systemd-tpm2", TPM2: &token}}}}
}

// Nothing makes an unlock wait for the separator of NvPCRs, but
// cryptsetup-pre.target where that is pulled in.
func TestUnlockRacesTheNvPCRSeparator(t *testing.T) {
	nvDoneUnit := "usr/lib/systemd/system/sysinit.target.wants/systemd-pcrnvdone.service"
	early := bound(t, tpm.Predict(running(t), tpm.Boot{Initrd: measuring().with(nvDoneUnit, "").initrd()}), 9)
	late, other := bound(t, tpm.Predict(running(t), boot("")), 9), bound(t, tpm.Predict(running(t), boot("")), 7)
	for _, v := range []tpm.Volume{early, late} {
		f := only(t, tpm.Check(running(t), boot(""), []tpm.Volume{v}))
		assert.Equal(t, tpm.Unknown, f.ID)
		assert.Equal(t, "cannot determine whether the TPM opens "+v.Name+": systemd-pcrnvdone.service extends PCR 9, before or after the unlock", f.Text)
		assert.Empty(t, f.Predicted)
	}
	assert.Equal(t, tpm.Opens, only(t, tpm.Check(running(t), boot(""), []tpm.Volume{other})).ID)

	ordered := tpm.Boot{Initrd: measuring().with("usr/lib/systemd/system/sysinit.target.wants/cryptsetup-pre.target", "-> ../cryptsetup-pre.target").initrd()}
	assert.Equal(t, tpm.Unlock, only(t, tpm.Check(running(t), ordered, []tpm.Volume{early})).ID)
	assert.Equal(t, tpm.Opens, only(t, tpm.Check(running(t), ordered, []tpm.Volume{late})).ID)

	late.Initrd = false
	assert.Equal(t, tpm.Opens, only(t, tpm.Check(running(t), boot(""), []tpm.Volume{late})).ID, "the system opens it, later")
}

func hexBytes(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func TestHeaderThatCannotBeRead(t *testing.T) {
	v := tpm.Volume{Name: "root", Source: "/dev/vda2", Initrd: true}
	v.ReadHeader(fstest.MapFS{})
	require.Error(t, v.Err)
	assert.Empty(t, tpm.Check(running(t), boot(""), []tpm.Volume{v}).Findings, "nothing shows a TPM")
	v.Options = []string{"tpm2-device=auto"}
	assert.Equal(t, tpm.Unknown, only(t, tpm.Check(running(t), boot(""), []tpm.Volume{v})).ID)
	v = readVolume(t, `{"tokens":{"0":{"type":"systemd-tpm2"}}}`)
	assert.Contains(t, only(t, tpm.Check(running(t), boot(""), []tpm.Volume{v})).Text, "malformed token")
}

func TestTopicsHaveEveryID(t *testing.T) {
	var ids []string
	for _, topic := range tpm.Topics() {
		ids = append(ids, fmt.Sprint(topic.ID))
		assert.NotEmpty(t, topic.About)
	}
	assert.Equal(t, []string{"tpm2-opens", "tpm2-unlock", "tpm2-unknown", "tpm2-pcrlock"}, ids)
}
