package tpm

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"strings"
)

// NumPCRs is how many PCRs a bank has.
const NumPCRs = 24

// Values are the PCRs of a bank; nil where one could not be read.
type Values [NumPCRs][]byte

// algorithm is one hash algorithm of PCR banks.
type algorithm struct {
	name string // as sysfs and systemd spell it
	id   uint16 // TPM_ALG_ID
	new  func() hash.Hash
}

func algorithms() []algorithm {
	return []algorithm{
		{"sha1", 0x0004, sha1.New},
		{"sha256", 0x000b, sha256.New},
		{"sha384", 0x000c, sha512.New384},
		{"sha512", 0x000d, sha512.New},
	}
}

func (a algorithm) sum(parts ...[]byte) []byte {
	h := a.new()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// algorithmOf is false for a bank that is not known here.
func algorithmOf(bank string) (algorithm, bool) {
	for _, a := range algorithms() {
		if a.name == bank {
			return a, true
		}
	}
	return algorithm{}, false
}

// readBanks reads the PCRs of every bank that the kernel shows
// (Documentation/ABI/stable/sysfs-class-tpm).
func readBanks(root fs.FS) map[string]Values {
	banks := map[string]Values{}
	for _, a := range algorithms() {
		var values Values
		found := false
		for n := range NumPCRs {
			b, err := fs.ReadFile(root, fmt.Sprintf("sys/class/tpm/tpm0/pcr-%s/%d", a.name, n))
			if err != nil {
				continue
			}
			value, err := hex.DecodeString(strings.TrimSpace(string(b)))
			if err == nil && len(value) == a.new().Size() {
				values[n], found = value, true
			}
		}
		if found {
			banks[a.name] = values
		}
	}
	return banks
}

// initialized reports whether anything was ever extended into a PCR: systemd
// leaves a bank alone where nothing was and another bank is in use
// (tpm2_get_good_pcr_banks).
func initialized(value []byte) bool {
	for _, reset := range []byte{0x00, 0xff} {
		if bytes.Count(value, []byte{reset}) == len(value) {
			return false
		}
	}
	return true
}
