package tpm_test

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
	"github.com/kexec-bls/kexec-bls/loader/tpm"
	"github.com/kexec-bls/kexec-bls/loader/tpm/luks2"
)

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
	m.Masks = false
	assert.Empty(t, tpm.Check(m, withLock("systemd.mask=systemd-pcrlock-make-policy.service"), []tpm.Volume{v}).Fix, "nothing obeys the parameter")
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
