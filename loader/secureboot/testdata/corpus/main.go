// Command corpus writes the images and variables that the tests of package
// secureboot verify: corpus FOLDER. fixtures/secureboot.sh runs it. The signers
// are sbsign and osslsigncode; only what they cannot do is done here.
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

func main() {
	if len(os.Args) != 2 {
		fail("usage: corpus FOLDER")
	}
	c := corpus{dir: os.Args[1], keys: map[string]key{}}
	check(os.MkdirAll(filepath.Join(c.dir, "keys"), 0o755))
	c.makeKeys()
	c.makeSigned()
	c.makeChanged()
	c.makeTables()
	c.makeVariables()
}

type corpus struct {
	dir  string
	keys map[string]key
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, text)
	os.Exit(1)
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func (c corpus) path(image string) string { return filepath.Join(c.dir, image+".efi") }

func (c corpus) read(image string) []byte {
	b, err := os.ReadFile(c.path(image))
	check(err)
	return b
}

func (c corpus) write(image string, b []byte) { check(os.WriteFile(c.path(image), b, 0o644)) }

// program is an image that no other is equal to.
func program(image string, more ...fixtures.Section) []byte {
	return fixtures.Program(append([]fixtures.Section{fixtures.Text(".name", image)}, more...)...)
}

func run(name string, args ...string) {
	if output, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		fail(fmt.Sprintf("%s %s: %v\n%s", name, strings.Join(args, " "), err, output))
	}
}

// sign has sbsign add a signature to an image by each signer in turn. A signer
// is a key, then the certificates to embed besides, all separated by blanks.
func (c corpus) sign(image string, signers ...string) {
	for _, signer := range signers {
		names := strings.Fields(signer)
		args := []string{"--key", c.keyFile(names[0]), "--cert", c.certFile(names[0])}
		if len(names) > 1 {
			var more []byte
			for _, name := range names[1:] {
				more = append(more, c.keys[name].pem()...)
			}
			file := filepath.Join(c.dir, "keys", "more")
			check(os.WriteFile(file, more, 0o600))
			args = append(args, "--addcert", file)
		}
		run("sbsign", append(args, "--output", c.path(image), c.path(image))...)
	}
}

// signWith has osslsigncode sign an image with a hash other than SHA-256.
func (c corpus) signWith(hash, image, signer string) {
	signed := c.path(image) + ".signed"
	run("osslsigncode", "sign", "-h", hash, "-key", c.keyFile(signer), "-certs", c.certFile(signer), "-in", c.path(image), "-out", signed)
	check(os.Rename(signed, c.path(image)))
}

func (c corpus) makeSigned() {
	for image, signers := range map[string][]string{
		"unsigned":             nil,
		"signed":               {"db"},
		"signed-4096":          {"db4096"},
		"signed-leaf":          {"leaf intermediate"},
		"signed-lone-leaf":     {"leaf"},
		"signed-intermediate":  {"intermediate"},
		"signed-in-db-by-leaf": {"pinned"},
		"signed-stranger":      {"stranger"},
		"signed-revoked":       {"revoked"},
		"signed-child-revoked": {"child revoked"},
		"signed-revoked-hash":  {"revoked-hash"},
		"signed-anchor-hash":   {"anchor-hash"},
		"signed-mok":           {"mok"},
		"signed-mokx":          {"mokx"},
		"signed-expired":       {"expired"},
		"signed-expired-leaf":  {"expired-leaf"},
		"signed-future":        {"future"},
		"signed-by-no-ca":      {"grandchild leaf intermediate"},
		"signed-path-length":   {"below-short short-child short"},
		"signed-short":         {"short-child short"},
		"signed-critical":      {"critical"},
		"hash-in-db":           nil,
		"hash-in-dbx":          nil,
		"hash-in-mok":          nil,
		"hash-in-mokx":         nil,
		"signed-hash-in-dbx":   {"db"},
		"stranger-hash-in-db":  {"stranger"},
		"revoked-hash-in-db":   {"revoked"},
		"two-good-bad":         {"db", "stranger"},
		"two-bad-good":         {"stranger", "db"},
		"two-good-revoked":     {"db", "revoked"},
		"two-revoked-good":     {"revoked", "db"},
		"three":                {"stranger", "mok", "leaf intermediate"},
	} {
		c.write(image, program(image))
		c.sign(image, signers...)
	}
	for _, hash := range []string{"sha1", "sha384", "sha512"} {
		c.write("signed-"+hash, program(hash))
		c.signWith(hash, "signed-"+hash, "db")
	}
	for image, text := range map[string]string{
		"sbat-old":       "sbat,1,S,sbat,1,u\nsample,2,S,sample,2.0,https://example.com\n",
		"sbat-new":       "sbat,1,S,sbat,1,u\nsample,3,S,sample,3.0,https://example.com\n",
		"sbat-malformed": "sbat,1,S,sbat,1,u\nsample\n",
	} {
		c.write(image, program(image, fixtures.Text(".sbat", text)))
		c.sign(image, "db")
	}
}

// makeChanged changes images before or after they are signed.
func (c corpus) makeChanged() {
	c.write("trailing-data", append(program("trailing-data"), bytes.Repeat([]byte("trailing"), 64)...))
	c.sign("trailing-data", "db")
	signed := c.read("signed")
	for image, at := range map[string]int{
		"changed-section": bytes.Index(signed, []byte("signed")),
		"changed-header":  0x40 + 8,       // time stamp of the COFF header
		"changed-stub":    0x3c - 4,       // DOS header
		"checksum":        0x40 + 24 + 64, // which no signature covers
		"changed-key":     len(signed) - 40,
	} {
		b := bytes.Clone(signed)
		b[at] ^= 1
		c.write(image, b)
	}
	c.write("appended", append(bytes.Clone(signed), make([]byte, 512)...))
	c.write("cut", signed[:len(signed)-64])
	c.write("cut-off", signed[:size(signed)])
	reversed := program("reversed")
	rows := reversed[0x148:]
	first := bytes.Clone(rows[:40])
	copy(rows, rows[40:80])
	copy(rows[40:], first)
	c.write("reversed", reversed)
	c.sign("reversed", "db")
}

// size is that of the image without its certificate table.
func size(signed []byte) int {
	m, err := uki.Open(bytes.NewReader(signed), int64(len(signed)))
	check(err)
	return int(m.Signature)
}

// makeTables replaces certificate tables.
func (c corpus) makeTables() {
	signed := c.read("signed")
	end := size(signed)
	table := signed[end:]
	message := table[8 : int(table[0])|int(table[1])<<8]
	plain := bytes.Clone(signed[:end])
	foreign := fixtures.Certificate(1, []byte("an X.509 certificate"))
	garbage := bytes.Repeat([]byte{0xa5}, 504)
	for image, table := range map[string][]byte{
		"table-zeros":         make([]byte, 8),
		"table-more-zeros":    make([]byte, 64),
		"table-garbage":       garbage,
		"table-other-type":    foreign,
		"table-after-other":   append(bytes.Clone(foreign), table...),
		"table-before-other":  append(bytes.Clone(table), foreign...),
		"table-before-zeros":  append(bytes.Clone(table), make([]byte, 8)...),
		"table-guid":          fixtures.Certificate(0x0ef1, append(fixtures.GUID("4aafd29d-68df-49ee-8aa9-347d375665a7"), message...)),
		"table-guid-other":    fixtures.Certificate(0x0ef1, append(fixtures.GUID("a7717414-c616-4977-9420-844712a735bf"), message...)),
		"table-cut-message":   fixtures.Certificate(2, message[:len(message)/2]),
		"table-no-pkcs7":      fixtures.Certificate(2, garbage),
		"table-garbage-first": append(fixtures.Certificate(2, garbage), table...),
		"table-empty-entry":   append(fixtures.Certificate(2, nil), table...),
		"table-twice":         append(bytes.Clone(table), table...),
	} {
		c.write(image, fixtures.SetCertificateTable(plain, table, len(table)))
	}
	c.write("table-size-short", fixtures.SetCertificateTable(plain, table, len(table)-8))
	c.write("table-size-long", fixtures.SetCertificateTable(plain, table, len(table)+8))
	c.write("table-size-huge", fixtures.SetCertificateTable(plain, table, 1<<32-8))
	c.write("table-of-other", fixtures.SetCertificateTable(program("table-of-other"), table, len(table)))
}

// makeVariables writes what all images are verified against.
func (c corpus) makeVariables() {
	cert := func(name string) []byte {
		return fixtures.SignatureList("a5c059a1-94e4-4aa7-87b5-ab155c2bf072", c.keys[name].cert.Raw)
	}
	hashes := func(images ...string) []byte {
		var entries [][]byte
		for _, image := range images {
			entries = append(entries, digest(c.read(image)))
		}
		return fixtures.SignatureList("c1c41626-504c-4092-aca9-41f936934328", entries...)
	}
	tbs := func(name string) []byte {
		sum := sha256.Sum256(c.keys[name].cert.RawTBSCertificate)
		return append(sum[:], make([]byte, 16)...)
	}
	for name, lists := range map[string][][]byte{
		"db": {
			cert("db"), cert("db4096"), cert("pinned"), cert("expired"), cert("anchor-hash"), cert("critical"),
			hashes("hash-in-db", "stranger-hash-in-db", "revoked-hash-in-db"),
		},
		"dbx": {
			hashes("hash-in-dbx", "signed-hash-in-dbx"), cert("revoked"),
			fixtures.SignatureList("3bd2a492-96c0-4079-b420-fcf98ef103ed", tbs("revoked-hash"), tbs("anchor-hash")),
		},
		"MokListRT":   {cert("mok"), hashes("hash-in-mok")},
		"MokListXRT":  {cert("mokx"), hashes("hash-in-mokx")},
		"SbatLevelRT": {[]byte("sbat,1,2024010900\nsample,3\n")},
	} {
		check(os.WriteFile(filepath.Join(c.dir, name), bytes.Join(lists, nil), 0o644))
	}
}

// digest is that of hash-to-efi-sig-list.
func digest(b []byte) []byte {
	a, err := uki.OpenAuthenticode(bytes.NewReader(b), int64(len(b)))
	check(err)
	h := sha256.New()
	_, err = a.WriteTo(h)
	check(err)
	return h.Sum(nil)
}
