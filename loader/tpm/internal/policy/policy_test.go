package policy

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const recorded = "../../testdata/" // by fixtures/tpm.sh

func readRecorded(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(recorded + name)
	require.NoError(t, err)
	return b
}

// pcrValues are recorded PCRs of a bank.
func pcrValues(t testing.TB, name, bank string, pcrs ...int) map[int][]byte {
	t.Helper()
	all := map[string][]byte{}
	for line := range strings.Lines(string(readRecorded(t, name))) {
		f := strings.Fields(line)
		b, err := hex.DecodeString(f[2])
		require.NoError(t, err)
		all[f[0]+" "+f[1]] = b
	}
	values := map[int][]byte{}
	for _, n := range pcrs {
		values[n] = all[fmt.Sprintf("%s %d", bank, n)]
		require.NotNil(t, values[n])
	}
	return values
}

func digests(t testing.TB) map[string]string {
	t.Helper()
	var d map[string]string
	require.NoError(t, json.Unmarshal(readRecorded(t, "policy.json"), &d))
	return d
}

func text(d Digest) string { return hex.EncodeToString(d[:]) }

// The digests are those that a TPM computed in policy sessions.
func TestDigestsAreThoseOfATPM(t *testing.T) {
	want := digests(t)
	pcr7 := Digest{}.PCR(Selection{0x000b, pcrValues(t, "enrolled.pcrs", "sha256", 7)})
	assert.Equal(t, want["pcr7"], text(pcr7))
	assert.Equal(t, want["pcr7pin"], text(pcr7.AuthValue()))
	assert.Equal(t, want["sha1"], text(Digest{}.PCR(Selection{0x0004, pcrValues(t, "enrolled.pcrs", "sha1", 0, 7, 23)})))

	attributes, err := hex.DecodeString(want["nvattributes"])
	require.NoError(t, err)
	public := append([]byte{0, 14, 0x01, 0x80, 0, 0x42, 0, 0x0b}, attributes...)
	public = append(public, 0, 0, 0, 34)
	assert.Equal(t, want["nvname"], hex.EncodeToString(NVName(public)))
	assert.Equal(t, want["nv"], text(AuthorizeNV(NVName(public))))
	before := bytes.Clone(public)
	before[8] &^= nvWritten
	assert.Equal(t, want["nvname"], hex.EncodeToString(NVName(before)), "as it was before the first write")
	assert.Equal(t, byte(0), before[8]&nvWritten, "what is given is not changed")
	assert.Equal(t, want["nvpin"], text(AuthorizeNV(NVName(public)).AuthValue()))
}

func TestNoPCRsAreNoPolicy(t *testing.T) {
	assert.Equal(t, Digest{}, Digest{}.PCR(Selection{Algorithm: 0x000b}))
}

func TestParseKey(t *testing.T) {
	key, err := ParseKey(readRecorded(t, "pub.pem"))
	require.NoError(t, err)
	var names []string
	for _, n := range key.Names {
		names = append(names, hex.EncodeToString(n))
	}
	assert.Contains(t, names, digests(t)["keyname"])
	assert.Len(t, names, 2)
	for name, pem := range map[string]string{
		"empty": "", "no key": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"elliptic curve": "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----\n",
	} {
		_, err := ParseKey([]byte(pem))
		assert.ErrorIs(t, err, ErrKey, name)
	}
}

func TestReferenceChangesPolicy(t *testing.T) {
	assert.NotEqual(t, Authorize([]byte("n"), ""), Authorize([]byte("n"), "initrd"))
	assert.NotEqual(t, Authorize([]byte("n"), ""), Authorize([]byte("m"), ""))
}

// The signatures are systemd-measure's, of two phases.
func TestSignatures(t *testing.T) {
	key, err := ParseKey(readRecorded(t, "pub.pem"))
	require.NoError(t, err)
	banks, err := ParseSignatures(readRecorded(t, "pcrsig.json"))
	require.NoError(t, err)
	require.Len(t, banks["sha256"], 2)
	found := key.Signatures(banks["sha256"], []int{11}, "")
	require.Len(t, found, 2)
	pol := Digest{}.PCR(Selection{0x000b, pcrValues(t, "enrolled.pcrs", "sha256", 11)})
	assert.True(t, found[0].Policy == pol || found[1].Policy == pol, "the state at enrolment is the phase enter-initrd")
	assert.Empty(t, key.Signatures(banks["sha256"], []int{7, 11}, ""))
	assert.Empty(t, key.Signatures(banks["sha256"], []int{11}, "initrd"))

	for name, change := range map[string]func(*Signature){
		"policy":      func(s *Signature) { s.Policy[0]++ },
		"reference":   func(s *Signature) { s.Ref = "initrd" },
		"signature":   func(s *Signature) { s.Sig[0]++ },
		"fingerprint": func(s *Signature) { s.Fingerprint = strings.Repeat("0", 64) },
		"none":        func(s *Signature) { s.Sig = nil },
	} {
		s := found[0]
		s.Sig = append([]byte(nil), s.Sig...)
		change(&s)
		assert.Empty(t, key.Signatures([]Signature{s}, []int{11}, s.Ref), name)
	}
}

func TestMalformedSignatures(t *testing.T) {
	pol := strings.Repeat("00", 32)
	for name, text := range map[string]string{
		"empty":       "",
		"array":       "[]",
		"no policy":   `{"sha256":[{"pcrs":[11],"pkfp":"","pol":"","sig":""}]}`,
		"no base64":   `{"sha256":[{"pcrs":[11],"pkfp":"","pol":"` + pol + `","sig":"!"}]}`,
		"fingerprint": `{"sha256":[{"pcrs":[11],"pkfp":"x","pol":"` + pol + `","sig":""}]}`,
		"PCR 24":      `{"sha256":[{"pcrs":[24],"pkfp":"","pol":"` + pol + `","sig":""}]}`,
		"too many":    `{"sha256":[` + strings.Repeat(`{"pcrs":[11],"pkfp":"","pol":"`+pol+`","sig":""},`, maxSignatures) + `{"pol":"` + pol + `"}]}`,
		"PCR -1":      `{"sha256":[{"pcrs":[-1],"pkfp":"","pol":"` + pol + `","sig":""}]}`,
	} {
		banks, err := ParseSignatures([]byte(text))
		assert.ErrorIs(t, err, ErrSignatures, name)
		assert.Nil(t, banks, name)
	}
}

func TestObjectPolicy(t *testing.T) {
	object := func(nameAlg uint16, policy []byte) []byte {
		b := []byte{0, 8}
		b = binary.BigEndian.AppendUint16(b, nameAlg)
		b = append(b, 0, 0, 0, 0x12)
		b = binary.BigEndian.AppendUint16(b, uint16(len(policy)))
		b = append(append(b, policy...), 0, 0x10, 0, 0)
		return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
	}
	want := Digest{1, 2, 3}
	d, ok := ObjectPolicy(object(0x000b, want[:]))
	assert.True(t, ok)
	assert.Equal(t, want, d)
	d, ok = ObjectPolicy(object(0x000b, nil))
	assert.True(t, ok)
	assert.Equal(t, Digest{}, d)
	for name, b := range map[string][]byte{
		"empty": nil, "size": append(object(0x000b, want[:]), 0), "algorithm": object(0x0004, want[:]), "short": {0, 2, 0, 8}, "digest": object(0x000b, want[:20]),
	} {
		_, ok := ObjectPolicy(b)
		assert.False(t, ok, name)
		assert.True(t, name == "size" || NVName(b) == nil || len(NVName(b)) == 34, name)
	}
}

func FuzzParseSignatures(f *testing.F) {
	f.Add(readRecorded(f, "pcrsig.json"))
	f.Add([]byte(`{"sha256":[{"pcrs":[99]}]}`))
	key, err := ParseKey(readRecorded(f, "pub.pem"))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, b []byte) {
		banks, err := ParseSignatures(b)
		if (banks == nil) == (err == nil) {
			t.Fatalf("%v with %v", banks, err)
		}
		for _, all := range banks {
			for _, s := range all {
				for _, n := range s.PCRs {
					if n < 0 || n >= 24 {
						t.Fatalf("PCR %d", n)
					}
				}
				if got := key.Signatures([]Signature{s}, s.PCRs, s.Ref); len(got) > 1 {
					t.Fatal("more found than given")
				}
			}
		}
	})
}

func FuzzPublic(f *testing.F) {
	f.Add([]byte{0, 14, 0x01, 0x80, 0, 0x42, 0, 0x0b, 0x20, 0x0e, 0, 0x0a, 0, 0, 0, 34})
	f.Add([]byte{0, 10, 0, 8, 0, 0x0b, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := NVName(b); n != nil && len(n) != 34 {
			t.Fatalf("a name of %d bytes", len(n))
		}
		if d, ok := ObjectPolicy(b); !ok && d != (Digest{}) {
			t.Fatal("a policy with an error")
		}
	})
}
