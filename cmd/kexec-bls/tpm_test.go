package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
)

// newSealed is a machine whose volume root has a key that a TPM releases while PCR 7
// has the value of now, or another one.
func newSealed(t *testing.T, bound byte) *fake {
	t.Helper()
	f, dir := newFake(t, archFiles())
	f.getenv = func(name string) string { return map[string]string{"SYSTEMD_ESP_PATH": dir}[name] }
	now := strings.Repeat("07", 32)
	files := map[string]string{
		"etc/crypttab": "root /dev/vda2 none tpm2-device=auto\n", "dev/vda2": sealedVolume(strings.Repeat(fmt.Sprintf("%02x", bound), 32)),
		"sys/class/tpm/tpm0/pcr-sha256/7": strings.ToUpper(now) + "\n", "sys/kernel/security/x": "",
		"run/log/systemd/tpm2-measure.log": "\x1e{\"pcr\":11,\"content\":{\"string\":\"sysinit\"}}\n",
		"sys/class/tpm/tpm0/pcr-sha256/11": strings.Repeat("11", 32) + "\n",
	}
	write(t, f.dir, files)
	return f
}

// sealedVolume is a LUKS2 header with a token that is bound to a value of PCR 7.
func sealedVolume(value string) string {
	pcr, _ := hex.DecodeString(value)
	digest := sha256.Sum256(pcr)
	policy := make([]byte, 32)
	policy = binary.BigEndian.AppendUint32(policy, 0x17f) // TPM2_PolicyPCR
	policy = append(policy, 0, 0, 0, 1, 0, 0x0b, 3, 0x80, 0, 0)
	hash := sha256.Sum256(append(policy, digest[:]...))
	area := fmt.Sprintf(`{"tokens":{"0":{"type":"systemd-tpm2","keyslots":[],"tpm2-pcrs":[7],"tpm2-pcr-bank":"sha256","tpm2-policy-hash":"%x","tpm2-blob":"c2VjcmV0"}}}`, hash)
	b := make([]byte, 16<<10)
	copy(b, "LUKS\xba\xbe\x00\x02")
	binary.BigEndian.PutUint64(b[8:], uint64(len(b)))
	copy(b[72:], "sha256")
	copy(b[4096:], area)
	sum := sha256.Sum256(b)
	copy(b[448:], sum[:])
	return string(b)
}

func TestShowPCRs(t *testing.T) {
	f := newSealed(t, 7)
	got := f.run("show", "--pcrs")
	require.Equal(t, exitDone, got.code, got.stderr)
	assert.Contains(t, got.stdout, "pcrs       the next system does not measure\n")
	assert.Contains(t, got.stdout, "sha256 7   "+strings.Repeat("07", 32)+" unchanged\n")
	assert.Regexp(t, `sha256 11  (11){32} -> [0-9a-f]{64} \(final\)\n`, got.stdout)
	assert.Contains(t, got.stdout, "sha256 0   ? -> ? (its value cannot be read)\n")
	assert.Contains(t, got.stdout, "info       the TPM opens root, bound to PCR 7 [tpm2-opens]\n")

	got = f.run("show", "--pcrs", "--json")
	var shown report.Plan
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &shown))
	require.Len(t, shown.PCRs.Values, 24)
	assert.Equal(t, 7, shown.PCRs.Values[7].PCR)
	assert.Equal(t, strings.Repeat("07", 32), *shown.PCRs.Values[7].Next)
	assert.Equal(t, []string{"final"}, shown.PCRs.Values[11].By)
	assert.Nil(t, shown.PCRs.Values[0].Next)
	assert.NotContains(t, got.stdout, "c2VjcmV0", "a blob is nobody's business")

	got = f.run("show")
	assert.NotContains(t, got.stdout, "sha256")
	assert.Contains(t, got.stdout, "[tpm2-opens]")
	assert.NotContains(t, f.run("show", "--json").stdout, `"pcrs": {`)
}

func TestShowPCRsWithoutATPM(t *testing.T) {
	f, esp := newFake(t, archFiles())
	assert.Contains(t, f.run("show", "--pcrs", "--esp-path", esp).stdout, "pcrs       no TPM\n")
}

func TestCheckNamesPCRsOfAVolume(t *testing.T) {
	f := newSealed(t, 8)
	got := f.run("check", "--json")
	var checked report.Check
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &checked))
	i := slices.IndexFunc(checked.Findings, func(f report.CheckFinding) bool { return f.Volume != "" })
	require.GreaterOrEqual(t, i, 0, got.stdout)
	found := checked.Findings[i]
	assert.Equal(t, "tpm2-unlock", string(found.ID))
	assert.Equal(t, "root", found.Volume)
	assert.Equal(t, []int{7}, found.PCRs)
	assert.Equal(t, "7:sha256="+strings.Repeat("07", 32), found.Predicted)
	assert.Contains(t, f.run("check").stdout, "warning  the TPM does not open root, and its passphrase is asked for: it is bound to other values of PCR 7")
	assert.Contains(t, f.run("load").stderr, "[tpm2-unlock]")
	assert.NotContains(t, f.run("load", "--ignore=tpm2-unlock").stderr, "[tpm2-unlock]")
	assert.NotContains(t, newSealed(t, 7).run("load").stderr, "[tpm2-")
	assert.Contains(t, f.run("reboot", "--dry-run").stderr, "[tpm2-unlock]")
}

func TestMeasuredOSIsConfigured(t *testing.T) {
	f := newSealed(t, 7)
	write(t, f.dir, map[string]string{"etc/kexec-bls.toml": "tpm.measured_os = 'perhaps'\n"})
	assert.Contains(t, f.run("show").stderr, "must be one of off, auto")
	write(t, f.dir, map[string]string{"etc/kexec-bls.toml": "tpm.measured_os = 'auto'\n"})
	a := &app{environment: f.environment}
	a.config.TPM.MeasuredOS = "auto"
	assert.True(t, a.options(planFlags{}).AutoMeasuredOS)
	var edited planFlags
	edited.edit(new(string))
	assert.False(t, a.options(edited).AutoMeasuredOS, "a line that was edited is whole")
	a.config.TPM.MeasuredOS = "off"
	assert.False(t, a.options(planFlags{}).AutoMeasuredOS)
	assert.NotContains(t, f.run("show").stdout, "systemd.tpm2_measured_os", "it opens without")
}
