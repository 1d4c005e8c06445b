package tpm_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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

// lock is a pcrlock.json that allows some values of PCR 7, and a volume with a
// token for it: pcrlock alone, or in two shards with a signed policy.
func lock(t testing.TB, shards bool, values ...string) ([]byte, tpm.Volume) {
	t.Helper()
	public := []byte{0, 14, 0x01, 0x80, 0, 0x42, 0, 0x0b, 0x20, 0x0e, 0, 0x0a, 0, 0, 0, 34}
	file, err := json.Marshal(map[string]any{"pcrBank": "sha256", "nvPublic": public, "pcrValues": []any{map[string]any{"pcr": 7, "values": values}}})
	require.NoError(t, err)
	var digests map[string]string
	require.NoError(t, json.Unmarshal(readRecorded(t, "policy.json"), &digests))
	nv, err := hex.DecodeString(digests["nv"])
	require.NoError(t, err)
	token := luks2.TPM2{PCRLock: true, Bank: "sha256", PolicyHashes: [][]byte{nv}}
	if shards {
		token = *recordedTokens(t)[signed].TPM2
		token.PCRLock, token.PolicyHashes = true, append(token.PolicyHashes, nv)
	}
	return file, tpm.Volume{Name: "root", Initrd: true, Header: luks2.Header{Tokens: []luks2.Token{{Type: "systemd-tpm2", TPM2: &token}}}}
}

// withLock is an initrd to which systemd-stub passes the policy of systemd-pcrlock.
func withLock(line string) tpm.Boot {
	return tpm.Boot{Cmdline: line, Initrd: measuring().with(".extra/global_credentials/pcrlock.x.cred", "x").initrd()}
}

func TestPCRLock(t *testing.T) {
	now := hex.EncodeToString(recordedBanks(t, "running")["sha256"][7])
	for name, c := range map[string]struct {
		line   string
		values []string
		want   finding.ID
	}{
		"unmeasured":       {"systemd.tpm2_measured_os=no", []string{strings.Repeat("00", 32), now}, tpm.Opens},
		"measured":         {"", []string{now}, tpm.Unlock},
		"no value allowed": {"systemd.tpm2_measured_os=no", nil, tpm.Unlock},
	} {
		m := running(t)
		var v tpm.Volume
		m.PCRLock, v = lock(t, false, c.values...)
		m.PCRLockUsed, m.MakePolicy = true, tpm.UnitMasked
		f := only(t, tpm.Check(m, withLock(c.line), []tpm.Volume{v}))
		assert.Equal(t, c.want, f.ID, name)
		assert.Equal(t, []int{7}, f.PCRs, name)
		m.PCRLock = nil
		assert.Equal(t, tpm.Unknown, only(t, tpm.Check(m, withLock(c.line), []tpm.Volume{v})).ID, name)
	}
}

// The initrd has a policy of systemd-pcrlock by a credential or in a file; without
// one the TPM does not open what is bound to it.
func TestPCRLockOfTheInitrd(t *testing.T) {
	m := running(t)
	var v tpm.Volume
	m.PCRLock, v = lock(t, false, hex.EncodeToString(recordedBanks(t, "running")["sha256"][7]))
	m.PCRLockUsed, m.MakePolicy = true, tpm.UnitMasked
	const no, none, other = "systemd.tpm2_measured_os=no", "the next initrd has no policy of systemd-pcrlock", "the next initrd has another policy of systemd-pcrlock than the system"
	for name, c := range map[string]struct {
		file, content string
		volume        func(*tpm.Volume)
		why           string // "" for what opens
	}{
		"nothing":          {"etc/x", "x", nil, none},
		"credential":       {".extra/credentials/pcrlock.x.cred", "x", nil, ""},
		"other credential": {".extra/credentials/key.cred", "x", nil, none},
		"not encrypted":    {".extra/system_credentials/pcrlock.x.cred", "x", nil, none},
		"file":             {"var/lib/systemd/pcrlock.json", string(m.PCRLock), nil, ""},
		"file in /run":     {"run/systemd/pcrlock.json", string(m.PCRLock), nil, ""},
		"another file":     {"var/lib/systemd/pcrlock.json", "{}", nil, other},
		"option":           {"etc/x", "x", func(v *tpm.Volume) { v.Options = []string{"tpm2-pcrlock=/etc/lock.json"} }, ""},
		"of the system":    {"etc/x", "x", func(v *tpm.Volume) { v.Initrd = false }, ""},
	} {
		v := v
		if c.volume != nil {
			c.volume(&v)
		}
		f := only(t, tpm.Check(m, tpm.Boot{Cmdline: no, Initrd: measuring().with(c.file, c.content).initrd()}, []tpm.Volume{v}))
		if c.why == "" {
			assert.Equal(t, tpm.Opens, f.ID, name)
			continue
		}
		assert.Equal(t, tpm.Unlock, f.ID, name)
		assert.Contains(t, f.Text, c.why, name)
		assert.Equal(t, []int{7}, f.PCRs, name)
	}
}

// Both shards must open.
func TestShards(t *testing.T) {
	now := hex.EncodeToString(recordedBanks(t, "enrolled")["sha256"][7])
	m := tpm.Machine{Banks: recordedBanks(t, "enrolled")}
	b := tpm.Boot{Initrd: files{".extra/tpm2-pcr-signature.json": string(readRecorded(t, "pcrsig.json")), ".extra/credentials/pcrlock.x.cred": "x"}.initrd()}
	var v tpm.Volume
	m.PCRLock, v = lock(t, true, now)
	f := only(t, tpm.Check(m, b, []tpm.Volume{v}))
	assert.Equal(t, tpm.Opens, f.ID, f)
	assert.Equal(t, []int{7, 11}, f.PCRs)
	assert.Equal(t, tpm.Unlock, only(t, tpm.Check(m, tpm.Boot{}, []tpm.Volume{v})).ID, "no signature")
	m.PCRLock, _ = lock(t, true, strings.Repeat("00", 32))
	assert.Equal(t, tpm.Unlock, only(t, tpm.Check(m, b, []tpm.Volume{v})).ID, "another value of PCR 7")
	v.Header.Tokens[0].TPM2.PolicyHashes = v.Header.Tokens[0].TPM2.PolicyHashes[:1]
	assert.Equal(t, tpm.Unknown, only(t, tpm.Check(m, b, []tpm.Volume{v})).ID, "one policy for two")
}

// An unmeasured boot lets systemd-pcrlock-make-policy write an empty policy, so it
// is never a fix where that may run.
func TestNoFixWherePCRLockCouldBeEmptied(t *testing.T) {
	now := hex.EncodeToString(recordedBanks(t, "running")["sha256"][7])
	var v tpm.Volume
	m := running(t)
	m.PCRLock, v = lock(t, false, now)
	m.PCRLockUsed, m.MakePolicy = true, tpm.UnitEnabled
	for _, volume := range []tpm.Volume{v, root(t, pcr7)} {
		r := tpm.Check(m, withLock(""), []tpm.Volume{volume})
		assert.Empty(t, r.Fix)
		assert.NotContains(t, only(t, r).Hint, "measured_os")
	}
	r := tpm.Check(m, withLock("systemd.mask=systemd-pcrlock-make-policy.service"), []tpm.Volume{v})
	assert.Equal(t, "systemd.tpm2_measured_os=no", r.Fix)
	m.PCRLockUsed, m.PCRLock = false, nil
	assert.Empty(t, tpm.Check(m, boot(""), []tpm.Volume{root(t, pcr7), v}).Fix, "a token shows that it is in use")
	b := tpm.Boot{Initrd: measuring().with(".extra/credentials/pcrlock.x.cred", "x").initrd()}
	assert.Empty(t, tpm.Check(m, b, []tpm.Volume{root(t, pcr7)}).Fix, "a credential shows that it is in use")
}

func TestEmptiedPolicyIsFound(t *testing.T) {
	now := hex.EncodeToString(recordedBanks(t, "running")["sha256"][7])
	for name, c := range map[string]struct {
		line     string
		state    tpm.UnitState
		value    string
		severity finding.Severity // "" for no finding
	}{
		"enabled":     {"systemd.tpm2_measured_os=no", tpm.UnitEnabled, now, finding.Error},
		"idle":        {"systemd.tpm2_measured_os=no", tpm.UnitIdle, now, finding.Warning},
		"masked":      {"systemd.tpm2_measured_os=no", tpm.UnitMasked, now, ""},
		"masked now":  {"systemd.tpm2_measured_os=no systemd.mask=systemd-pcrlock-make-policy", tpm.UnitEnabled, now, ""},
		"measured":    {"", tpm.UnitEnabled, now, ""},
		"not met now": {"systemd.tpm2_measured_os=no", tpm.UnitEnabled, strings.Repeat("00", 32), ""},
	} {
		m := running(t)
		m.PCRLock, _ = lock(t, false, c.value)
		m.PCRLockUsed, m.MakePolicy = true, c.state
		r := tpm.Check(m, boot(c.line), nil)
		if c.severity == "" {
			assert.Empty(t, r.Findings, name)
			continue
		}
		assert.Equal(t, tpm.PCRLock, only(t, r).ID, name)
		assert.Equal(t, c.severity, only(t, r).Severity, name)
	}
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
