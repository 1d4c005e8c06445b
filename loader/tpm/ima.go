package tpm

import (
	"encoding/binary"
	"io/fs"
	"strconv"
	"strings"
)

// imaState is what IMA measures at the start of a kernel: boot_aggregate, into
// PCR 10 (security/integrity/ima/ima_init.c).
type imaState struct {
	on       bool
	unknown  string // why its measurements cannot be computed, "" where they can
	template string // "ima-ng", "ima-sig"
	hash     string // of boot_aggregate
}

const imaDir = "sys/kernel/security/ima"

func readIMA(root fs.FS) imaState {
	if !exists(root, "sys/kernel/security") {
		return imaState{on: true, unknown: "securityfs is not mounted, so IMA may be in use"}
	}
	if !exists(root, imaDir) {
		return imaState{}
	}
	s := imaState{on: true}
	n, err := strconv.Atoi(strings.TrimSpace(string(read(root, imaDir+"/runtime_measurements_count"))))
	switch {
	case err != nil:
		s.unknown = "the measurements of IMA cannot be read"
		return s
	case n > 1:
		s.unknown = "a policy of IMA measures files"
		return s
	}
	// PCR, digest, template, digest of the file, its name
	fields := strings.Fields(string(read(root, imaDir+"/ascii_runtime_measurements")))
	if len(fields) < 5 || fields[0] != "10" || fields[4] != "boot_aggregate" {
		s.unknown = "the measurements of IMA cannot be read"
		return s
	}
	s.template = fields[2]
	s.hash, _, _ = strings.Cut(fields[3], ":")
	if s.template != "ima-ng" && s.template != "ima-sig" || s.hash != "sha1" && s.hash != "sha256" {
		s.unknown = "IMA uses the template " + strconv.Quote(s.template) + " with " + strconv.Quote(s.hash)
	}
	return s
}

// next is the state under another command line.
func (s imaState) next(running, line string) imaState {
	same := strings.Join(imaParameters(running), " ") == strings.Join(imaParameters(line), " ")
	if s.on && s.unknown == "" && !same {
		s.unknown = "the parameters of IMA differ from the running kernel's"
	}
	return s
}

func imaParameters(line string) []string {
	var found []string
	for _, p := range parameters(line) {
		if strings.HasPrefix(p.key, "ima_") {
			found = append(found, p.key+"="+p.value)
		}
	}
	return found
}

// aggregate is the template data of boot_aggregate over the PCRs of one bank,
// nil where one of them is not known.
func (s imaState) aggregate(bank Bank) []byte {
	a, ok := algorithmOf(s.hash)
	if !ok {
		return nil
	}
	count := 10
	if s.hash == "sha1" {
		count = 8
	}
	var parts [][]byte
	for _, p := range bank[:count] {
		if p.Next == nil {
			return nil
		}
		parts = append(parts, p.Next)
	}
	digest := append([]byte(s.hash+":\x00"), a.sum(parts...)...)
	b := imaField(nil, digest)
	b = imaField(b, []byte("boot_aggregate\x00"))
	if s.template == "ima-sig" {
		b = imaField(b, nil)
	}
	return b
}

func imaField(b, field []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(field))), field...)
}
