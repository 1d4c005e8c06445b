package policy

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// publicKey is PEM of an RSA key with a modulus of that many bits: all ones, which no
// one can sign with, but which has a name.
func publicKey(t testing.TB, bits, exponent int) []byte {
	t.Helper()
	n := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(bits)), big.NewInt(1))
	return publicPEM(t, &rsa.PublicKey{N: n, E: exponent})
}

func publicPEM(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// TestNamesOfKeys: the name is 000b and the digest of TPMT_PUBLIC: type, name
// algorithm, attributes, no policy, TPMS_RSA_PARMS, modulus (Part 2, 12.2.4).
func TestNamesOfKeys(t *testing.T) {
	for name, c := range map[string]struct {
		bits, exponent int
		parameters     string // key bits, exponent; then the size of the modulus
		without        string // with 0 in place of the exponent
	}{
		"1024": {1024, 65537, "0400" + "00010001" + "0080", "0400" + "00000000" + "0080"},
		"2048": {2048, 65537, "0800" + "00010001" + "0100", "0800" + "00000000" + "0100"},
		"4096": {4096, 65537, "1000" + "00010001" + "0200", "1000" + "00000000" + "0200"},
		"3":    {2048, 3, "0800" + "00000003" + "0100", "0800" + "00000000" + "0100"},
	} {
		key, err := ParseKey(publicKey(t, c.bits, c.exponent))
		require.NoError(t, err, name)
		modulus := hex.EncodeToString(bytes.Repeat([]byte{0xff}, c.bits/8))
		const head = "0001" + "000b" + "00060040" + "0000" + "0010" + "0010"
		var want [][]byte
		for _, parameters := range []string{c.parameters, c.without} {
			sum := digestOf(t, head, parameters, modulus)
			want = append(want, append([]byte{0, 0x0b}, sum[:]...))
		}
		assert.Equal(t, want, key.Names, name)
	}
}

// TestFingerprintOfKey is of the PKCS#1 form, not of what the PEM holds.
func TestFingerprintOfKey(t *testing.T) {
	text := publicKey(t, 2048, 65537)
	key, err := ParseKey(text)
	require.NoError(t, err)
	der, err := asn1.Marshal(struct {
		N *big.Int
		E int
	}{key.key.N, key.key.E})
	require.NoError(t, err)
	assert.Equal(t, sha256.Sum256(der), [sha256.Size]byte(key.Fingerprint))
	framed, err := ParseKey(append(append([]byte("a comment\n"), text...), publicKey(t, 1024, 3)...))
	require.NoError(t, err)
	assert.Equal(t, key, framed, "the first block counts")
}

func TestKeysThatNoTPMTakes(t *testing.T) {
	const size = "not an RSA public key of 1024 to 4096 bits"
	curve, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), generator(elliptic.P256()))
	require.NoError(t, err)
	for want, list := range map[string][][]byte{
		size:                            {publicKey(t, 1016, 65537), publicKey(t, 1023, 65537), publicKey(t, 1025, 65537), publicKey(t, 2047, 65537), publicKey(t, 4097, 65537), publicKey(t, 4104, 65537), publicPEM(t, curve)},
		"not an RSA public key: no PEM": {nil, []byte("ssh-rsa AAAA"), publicKey(t, 2048, 65537)[1:]},
	} {
		for n, text := range list {
			key, err := ParseKey(text)
			require.ErrorIs(t, err, ErrKey)
			assert.EqualError(t, err, want, n)
			assert.Equal(t, Key{}, key)
		}
	}
	_, err = ParseKey(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{0x30, 0}}))
	require.ErrorIs(t, err, ErrKey)
	assert.ErrorContains(t, err, "not an RSA public key: ", "and what x509 says")
}

// generator is the base point of a curve.
func generator(curve elliptic.Curve) []byte {
	p := curve.Params()
	return slices.Concat([]byte{4}, p.Gx.FillBytes(make([]byte, 32)), p.Gy.FillBytes(make([]byte, 32)))
}

// nvPublic is TPM2B_NV_PUBLIC of an index with an empty policy.
func nvPublic(algorithm uint16, attributes uint32) []byte {
	b := []byte{0, 14, 0x01, 0x80, 0, 0x42}
	b = binary.BigEndian.AppendUint16(b, algorithm)
	b = binary.BigEndian.AppendUint32(b, attributes)
	return append(b, 0, 0, 0, 34)
}

// TestNamesOfIndexes: every attribute is part of the name, but for the one that the
// first write sets.
func TestNamesOfIndexes(t *testing.T) {
	const written = 1 << 29
	base := NVName(nvPublic(0x000b, 0))
	sum := digestOf(t, "01800042", "000b", "20000000", "0000", "0022")
	assert.Equal(t, append([]byte{0, 0x0b}, sum[:]...), base)
	for bit := range 32 {
		name := NVName(nvPublic(0x000b, 1<<bit))
		assert.Equal(t, 1<<bit == written, bytes.Equal(base, name), "attribute %d", bit)
	}
	for _, algorithm := range []uint16{0, 0x0004, 0x000a, 0x000c, 0x0b00} {
		assert.Nil(t, NVName(nvPublic(algorithm, written)), fmt.Sprintf("algorithm %#x", algorithm))
	}
}

// TestSizesOfStructures: the size in front of a TPM2B is that of all the rest.
func TestSizesOfStructures(t *testing.T) {
	nv := nvPublic(0x000b, 0)
	object := append([]byte{0, 46, 0, 8, 0, 0x0b, 0, 0, 0, 0x12, 0, 32}, append(make([]byte, 32), 0, 0x10, 0, 0)...)
	want := Digest{31: 9}
	copy(object[12:], want[:])
	got, ok := ObjectPolicy(object)
	require.True(t, ok)
	require.Equal(t, want, got)
	for name, whole := range map[string][]byte{"NV index": nv, "object": object} {
		for n := range len(whole) {
			assert.Nil(t, NVName(whole[:n]), "%s, %d bytes", name, n)
			_, ok := ObjectPolicy(whole[:n])
			assert.False(t, ok, "%s, %d bytes", name, n)
		}
		longer := append(bytes.Clone(whole), 0)
		assert.Nil(t, NVName(longer), name)
		_, ok := ObjectPolicy(longer)
		assert.False(t, ok, name)
	}
	for n := range 12 { // with a size that fits: too short for a name algorithm and a policy
		short := append([]byte{0, byte(n)}, bytes.Repeat([]byte{0, 0x0b}, 6)[:n]...)
		assert.Equal(t, n >= 10, NVName(short) != nil, n)
	}
}

// TestDigestSizesOfObjects: a policy is none, or a SHA-256 that is there whole.
func TestDigestSizesOfObjects(t *testing.T) {
	object := func(size uint16, rest int) []byte {
		b := []byte{0, byte(10 + rest), 0, 8, 0, 0x0b, 0, 0, 0, 0x12}
		return append(binary.BigEndian.AppendUint16(b, size), bytes.Repeat([]byte{5}, rest)...)
	}
	full := Digest(bytes.Repeat([]byte{5}, 32))
	for name, c := range map[string]struct {
		size uint16
		rest int
		want Digest
		ok   bool
	}{
		"none":           {0, 0, Digest{}, true},
		"none, and more": {0, 40, Digest{}, true},
		"exact":          {32, 32, full, true},
		"and more":       {32, 36, full, true},
		"cut":            {32, 31, Digest{}, false},
		"SHA-1":          {20, 36, Digest{}, false},
		"a byte less":    {31, 36, Digest{}, false},
		"a byte more":    {33, 36, Digest{}, false},
		"largest":        {0xffff, 36, Digest{}, false},
	} {
		got, ok := ObjectPolicy(object(c.size, c.rest))
		assert.Equal(t, c.ok, ok, name)
		assert.Equal(t, c.want, got, name)
	}
}
