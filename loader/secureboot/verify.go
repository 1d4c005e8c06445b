package secureboot

import (
	"crypto"
	"hash"
	"io"

	_ "crypto/sha1"   // for images and databases of that hash
	_ "crypto/sha256" // the same
	_ "crypto/sha512" // the same

	"github.com/kexec-bls/kexec-bls/bls/uki"
)

// Verify reports whether Secure Boot lets a PE image of size bytes start: a
// UKI, an addon or a kernel file. It returns nil, a *RefusedError, or the error
// of r. The file is read at most twice; memory is bounded.
func (d Databases) Verify(r io.ReaderAt, size int64) error {
	if d.noValidation {
		return nil
	}
	i, err := d.inspect(r, size)
	if err != nil {
		return classify(err)
	}
	if err := d.checkSBAT(r, size); err != nil {
		return classify(err)
	}
	for _, forbidden := range d.forbidden() {
		if forbidden.hasImage(i.digests) {
			return refuse(Forbidden, "its digest is in %s", forbidden.name)
		}
	}
	if i.signed {
		return d.checkSignatures(i)
	}
	if !d.allowsDigest(i, crypto.SHA256) {
		return refuse(Unsigned, "not signed, and its digest is not in %s", d.allowedNames())
	}
	return nil
}

// An image is what is verified of a file.
type image struct {
	signed   bool
	messages [][]byte               // PKCS#7
	digests  map[crypto.Hash][]byte // by every algorithm that might decide
}

func (d Databases) inspect(r io.ReaderAt, size int64) (image, error) {
	a, err := uki.OpenAuthenticode(r, size)
	if err != nil {
		return image{}, err
	}
	certificates, err := a.Certificates()
	if err != nil {
		return image{}, err
	}
	i := image{signed: a.Signed()}
	for _, c := range certificates {
		if message, ok := pkcs7Data(c); ok {
			i.messages = append(i.messages, message)
		}
	}
	i.digests, err = sum(a, d.algorithms(i.messages))
	return i, err
}

// algorithms are the hashes to compute: those of the signatures and of the
// digests that are forbidden, and what firmware and shim always look for.
func (d Databases) algorithms(messages [][]byte) map[crypto.Hash]hash.Hash {
	hashes := map[crypto.Hash]hash.Hash{crypto.SHA256: crypto.SHA256.New()}
	if d.shim {
		hashes[crypto.SHA1] = crypto.SHA1.New()
	}
	for _, message := range messages {
		if algorithm, _ := signedHash(message); algorithm != 0 {
			hashes[algorithm] = algorithm.New()
		}
	}
	for _, forbidden := range d.forbidden() {
		for algorithm := range forbidden.images {
			hashes[algorithm] = algorithm.New()
		}
	}
	return hashes
}

// sum hashes an image by all algorithms in one pass.
func sum(a *uki.Authenticode, hashes map[crypto.Hash]hash.Hash) (map[crypto.Hash][]byte, error) {
	var writers []io.Writer
	for _, h := range hashes {
		writers = append(writers, h)
	}
	if _, err := a.WriteTo(io.MultiWriter(writers...)); err != nil {
		return nil, err
	}
	digests := map[crypto.Hash][]byte{}
	for algorithm, h := range hashes {
		digests[algorithm] = h.Sum(nil)
	}
	return digests, nil
}

// forbidden are the databases that forbid: shim's only where shim verifies.
func (d Databases) forbidden() []database {
	if d.shim {
		return []database{d.dbx, d.mokx}
	}
	return []database{d.dbx}
}

// allowed are the databases that allow.
func (d Databases) allowed() []database {
	switch {
	case d.shim && d.ignoreDB:
		return []database{d.mok}
	case d.shim:
		return []database{d.db, d.mok}
	}
	return []database{d.db}
}

func (d Databases) allowedNames() string {
	switch {
	case d.shim && d.ignoreDB:
		return "MokListRT"
	case d.shim:
		return "db or MokListRT"
	}
	return "db"
}

// allowsDigest reports whether the digest of the image is allowed. Firmware
// looks only for that of one algorithm: SHA-256 for an image without signature,
// else that of the signature. shim looks for SHA-256 and SHA-1.
func (d Databases) allowsDigest(i image, algorithm crypto.Hash) bool {
	digests := map[crypto.Hash][]byte{algorithm: i.digests[algorithm]}
	if d.shim {
		digests = map[crypto.Hash][]byte{crypto.SHA256: i.digests[crypto.SHA256], crypto.SHA1: i.digests[crypto.SHA1]}
	}
	for _, allowed := range d.allowed() {
		if allowed.hasImage(digests) {
			return true
		}
	}
	return false
}
