package secureboot

import (
	"bytes"
	"crypto"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

// vars are EFI variables of shim's, by name.
func vars(t *testing.T, contents map[string]string) efivar.Vars {
	t.Helper()
	v := efivar.Vars{Dir: t.TempDir()}
	for name, content := range contents {
		vendor := shimVendor
		if name == "db" || name == "dbx" {
			vendor = securityVendor
		}
		require.NoError(t, os.WriteFile(filepath.Join(v.Dir, name+"-"+vendor), []byte("\x06\x00\x00\x00"+content), 0o600))
	}
	return v
}

// TestReadVariables: one of shim's variables shows that shim is there, and a switch is
// on where it is the one byte 1.
func TestReadVariables(t *testing.T) {
	for name, tt := range map[string]struct {
		contents map[string]string
		want     Variables
	}{
		"none":                {nil, Variables{}},
		"firmware's":          {map[string]string{"db": "d", "dbx": "x"}, Variables{DB: []byte("d"), DBX: []byte("x")}},
		"empty is not absent": {map[string]string{"dbx": "", "MokListRT": ""}, Variables{DBX: []byte{}, MokList: []byte{}, Shim: true}},
		"MokListXRT":          {map[string]string{"MokListXRT": "x"}, Variables{MokListX: []byte("x"), Shim: true}},
		"SbatLevelRT":         {map[string]string{"SbatLevelRT": "s"}, Variables{SBATLevel: []byte("s"), Shim: true}},
		"validation is off":   {map[string]string{"MokSBStateRT": "\x01"}, Variables{Shim: true, NoValidation: true}},
		"validation is on":    {map[string]string{"MokSBStateRT": "\x00"}, Variables{Shim: true}},
		"db is left out":      {map[string]string{"MokIgnoreDB": "\x01"}, Variables{Shim: true, IgnoreDB: true}},
		"longer switches":     {map[string]string{"MokSBStateRT": "\x01\x00", "MokIgnoreDB": "\x01\x01"}, Variables{Shim: true}},
		"empty switches":      {map[string]string{"MokSBStateRT": "", "MokIgnoreDB": ""}, Variables{Shim: true}},
		"in parts":            {map[string]string{"MokListRT": "a", "MokListRT1": "b", "MokListRT2": "c", "MokListRT4": "e"}, Variables{MokList: []byte("abc"), Shim: true}},
		"a part alone":        {map[string]string{"MokListRT1": "b"}, Variables{}},
	} {
		got, err := ReadVariables(vars(t, tt.contents))
		require.NoError(t, err, name)
		assert.Equal(t, tt.want, got, name)
	}
}

// TestReadVariablesFails: one that is there and cannot be read is never as if it were
// not there, whichever it is.
func TestReadVariablesFails(t *testing.T) {
	for _, name := range []string{"db", "dbx", "MokListRT", "MokListRT1", "MokListXRT", "MokListXRT1", "SbatLevelRT", "MokSBStateRT", "MokIgnoreDB"} {
		contents := map[string]string{"db": "d", "MokListRT": "a", "MokListXRT": "b", name: ""}
		v := vars(t, contents)
		paths, err := filepath.Glob(filepath.Join(v.Dir, name+"-*"))
		require.NoError(t, err)
		require.Len(t, paths, 1, name)
		require.NoError(t, os.Remove(paths[0]))
		require.NoError(t, os.Mkdir(paths[0], 0o700))
		got, err := ReadVariables(v)
		require.ErrorContains(t, err, "not a regular file", name)
		assert.Equal(t, Variables{}, got, name)
	}
}

// TestNew: each variable that cannot be used is named, and shim's count where shim is.
func TestNew(t *testing.T) {
	unusable := fixtures.SignatureList(typeSHA256, make([]byte, 31))
	for name, tt := range map[string]struct {
		v    Variables
		want string
	}{
		"db":                   {Variables{DB: []byte{1}}, "EFI variable db: byte 0: not an EFI signature list: 1 bytes are left"},
		"dbx":                  {Variables{DBX: []byte{1, 2}}, "EFI variable dbx: byte 0: not an EFI signature list: 2 bytes are left"},
		"MokListRT":            {Variables{Shim: true, MokList: []byte{1}}, "EFI variable MokListRT: byte 0: not an EFI signature list: 1 bytes are left"},
		"MokListXRT":           {Variables{Shim: true, MokListX: []byte{1}}, "EFI variable MokListXRT: byte 0: not an EFI signature list: 1 bytes are left"},
		"SbatLevelRT":          {Variables{Shim: true, SBATLevel: []byte("shim,1\n\nx")}, "EFI variable SbatLevelRT: line 2: not SBAT"},
		"without shim":         {Variables{MokList: []byte{1}, MokListX: []byte{1}, SBATLevel: []byte("x")}, ""},
		"unusable, allows":     {Variables{Shim: true, DB: unusable, MokList: unusable}, ""},
		"unusable, dbx":        {Variables{DBX: slices.Concat(fixtures.SignatureList(typeSHA1, make([]byte, 20)), unusable)}, "EFI variable dbx: entry 1 of type " + typeSHA256 + ": 31 bytes long, want 32"},
		"unusable, MokListXRT": {Variables{Shim: true, MokListX: unusable}, "EFI variable MokListXRT: entry 1 of type " + typeSHA256 + ": 31 bytes long, want 32"},
	} {
		d, err := New(tt.v)
		if tt.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.EqualError(t, err, tt.want, name)
		assert.Equal(t, Databases{}, d, "%s: refuses every image", name)
	}
}

// TestAlgorithms: SHA-256 always, shim's SHA-1, and what a database forbids by.
func TestAlgorithms(t *testing.T) {
	long := fixtures.SignatureList(typeSHA512, make([]byte, 64))
	for name, tt := range map[string]struct {
		v    Variables
		want []crypto.Hash
	}{
		"nothing":              {Variables{}, []crypto.Hash{crypto.SHA256}},
		"shim":                 {Variables{Shim: true}, []crypto.Hash{crypto.SHA256, crypto.SHA1}},
		"dbx":                  {Variables{DBX: long}, []crypto.Hash{crypto.SHA256, crypto.SHA512}},
		"MokListXRT":           {Variables{Shim: true, MokListX: long}, []crypto.Hash{crypto.SHA256, crypto.SHA1, crypto.SHA512}},
		"no shim's MokListXRT": {Variables{MokListX: long}, []crypto.Hash{crypto.SHA256}},
		"what allows":          {Variables{DB: long}, []crypto.Hash{crypto.SHA256}},
	} {
		d, err := New(tt.v)
		require.NoError(t, err, name)
		got := slices.Collect(maps.Keys(d.algorithms([][]byte{[]byte("no message")})))
		assert.ElementsMatch(t, tt.want, got, name)
	}
}

// TestClassify: what the file is to blame for is a refusal with a hint, other errors stay
// what they are.
func TestClassify(t *testing.T) {
	for _, blame := range []error{uki.ErrNotPE, uki.ErrTruncated, uki.ErrNotHashable, uki.ErrTooLarge} {
		err := classify(fmt.Errorf("x: %w", blame))
		assert.Equal(t, Malformed, reasonOf(err))
		assert.EqualError(t, err, "x: "+blame.Error())
		assert.ErrorIs(t, err, blame)
		assert.Equal(t, "install or update the package that it comes from", hint.Of(err))
	}
	for _, other := range []error{io.ErrUnexpectedEOF, fixtures.ErrDisk, refuse(Outdated, "old")} {
		assert.Same(t, other, classify(other))
	}
	assert.Empty(t, reasonOf(fixtures.ErrDisk))
	assert.Empty(t, reasonOf(nil))
}

// TestHints: who may sign an image is told so; a new one helps against the rest.
func TestHints(t *testing.T) {
	for reason, want := range map[Reason]string{Malformed: "update", Outdated: "update", Forbidden: "update", Unsigned: "sbctl sign", Untrusted: "sbctl sign"} {
		assert.Contains(t, hint.Of(refuse(reason, "x")), want, reason)
	}
}

// TestPKCS7Data: the message in an entry of a certificate table, without what pads it.
func TestPKCS7Data(t *testing.T) {
	guid, other := fixtures.GUID(typePKCS7), fixtures.GUID(typeX509)
	der := []byte{0x30, 2, 5, 0}
	for name, tt := range map[string]struct {
		entry uki.Certificate
		want  []byte // nil: the firmware skips it
	}{
		"PKCS#7":            {uki.Certificate{Type: uki.CertificatePKCS, Data: der}, der},
		"padded":            {uki.Certificate{Type: uki.CertificatePKCS, Data: slices.Concat(der, make([]byte, 7))}, der},
		"no DER":            {uki.Certificate{Type: uki.CertificatePKCS, Data: []byte{0x30, 0x80, 0, 0}}, []byte{0x30, 0x80, 0, 0}},
		"by GUID":           {uki.Certificate{Type: uki.CertificateGUID, Data: slices.Concat(guid, der, []byte{0})}, der},
		"by another GUID":   {uki.Certificate{Type: uki.CertificateGUID, Data: slices.Concat(other, der)}, nil},
		"a GUID alone":      {uki.Certificate{Type: uki.CertificateGUID, Data: guid}, nil},
		"cut in the GUID":   {uki.Certificate{Type: uki.CertificateGUID, Data: guid[:15]}, nil},
		"the GUID, no such": {uki.Certificate{Type: 1, Data: slices.Concat(guid, der)}, nil},
		"of an unused type": {uki.Certificate{Type: 1, Data: der}, nil},
	} {
		got, ok := pkcs7Data(tt.entry)
		assert.Equal(t, tt.want != nil, ok, name)
		assert.Equal(t, tt.want, got, name)
	}
}

// TestDERLength: X.690, 8.1.3, with tags of one byte and definite lengths up to 3 bytes.
func TestDERLength(t *testing.T) {
	fill := func(n int, head ...byte) []byte { return append(head, bytes.Repeat([]byte{0xff}, n)...) }
	for name, tt := range map[string]struct {
		b         []byte
		length, n int
	}{
		"empty":             {nil, 0, 0},
		"a tag alone":       {[]byte{5}, 0, 0},
		"no content":        {[]byte{5, 0}, 0, 2},
		"127 bytes":         {fill(127, 4, 127), 127, 2},
		"one is missing":    {fill(126, 4, 127), 0, 0},
		"more follows":      {fill(9, 4, 1), 1, 2},
		"128 bytes":         {fill(128, 4, 0x81, 128), 128, 3},
		"258 bytes":         {fill(258, 4, 0x82, 1, 2), 258, 4},
		"65793 bytes":       {fill(65793, 4, 0x83, 1, 1, 1), 65793, 5},
		"a length is cut":   {[]byte{4, 0x82, 1}, 0, 0},
		"indefinite":        {fill(200, 0x30, 0x80), 0, 0},
		"of 4 bytes":        {fill(9, 4, 0x84, 0, 0, 0, 1), 0, 0},
		"tag of more bytes": {fill(9, 0x1f, 0x01, 0x01), 0, 0},
	} {
		length, n := derLength(tt.b)
		assert.Equal(t, []int{tt.length, tt.n}, []int{length, n}, name)
	}
}
