package tpm_test

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/tpm"
)

// The initrd, volumes and outcomes that fixtures/tpm-systemd.sh recorded with systemd
// 262.1.
func systemdInitrd(t testing.TB, more ...string) tpm.Initrd {
	f := files{"etc/initrd-release": "x", ".extra/tpm2-pcr-signature.json": string(readRecorded(t, "systemd/pcrsig.json"))}.with(more...)
	for _, name := range []string{"systemd-pcrosseparator.service", "systemd-pcrphase-initrd.service", "systemd-pcrnvdone.service"} {
		f = unit(f, name, string(readRecorded(t, "systemd/"+name)))
	}
	return f.initrd()
}

func outcomes(t testing.TB, state string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(string(readRecorded(t, "systemd/"+state+".outcomes"))) {
		name, outcome, _ := strings.Cut(strings.TrimSpace(line), " ")
		found[name] = outcome
	}
	require.Len(t, found, 23)
	return found
}

// What is predicted for each kexec is what systemd did: 23 enrolments, after a start by
// firmware, a kexec that measures nothing, with and without a policy of
// systemd-pcrlock, a first and a second one that measure; and every value of every PCR.
func TestPredictionsAreWhatSystemdDid(t *testing.T) {
	var headers map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(readRecorded(t, "systemd/volumes.json"), &headers))
	credential := systemdInitrd(t, ".extra/global_credentials/pcrlock.x.cred", "x")
	for _, c := range []struct {
		from, to, line string
		initrd         tpm.Initrd
		force          bool // nothing is measured until then
	}{
		{"firmware", "firmware", "systemd.tpm2_measured_os=no", credential, true},
		{"running", "unmeasured", "systemd.tpm2_measured_os=no", credential, false},
		{"running", "unlocked", "systemd.tpm2_measured_os=no", systemdInitrd(t), false},
		{"running", "first", "quiet", credential, false},
		{"again", "second", "quiet", credential, false},
	} {
		m := running(t)
		m.Banks = recordedBanks(t, "systemd/"+c.from)
		m.PCRLock, m.PCRLockUsed, m.MakePolicy = readRecorded(t, "systemd/pcrlock.json"), true, tpm.UnitMasked
		boot := tpm.Boot{Cmdline: c.line, Initrd: c.initrd, Force: c.force}
		var volumes []tpm.Volume
		for name, header := range headers {
			v := readVolume(t, string(header))
			v.Name = name
			volumes = append(volumes, v)
		}
		report := tpm.Check(m, boot, volumes)
		for bank, values := range recordedBanks(t, "systemd/"+c.to) {
			for n, value := range values {
				assert.Equal(t, hex.EncodeToString(value), hex.EncodeToString(report.Prediction.Banks[bank][n].Next), "%s: %s %d", c.to, bank, n)
			}
		}
		seen := outcomes(t, c.to)
		require.Len(t, report.Findings, len(seen))
		for _, f := range report.Findings {
			want := map[string]string{"opens": "tpm2-opens", "closed": "tpm2-unlock"}[seen[f.Volume]]
			assert.Equal(t, want, string(f.ID), "%s: %s: %s", c.to, f.Volume, f.Text)
		}
	}
}
