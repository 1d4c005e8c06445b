package luks2

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// header is one valid header of 16 KiB.
func header(magic string, at int64, sequence uint64, json string) []byte {
	b := make([]byte, minSize)
	copy(b, magic)
	binary.BigEndian.PutUint16(b[6:], 2)
	binary.BigEndian.PutUint64(b[8:], minSize)
	binary.BigEndian.PutUint64(b[16:], sequence)
	copy(b[72:], "sha256")
	copy(b[168:], "uuid-1")
	binary.BigEndian.PutUint64(b[256:], uint64(at))
	copy(b[binarySize:], json)
	sum := sha256.Sum256(b)
	copy(b[checksumAt:], sum[:])
	return b
}

// both are two headers, the secondary of which is newer by some steps.
func both(json, other string, newer uint64) []byte {
	return append(header(primary, 0, 5, json), header(secondary, minSize, 5+newer, other)...)
}

func recorded(t testing.TB) []byte {
	t.Helper()
	f, err := os.Open("../testdata/volume.gz") // by fixtures/tpm.sh
	require.NoError(t, err)
	defer f.Close()
	r, err := gzip.NewReader(f)
	require.NoError(t, err)
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return b
}

func TestReadHeaderOfCryptsetup(t *testing.T) {
	h, err := Read(bytes.NewReader(recorded(t)))
	require.NoError(t, err)
	assert.Equal(t, "5f1d6a3e-0000-4000-8000-000000000019", h.UUID)
	require.Len(t, h.Tokens, 13)
	last := h.Tokens[12]
	assert.Equal(t, 12, last.Number)
	assert.Equal(t, "systemd-tpm2", last.Type)
	require.NoError(t, last.Err)
	assert.Equal(t, []int{7}, last.TPM2.PCRs)
	assert.Equal(t, []int{11}, last.TPM2.PublicKeyPCRs)
	assert.True(t, last.TPM2.PIN)
	assert.Equal(t, "sha256", last.TPM2.Bank)
	assert.Contains(t, string(last.TPM2.PublicKey), "BEGIN PUBLIC KEY")
	assert.Len(t, last.TPM2.PolicyHashes, 1)
	assert.Equal(t, []int{0, 7}, h.Tokens[2].TPM2.PCRs)
}

func TestReadChoosesHeader(t *testing.T) {
	const one, two = `{"tokens":{"1":{"type":"a"}}}`, `{"tokens":{"2":{"type":"b"}}}`
	damaged := func(b []byte, at ...int) []byte {
		for _, n := range at {
			b[n] ^= 1
		}
		return b
	}
	for name, c := range map[string]struct {
		volume []byte
		token  int // -1 for an error
		err    error
	}{
		"equal":             {both(one, two, 0), 1, nil},
		"newer secondary":   {both(one, two, 1), 2, nil},
		"damaged primary":   {damaged(both(one, two, 0), 5000), 2, nil},
		"wiped primary":     {append(make([]byte, minSize), both(one, two, 0)[minSize:]...), 2, nil},
		"size damaged":      {damaged(both(one, two, 0), 14), 2, nil},
		"damaged secondary": {damaged(both(one, two, 1), minSize+5000), 1, nil},
		"no secondary":      {both(one, two, 0)[:minSize], 1, nil},
		"malformed JSON":    {both("{", "{", 0), -1, ErrHeader},
		"number":            {both(`{"tokens":{"x":{}}}`, `{"tokens":{"-1":{}}}`, 0), -1, ErrHeader},
		"number 32":         {both(`{"tokens":{"32":{}}}`, `{"tokens":{"032":{}}}`, 0), -1, ErrHeader},
		"both damaged":      {damaged(both(one, two, 0), 5000, minSize+5000), -1, ErrHeader},
		"truncated":         {both(one, two, 0)[:minSize-1], -1, ErrHeader},
		"short":             {both(one, two, 0)[:100], -1, ErrHeader},
		"LUKS1":             {append([]byte("LUKS\xba\xbe\x00\x01"), make([]byte, 8192)...), -1, ErrNotLUKS2},
		"zeros":             {make([]byte, 8192), -1, ErrNotLUKS2},
		"empty":             {nil, -1, ErrNotLUKS2},
		"algorithm damaged": {damaged(both(one, two, 0), 72, minSize+72), -1, ErrHeader},
	} {
		h, err := Read(bytes.NewReader(c.volume))
		if c.token < 0 {
			assert.ErrorIs(t, err, c.err, name)
			assert.Equal(t, Header{}, h, name)
			continue
		}
		require.NoError(t, err, name)
		require.Len(t, h.Tokens, 1, name)
		assert.Equal(t, c.token, h.Tokens[0].Number, name)
	}
}

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errBroken }

var errBroken = errors.New("broken")

func TestReadError(t *testing.T) {
	_, err := Read(broken{})
	assert.ErrorIs(t, err, errBroken)
}

func TestTPM2Tokens(t *testing.T) {
	shards := parseToken([]byte(`{"type":"systemd-tpm2","tpm2-pcrs":[7,0,7],"tpm2-policy-hash":["aa","bb"],"tpm2_pcrlock":true,"tpm2_pubkey":"UEVN","tpm2_pubkey_pcrs":[11],"tpm2_pubkey_ref":"initrd"}`))
	require.NoError(t, shards.Err)
	assert.Equal(t, TPM2{PCRs: []int{0, 7}, PolicyHashes: [][]byte{{0xaa}, {0xbb}}, PublicKey: []byte("PEM"), PublicKeyPCRs: []int{11}, Ref: "initrd", PCRLock: true}, *shards.TPM2)
	for name, json := range map[string]string{
		"PCR 24":      `"tpm2-pcrs":[24],"tpm2-policy-hash":"aa"`,
		"PCR -1":      `"tpm2-pcrs":[-1],"tpm2-policy-hash":"aa"`,
		"signed 99":   `"tpm2_pubkey_pcrs":[99],"tpm2-policy-hash":"aa"`,
		"no hash":     `"tpm2-pcrs":[7]`,
		"empty hash":  `"tpm2-policy-hash":""`,
		"odd hash":    `"tpm2-policy-hash":["a"]`,
		"hash number": `"tpm2-policy-hash":1`,
		"PCR text":    `"tpm2-pcrs":"7","tpm2-policy-hash":"aa"`,
	} {
		token := parseToken([]byte(`{"type":"systemd-tpm2",` + json + `}`))
		assert.Error(t, token.Err, name)
		assert.Nil(t, token.TPM2, name)
		assert.Equal(t, "systemd-tpm2", token.Type, name)
	}
	assert.Error(t, parseToken([]byte(`7`)).Err)
}

func clevis(pin string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"clevis":` + pin + `}`))
}

func token(protected string) []byte {
	return []byte(`{"type":"clevis","jwe":{"protected":"` + protected + `"}}`)
}

func TestClevisTokens(t *testing.T) {
	for name, c := range map[string]struct {
		pin  string
		want Pin
	}{
		"string":  {`{"pin":"tpm2","tpm2":{"pcr_ids":"8,7","jwk_pub":"AAE="}}`, Pin{Name: "tpm2", PCRs: []int{7, 8}, Bank: "sha1", Public: []byte{0, 1}}},
		"list":    {`{"pin":"tpm2","tpm2":{"pcr_ids":["1", 7],"pcr_bank":"sha256"}}`, Pin{Name: "tpm2", PCRs: []int{1, 7}, Bank: "sha256", Public: []byte{}}},
		"number":  {`{"pin":"tpm2","tpm2":{"pcr_ids":7}}`, Pin{Name: "tpm2", PCRs: []int{7}, Bank: "sha1", Public: []byte{}}},
		"no PCRs": {`{"pin":"tpm2","tpm2":{"pcr_ids":""}}`, Pin{Name: "tpm2", Bank: "sha1", Public: []byte{}}},
		"network": {`{"pin":"tang"}`, Pin{Name: "tang"}},
		"some": {`{"pin":"sss","sss":{"t":2,"jwe":["` + clevis(`{"pin":"tang"}`) + `..x.y.z"]}}`,
			Pin{Name: "sss", Threshold: 2, Pins: []Pin{{Name: "tang"}}}},
	} {
		got := parseToken(token(clevis(c.pin)))
		require.NoError(t, got.Err, name)
		assert.Equal(t, c.want, *got.Clevis, name)
	}
	deep := clevis(`{"pin":"tang"}`)
	for range maxNesting + 1 {
		deep = clevis(`{"pin":"sss","sss":{"t":1,"jwe":["` + deep + `"]}}`)
	}
	for name, protected := range map[string]string{
		"junk": "!", "no JSON": "AA", "no pin": clevis(`{}`), "PCR 24": clevis(`{"pin":"tpm2","tpm2":{"pcr_ids":"24"}}`),
		"PCR x": clevis(`{"pin":"tpm2","tpm2":{"pcr_ids":"x"}}`), "too deep": deep,
	} {
		got := parseToken(token(protected))
		assert.Error(t, got.Err, name)
		assert.Nil(t, got.Clevis, name)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(both(`{"tokens":{}}`, "{", 1))
	f.Add(recorded(f)[:16<<10])
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Read(bytes.NewReader(b))
		if err != nil && (h.UUID != "" || h.Tokens != nil) {
			t.Fatal("a header with an error")
		}
		if err == nil && len(b) < minSize {
			t.Fatal("a header of less than the least size")
		}
	})
}

func FuzzTokens(f *testing.F) {
	f.Add([]byte(`{"tokens":{"0":{"type":"systemd-tpm2","tpm2-pcrs":[7],"tpm2-policy-hash":["aa"]},"3":` + string(token(clevis(`{"pin":"tpm2","tpm2":{"pcr_ids":"7"}}`))) + `}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		tokens, err := parseTokens(b)
		if err != nil && tokens != nil {
			t.Fatal("tokens with an error")
		}
		for _, got := range tokens {
			if got.Err != nil && (got.TPM2 != nil || got.Clevis != nil) {
				t.Fatal("a token with an error")
			}
			if got.TPM2 != nil && (len(got.TPM2.PolicyHashes) == 0 || strings.Contains(got.Type, "clevis")) {
				t.Fatalf("%+v", got)
			}
		}
	})
}

// TestChecksums are those that cryptsetup --hash makes; each covers each byte.
func TestChecksums(t *testing.T) {
	for name, sum := range map[string]func([]byte) []byte{
		"sha1":   func(b []byte) []byte { s := sha1.Sum(b); return s[:] },
		"sha256": func(b []byte) []byte { s := sha256.Sum256(b); return s[:] },
		"sha384": func(b []byte) []byte { s := sha512.Sum384(b); return s[:] },
		"sha512": func(b []byte) []byte { s := sha512.Sum512(b); return s[:] },
	} {
		b := header(primary, 0, 5, `{"tokens":{}}`)
		clear(b[checksumAt : checksumAt+checksumSize])
		clear(b[72:104])
		copy(b[72:], name)
		copy(b[checksumAt:], sum(b))
		_, err := Read(bytes.NewReader(b))
		require.NoError(t, err, name)
		for i := 0; i < len(b); i += 37 {
			if at := i - checksumAt; at >= len(sum(nil)) && at < checksumSize {
				continue // after the sum
			}
			b[i] ^= 4
			_, err := Read(bytes.NewReader(b))
			require.Error(t, err, "%s, byte %d", name, i)
			b[i] ^= 4
		}
	}
}

// TestReadFails in the middle of a header: that is no other kind of volume.
func TestReadFails(t *testing.T) {
	whole := header(primary, 0, 5, `{"tokens":{}}`)
	for _, n := range []int{8, 100, binarySize, binarySize + 1, minSize - 1} {
		_, err := Read(brokenAt{bytes.NewReader(whole[:n])})
		require.ErrorIs(t, err, errBroken, n)
		require.NotErrorIs(t, err, ErrNotLUKS2, n)
	}
}

// brokenAt is a volume that fails at its end.
type brokenAt struct{ r io.ReaderAt }

// ReadAt reads what is there.
func (b brokenAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := b.r.ReadAt(p, off)
	if errors.Is(err, io.EOF) {
		err = errBroken
	}
	return n, err
}

// TestSlots are those that may be wiped: of whole tokens of that policy alone.
func TestSlots(t *testing.T) {
	tokens, err := parseTokens([]byte(`{"tokens":{
		"0":{"type":"systemd-tpm2","keyslots":["1"],"tpm2-policy-hash":"aa"},
		"1":{"type":"systemd-tpm2","keyslots":["2"],"tpm2-policy-hash":["aa","bb"]},
		"2":{"type":"systemd-tpm2","keyslots":["3"],"tpm2-policy-hash":"bb"},
		"3":{"type":"systemd-tpm2","keyslots":["4","5"],"tpm2-policy-hash":["aa"]},
		"4":{"type":"other","keyslots":["6"],"tpm2-policy-hash":"aa"},
		"5":{"type":"systemd-tpm2","keyslots":["32"],"tpm2-policy-hash":"aa"},
		"6":{"type":"systemd-tpm2","keyslots":["x"],"tpm2-policy-hash":"aa"},
		"7":{"type":"systemd-tpm2","keyslots":["-1"],"tpm2-policy-hash":"aa"}}}`))
	require.NoError(t, err)
	h := Header{Tokens: tokens}
	assert.Equal(t, []int{1, 4, 5}, h.Slots([]byte{0xaa}))
	assert.Empty(t, h.Slots([]byte{0xcc}))
	assert.Empty(t, h.Slots(nil))
	for n := 5; n < 8; n++ {
		assert.ErrorContains(t, tokens[n].Err, "key slot")
	}
}

// TestMalformedClevis has JSON that is none of clevis.
func TestMalformedClevis(t *testing.T) {
	for name, raw := range map[string]string{
		"jwe is a text": `{"type":"clevis","jwe":"x"}`,
		"public key":    string(token(clevis(`{"pin":"tpm2","tpm2":{"pcr_ids":"7","jwk_pub":"!"}}`))),
		"a share":       string(token(clevis(`{"pin":"sss","sss":{"t":1,"jwe":["!"]}}`))),
	} {
		got := parseToken([]byte(raw))
		assert.Error(t, got.Err, name)
		assert.Nil(t, got.Clevis, name)
	}
}
