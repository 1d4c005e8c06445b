package secureboot

import (
	"bytes"
	"crypto"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kexec-bls/kexec-bls/fixtures"
)

// FuzzSignatureLists holds: lists or an error; what was parsed, written anew
// without headers, is parsed the same; a database that forbids is an error or
// has as many entries at most as the lists.
func FuzzSignatureLists(f *testing.F) {
	f.Add(fixtures.SignatureList(typeSHA256, make([]byte, 32), make([]byte, 32)))
	f.Add(fixtures.SignatureList(typeX509SHA256, make([]byte, 48)))
	f.Add(slices.Concat(fixtures.SignatureList(typeX509, []byte("der")), fixtures.SignatureList(typeSHA1, make([]byte, 20))))
	f.Fuzz(func(t *testing.T, b []byte) {
		lists, err := parseSignatureLists(b)
		if (err != nil || len(b) == 0) != (lists == nil) {
			t.Fatalf("%v with error %v", lists, err)
		}
		var again []byte
		for _, list := range lists {
			if len(list.entries) > 0 {
				again = append(again, fixtures.SignatureList(list.guid, list.entries...)...)
			}
		}
		parsed, err := parseSignatureLists(again)
		if err != nil {
			t.Fatal(err)
		}
		lists = slices.DeleteFunc(lists, func(l signatureList) bool { return len(l.entries) == 0 })
		if !slices.EqualFunc(lists, parsed, func(a, b signatureList) bool {
			return a.guid == b.guid && slices.EqualFunc(a.entries, b.entries, bytes.Equal)
		}) {
			t.Fatalf("%v parsed again as %v", lists, parsed)
		}
		_, _ = parseDatabase("dbx", b, true)
	})
}

// FuzzVerify holds: no change of a signed image but that of its checksum or its
// certificate table leaves it allowed, and nothing allows an image that was
// not.
func FuzzVerify(f *testing.F) {
	dir := fixtures.Corpus(f, "secureboot.tar.zst")
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	d, err := New(Variables{DB: read("db"), DBX: read("dbx")})
	if err != nil {
		f.Fatal(err)
	}
	signed := map[string]bool{}
	paths, err := filepath.Glob(filepath.Join(dir, "*.efi"))
	if err != nil || len(paths) == 0 {
		f.Fatal(paths, err)
	}
	for _, path := range paths {
		b := read(filepath.Base(path))
		f.Add(b)
		i, err := d.inspect(bytes.NewReader(b), int64(len(b)))
		if err == nil && (d.Verify(bytes.NewReader(b), int64(len(b))) == nil || trusted(d, i)) {
			for _, digest := range i.digests {
				signed[string(digest)] = true
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		if d.Verify(r, int64(len(b))) != nil {
			return
		}
		i, err := d.inspect(r, int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		for _, digest := range i.digests {
			if signed[string(digest)] {
				return
			}
		}
		t.Fatal("nobody signed this image")
	})
}

// trusted reports whether the digest of an image or one of its signatures allows
// it. Without the other signatures, which forbid it, the image would start.
func trusted(d Databases, i image) bool {
	return d.allowsDigest(i, crypto.SHA256) || slices.ContainsFunc(i.messages, func(m []byte) bool { return d.checkSignature(i, m) == nil })
}

// FuzzSignature holds: a signature or an error, and a signature has a signer.
func FuzzSignature(f *testing.F) {
	f.Add([]byte{0x30, 0x80, 0, 0})
	f.Add([]byte{0x30, 0x82, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSignature(b)
		if (err != nil) != (len(s.links) == 0) {
			t.Fatalf("%v with error %v", s, err)
		}
		if hash, digest := signedHash(b); hash != 0 && len(digest) != hash.Size() {
			t.Fatalf("%v of %d bytes", hash, len(digest))
		}
	})
}
