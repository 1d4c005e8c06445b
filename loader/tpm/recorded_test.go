package tpm_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/tpm"
	"github.com/kexec-bls/kexec-bls/loader/tpm/luks2"
)

// What fixtures/tpm.sh recorded of a TPM and systemd.
func readRecorded(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return b
}

func recordedBanks(t testing.TB, name string) map[string]tpm.Values {
	t.Helper()
	banks := map[string]tpm.Values{}
	for line := range strings.Lines(string(readRecorded(t, name+".pcrs"))) {
		var bank, value string
		var n int
		_, err := fmt.Sscan(line, &bank, &n, &value)
		require.NoError(t, err)
		values := banks[bank]
		values[n], err = hex.DecodeString(value)
		require.NoError(t, err)
		banks[bank] = values
	}
	return banks
}

func recordedVolume(t testing.TB) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(readRecorded(t, "volume.gz")))
	require.NoError(t, err)
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return b
}

func recordedTokens(t testing.TB) []luks2.Token {
	t.Helper()
	h, err := luks2.Read(bytes.NewReader(recordedVolume(t)))
	require.NoError(t, err)
	require.Len(t, h.Tokens, 13)
	return h.Tokens
}

const (
	separator = "[Unit]\nConditionPathExists=/etc/initrd-release\nConditionSecurity=measured-os\n[Service]\nExecStart=/usr/lib/systemd/systemd-pcrextend --graceful --os-separator\n"
	phase     = "[Unit]\nConditionPathExists=/etc/initrd-release\nConditionSecurity=measured-os\n[Service]\nExecStart=/usr/lib/systemd/systemd-pcrextend --graceful enter-initrd\nExecStop=/usr/lib/systemd/systemd-pcrextend --graceful leave-initrd\n"
	nvDone    = "[Unit]\nConditionSecurity=measured-os\n[Service]\nExecStart=/usr/lib/systemd/systemd-pcrextend --graceful --pcr=kernel-initrd --event-type=nvpcr-separator nvpcr-separator\n"
)

// files are those of an initrd; "-> " begins the target of a link.
type files map[string]string

func (f files) initrd() tpm.Initrd {
	var i tpm.Initrd
	for name, text := range f {
		link, _ := strings.CutPrefix(text, "-> ")
		if link == text {
			link = ""
		}
		i.Visit(tpm.File{Path: name, Link: link, Content: func() ([]byte, error) { return []byte(text), nil }})
	}
	return i
}

// with are the files with others; "" for a text takes one out.
func (f files) with(names ...string) files {
	out := files{}
	for name, text := range f {
		out[name] = text
	}
	for n := 0; n < len(names); n += 2 {
		if out[names[n]] = names[n+1]; names[n+1] == "" {
			delete(out, names[n])
		}
	}
	return out
}

func unit(f files, name, text string) files {
	return f.with("/usr/lib/systemd/system/"+name, text, "usr/lib/systemd/system/sysinit.target.wants/"+name, "-> ../"+name)
}

// measuring is an initrd of systemd 262.
func measuring() files {
	f := files{"etc/initrd-release": "x", "usr/lib/systemd/system-generators/systemd-debug-generator": "x"}
	f = unit(f, "systemd-pcrosseparator.service", separator)
	f = unit(f, "systemd-pcrphase-initrd.service", phase)
	return unit(f, "systemd-pcrnvdone.service", nvDone)
}

// running is the recorded machine, booted from a measured UKI by firmware.
func running(t testing.TB) tpm.Machine {
	return tpm.Machine{Banks: recordedBanks(t, "running"), Stub: true, Firmware: true, Ready: true, Sysinit: true, FirmwareBoot: true, Masks: true}
}

// Every value that is predicted from the running system is the one that the TPM
// had when the words were extended.
func TestPredictedValuesAreThoseOfATPM(t *testing.T) {
	for name, line := range map[string]string{"measured": "quiet", "unmeasured": "systemd.tpm2_measured_os=no"} {
		p := tpm.Predict(running(t), tpm.Boot{Cmdline: line, Initrd: measuring().initrd()})
		assert.Equal(t, name == "measured", p.Measured)
		for bank, values := range recordedBanks(t, name) {
			for n, value := range values {
				assert.Equal(t, hex.EncodeToString(value), hex.EncodeToString(p.Banks[bank][n].Next), "%s %s %d", name, bank, n)
				assert.Empty(t, p.Banks[bank][n].Unknown)
			}
		}
	}
}

// Every token does what it did with the TPM: none, 7, 0+7, 4, 9, 11, 12, 14, 15,
// 7+14, 7 with PIN, signed 11, 7 and signed 11 with PIN.
func TestTokensDoWhatTheyDidWithATPM(t *testing.T) {
	signed := measuring().with(".extra/tpm2-pcr-signature.json", string(readRecorded(t, "pcrsig.json"))).initrd()
	plain := files{".extra/tpm2-pcr-signature.json": string(readRecorded(t, "pcrsig.json"))}.initrd()
	for name, boot := range map[string]tpm.Boot{
		"enrolled":   {Initrd: plain, Force: true},
		"unmeasured": {Initrd: signed, Cmdline: "systemd.tpm2_measured_os=no"},
		"measured":   {Initrd: signed},
	} {
		m := running(t)
		if name == "enrolled" {
			m.Banks = recordedBanks(t, "enrolled")
		}
		opened := map[int]bool{}
		for _, token := range recordedTokens(t) {
			r := tpm.Check(m, boot, []tpm.Volume{{Name: "root", Initrd: true, Header: luks2.Header{Tokens: []luks2.Token{token}}}})
			require.Len(t, r.Findings, 1)
			assert.Equal(t, "root", r.Findings[0].Volume)
			require.Contains(t, []string{"tpm2-opens", "tpm2-unlock"}, string(r.Findings[0].ID), r.Findings[0])
			opened[token.Number] = r.Findings[0].ID == tpm.Opens
		}
		seen := 0
		for line := range strings.Lines(string(readRecorded(t, name+".tokens"))) {
			var n int
			var outcome string
			_, err := fmt.Sscan(line, &n, &outcome)
			require.NoError(t, err)
			assert.Equal(t, outcome == "opens", opened[n], "%s: token %d", name, n)
			seen++
		}
		assert.Equal(t, 13, seen)
	}
}

// The pins of clevis: no PCRs, 7, SHA-1 of 0 and 7, 7 and 15, one of 7 and 15.
func TestClevisPins(t *testing.T) {
	want := map[string][]string{"enrolled": {"opens", "opens", "opens", "opens", "opens"}, "unmeasured": {"opens", "opens", "opens", "unlock", "opens"},
		"measured": {"opens", "unlock", "unlock", "unlock", "unlock"}}
	for state, outcomes := range want {
		m := tpm.Machine{Banks: recordedBanks(t, state)}
		for n, line := range strings.Fields(string(readRecorded(t, "clevis"))) {
			v := readVolume(t, fmt.Sprintf(`{"tokens":{"0":{"type":"clevis","jwe":{"protected":%q}}}}`, line))
			r := tpm.Check(m, tpm.Boot{}, []tpm.Volume{v})
			require.Len(t, r.Findings, 1)
			assert.Equal(t, "tpm2-"+outcomes[n], string(r.Findings[0].ID), "%s: %d: %s", state, n, r.Findings[0])
		}
	}
}

// readVolume is a volume whose header has this JSON.
func readVolume(t testing.TB, json string) tpm.Volume {
	t.Helper()
	v := tpm.Volume{Name: "root", Source: "UUID=5F1D", Initrd: true}
	v.ReadHeader(fstest.MapFS{"dev/disk/by-uuid/5f1d": {Data: headerOf(json)}})
	require.NoError(t, v.Err)
	return v
}

// headerOf is a primary header of 16 KiB.
func headerOf(json string) []byte {
	b := make([]byte, 16<<10)
	copy(b, "LUKS\xba\xbe\x00\x02")
	binary.BigEndian.PutUint64(b[8:], uint64(len(b)))
	copy(b[72:], "sha256")
	copy(b[4096:], json)
	sum := sha256.Sum256(b)
	copy(b[448:], sum[:])
	return b
}
