package preflight_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

// certificate makes one in DER; empty identifiers are left out.
func certificate(t testing.TB, name string, own, issuer []byte) []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{Organization: []string{"Org"}, CommonName: name}, NotAfter: time.Unix(1<<32, 0), SubjectKeyId: own,
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name + " CA"}, SubjectKeyId: issuer}
	der, err := x509.CreateCertificate(rand.Reader, c, ca, key.Public(), key)
	require.NoError(t, err)
	return der
}

// table is a certificate table with one PKCS#7 message of these certificates.
func table(t testing.TB, certificates ...[]byte) []byte {
	raw := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true}
	for _, c := range certificates {
		raw.Bytes = append(raw.Bytes, c...)
	}
	set := asn1.RawValue{Tag: asn1.TagSet, IsCompound: true}
	signed := struct {
		Version      int
		Digests      asn1.RawValue
		Content      struct{ Type asn1.ObjectIdentifier }
		Certificates asn1.RawValue
		Signers      asn1.RawValue
	}{Version: 1, Digests: set, Certificates: raw, Signers: set}
	signed.Content.Type = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 2, 1, 4}
	inner, err := asn1.Marshal(signed)
	require.NoError(t, err)
	der, err := asn1.Marshal(struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: inner}})
	require.NoError(t, err)
	return wrap(2, der)
}

// wrap puts a WIN_CERTIFICATE around it, padded to 8 bytes.
func wrap(kind uint16, content []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(8+len(content)))
	b = binary.LittleEndian.AppendUint16(b, 0x0200)
	b = append(binary.LittleEndian.AppendUint16(b, kind), content...)
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return b
}

func TestParseSignature(t *testing.T) {
	own, issuer := []byte{0x14, 0x01, 0xff}, []byte{0x6c, 0xce, 0x00}
	a, b := certificate(t, "Signer", own, issuer), certificate(t, "Second", []byte{1}, []byte{2})
	for name, v := range map[string]struct {
		table []byte
		want  preflight.Signature
	}{
		"not signed":       {nil, preflight.Signature{Known: true}},
		"one":              {table(t, a), preflight.Signature{Known: true, Signed: true, Signer: "Signer", Keys: []string{"1401ff", "6cce00"}}},
		"chain":            {table(t, a, b), preflight.Signature{Known: true, Signed: true, Signer: "Signer", Keys: []string{"1401ff", "6cce00", "01", "02"}}},
		"two messages":     {append(table(t, a), table(t, b)...), preflight.Signature{Known: true, Signed: true, Signer: "Signer", Keys: []string{"1401ff", "6cce00", "01", "02"}}},
		"no issuer":        {table(t, certificate(t, "Signer", own, nil)), preflight.Signature{Known: true, Signed: true, Signer: "Signer", Keys: []string{"1401ff"}, Partial: true}},
		"no certificate":   {table(t), preflight.Signature{Known: true, Signed: true, Keys: []string{}, Partial: true}},
		"one of two lacks": {append(table(t), table(t, b)...), preflight.Signature{Known: true, Signed: true, Signer: "Second", Keys: []string{"01", "02"}, Partial: true}},
		"another kind":     {wrap(1, []byte("X.509")), preflight.Signature{Known: true}},
	} {
		got, err := preflight.ParseSignature(v.table)
		require.NoError(t, err, name)
		if len(got.Keys) == 0 && len(v.want.Keys) == 0 {
			got.Keys, v.want.Keys = nil, nil
		}
		assert.Equal(t, v.want, got, name)
	}
}

func TestParseSignatureBroken(t *testing.T) {
	good := table(t, certificate(t, "Signer", []byte{1}, []byte{2}))
	for name, b := range map[string][]byte{
		"cut":            good[:len(good)-16],
		"length 0":       append([]byte{0, 0, 0, 0}, good[4:]...),
		"length of 4 GB": append([]byte{255, 255, 255, 255}, good[4:]...),
		"no ASN.1":       wrap(2, []byte("hello, world")),
		"empty message":  wrap(2, nil),
		"no certificate": table(t, []byte{0x30, 0x03, 2, 1, 1}),
		"nothing inside": wrap(2, []byte("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x00")),
	} {
		got, err := preflight.ParseSignature(b)
		assert.ErrorContains(t, err, "malformed signature", name)
		assert.Equal(t, preflight.Signature{}, got, name)
	}
}

// FuzzParseSignature holds that there is a result exactly when there is no
// error, that it can be used as a key, and that what is after a table
// changes nothing but what it adds.
func FuzzParseSignature(f *testing.F) {
	f.Add([]byte{})
	f.Add(table(f, certificate(f, "Signer", []byte{1}, []byte{2})))
	f.Add(append(table(f), wrap(1, nil)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := preflight.ParseSignature(b)
		require.Equal(t, err == nil, s.Known)
		if err != nil {
			require.Equal(t, preflight.Signature{}, s)
			return
		}
		for _, key := range s.Keys {
			require.NotEmpty(t, key)
			require.Empty(t, strings.Trim(key, "0123456789abcdef"))
		}
		require.False(t, !s.Signed && (len(s.Keys) > 0 || s.Partial))
	})
}
