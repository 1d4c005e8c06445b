package tpm

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
)

// TestEFIVariables: four bytes of attributes, and then UTF-16 that may end in zeros.
func TestEFIVariables(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "\x06\x00\x00": "", "\x06\x00\x00\x00": "", "\x06\x00\x00\x001\x001\x00": "11", "\x06\x00\x00\x001\x001\x00\x00\x00": "11",
		"\x06\x00\x00\x001\x001": "1", "\x06\x00\x00\x001\x00\x00\x001\x00": "1\x001", "\x06\x00\x00\x00\xe9\x00": "é", "\x06\x00\x00\x0011": "ㄱ",
		"\x06\x00\x00\x00" + strings.Repeat("1\x00", 30): strings.Repeat("1", 30), "\x06\x00\x00\x00" + strings.Repeat("1\x00", 30) + "\x00": "",
	} {
		assert.Equal(t, want, variable([]byte(text)), "%q", text)
	}
}

// TestMeasurementLog: records of JSON, of which those of PCR 11 count; one that is
// cut or of another kind is left out.
func TestMeasurementLog(t *testing.T) {
	record := func(pcr, word string) string {
		return "\x1e{\"pcr\":" + pcr + ",\"content\":{\"string\":\"" + word + "\"}}\n"
	}
	for name, c := range map[string]struct {
		log          string
		ready, phase int // how often "ready" is there; and whether it is more often than "shutdown"
	}{
		"empty":               {"", 0, 0},
		"entered":             {record("11", "ready"), 1, 1},
		"left":                {record("11", "ready") + record("11", "shutdown"), 1, 0},
		"entered again":       {record("11", "ready") + record("11", "shutdown") + record("11", "ready"), 2, 1},
		"left in another PCR": {record("11", "ready") + record("12", "shutdown"), 1, 1},
		"PCR 12":              {record("12", "ready"), 0, 0},
		"PCR as a text":       {record(`"11"`, "ready"), 0, 0},
		"another word":        {record("11", "already"), 0, 0},
		"an NvPCR":            {"\x1e{\"nvpcr\":11,\"content\":{\"string\":\"ready\"}}\n", 0, 0},
		"cut":                 {record("11", "ready") + record("11", "ready")[:30], 1, 1},
		"cut in front":        {"ready\"}}\n" + record("11", "ready"), 1, 1},
		"no content":          {"\x1e{\"pcr\":11}\n" + record("11", "ready"), 1, 1},
		"other content":       {"\x1e{\"pcr\":11,\"content\":\"ready\"}\n", 0, 0},
	} {
		assert.Equal(t, c.ready, logged([]byte(c.log), "ready"), name)
		assert.Equal(t, c.phase == 1, phase([]byte(c.log), "ready", "shutdown"), name)
	}
}

// TestUnitsPulledIn: by a target of any of three directories; a mask in /etc is first.
func TestUnitsPulledIn(t *testing.T) {
	link := func(target string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
	}
	for path, want := range map[string]UnitState{
		"etc/systemd/system/a.target.wants/x.service": UnitEnabled, "run/systemd/system/a.target.wants/x.service": UnitEnabled,
		"usr/lib/systemd/system/a.service.wants/x.service": UnitEnabled, "usr/lib/systemd/system/x.service": UnitIdle,
		"etc/systemd/system/a.target.requires/x.service": UnitIdle, "etc/systemd/user/a.target.wants/x.service": UnitIdle,
		"etc/systemd/system/a.target.wants/y.service": UnitIdle, "lib/systemd/system/a.target.wants/x.service": UnitIdle,
	} {
		assert.Equal(t, want, unitState(fstest.MapFS{path: link("/x")}, "x.service"), path)
		assert.Equal(t, UnitMasked, unitState(fstest.MapFS{path: link("/x"), "etc/systemd/system/x.service": link("/dev/null")}, "x.service"), path)
	}
	root := fstest.MapFS{"a": link("/dev/null"), "b": link("/dev/zero"), "c": {}, "d": {Data: []byte("x")}, "e": {Mode: fs.ModeDir}}
	for name, want := range map[string]bool{"a": true, "b": false, "c": true, "d": false, "e": false, "f": false} {
		assert.Equal(t, want, nullified(root, name), name)
	}
}

// TestLongFiles are not read: half of a file would be another one.
func TestLongFiles(t *testing.T) {
	root := fstest.MapFS{"fits": {Data: make([]byte, maxFile)}, "long": {Data: make([]byte, maxFile+1)}}
	assert.Len(t, read(root, "fits"), maxFile)
	assert.Nil(t, read(root, "long"))
	assert.Nil(t, read(root, "none"))
	assert.Nil(t, read(fstest.MapFS{"dir/file": {}}, "dir"))
}

// TestWhatShowsATPM: each of these alone shows that the firmware knows it.
func TestWhatShowsATPM(t *testing.T) {
	for path, want := range map[string]bool{
		banksVariable: true, "sys/firmware/acpi/tables/TPM2": true, "sys/kernel/security/tpm0/binary_bios_measurements": true, "sys/class/tpm/tpm0/pcr-sha256/0": false, stubVariable: false,
	} {
		m := ReadMachine(fstest.MapFS{path: {}})
		assert.Equal(t, want, m.Firmware, path)
		assert.False(t, m.Stub)
	}
	for _, dir := range []string{"etc", "run", "usr/local/lib", "usr/lib"} {
		assert.True(t, ReadMachine(fstest.MapFS{dir + "/systemd/tpm2-pcr-public-key.pem": {}}).SigningKey, dir)
	}
	assert.False(t, ReadMachine(fstest.MapFS{"lib/systemd/tpm2-pcr-public-key.pem": {}}).SigningKey)
	refused := refusing{fstest.MapFS{"var/lib/systemd/pcrlock.json": {Data: []byte("{}")}}, "pcrlock.json"}
	m := ReadMachine(refused)
	assert.Nil(t, m.PCRLock)
	assert.True(t, m.PCRLockUsed, "it is there, readable or not")
}

// TestAggregates: SHA-1 covers eight PCRs and SHA-256 ten, ima-sig has an empty
// signature after the two fields (ima_calc_boot_aggregate_tfm(), ima_template_lib.c).
func TestAggregates(t *testing.T) {
	var bank Bank
	var all []byte
	for n := range 10 {
		bank[n].Next = bytes.Repeat([]byte{byte(n + 1)}, 20)
		all = append(all, bank[n].Next...)
	}
	short, long := sha1.Sum(all[:8*20]), sha256.Sum256(all)
	const name = "\x0f\x00\x00\x00boot_aggregate\x00"
	for want, s := range map[string]imaState{
		"\x1a\x00\x00\x00sha1:\x00" + string(short[:]) + name:                      {template: "ima-ng", hash: "sha1"},
		"\x1a\x00\x00\x00sha1:\x00" + string(short[:]) + name + "\x00\x00\x00\x00": {template: "ima-sig", hash: "sha1"},
		"\x28\x00\x00\x00sha256:\x00" + string(long[:]) + name:                     {template: "ima-ng", hash: "sha256"},
		"": {template: "ima-ng", hash: "md5"},
	} {
		assert.Equal(t, want, string(s.aggregate(bank)), "%+v", s)
	}
	bank[9].Next = nil
	assert.Nil(t, imaState{hash: "sha256"}.aggregate(bank))
	assert.NotNil(t, imaState{hash: "sha1"}.aggregate(bank))
	bank[0].Next = nil
	assert.Nil(t, imaState{hash: "sha1"}.aggregate(bank))
}

// TestStatesOfIMA has one way in which its measurements are not known a row.
func TestStatesOfIMA(t *testing.T) {
	const unread = "the measurements of IMA cannot be read"
	for line, want := range map[string]imaState{
		"10 aa ima-ng sha256:bb boot_aggregate":    {on: true, template: "ima-ng", hash: "sha256"},
		"10 aa ima-sig sha1:bb boot_aggregate x":   {on: true, template: "ima-sig", hash: "sha1"},
		"10 aa ima-ng sha1:b boot_aggregate\n11 a": {on: true, template: "ima-ng", hash: "sha1"},
		"11 aa ima-ng sha256:bb boot_aggregate":    {on: true, unknown: unread},
		"10 aa ima-ng sha256:bb /bin/sh":           {on: true, unknown: unread},
		"10 aa ima-ng sha256:bb":                   {on: true, unknown: unread},
		"10 aa ima-buf sha256:bb boot_aggregate":   {on: true, template: "ima-buf", hash: "sha256", unknown: `IMA uses the template "ima-buf" with "sha256"`},
		"10 aa ima-ng sha512:bb boot_aggregate":    {on: true, template: "ima-ng", hash: "sha512", unknown: `IMA uses the template "ima-ng" with "sha512"`},
		"10 aa ima-ng bb boot_aggregate":           {on: true, template: "ima-ng", hash: "bb", unknown: `IMA uses the template "ima-ng" with "bb"`},
	} {
		root := fstest.MapFS{imaDir + "/runtime_measurements_count": {Data: []byte("1\n")}, imaDir + "/ascii_runtime_measurements": {Data: []byte(line)}}
		assert.Equal(t, want, readIMA(root), line)
		root[imaDir+"/runtime_measurements_count"].Data = []byte("2\n")
		assert.Equal(t, imaState{on: true, unknown: "a policy of IMA measures files"}, readIMA(root), line)
		delete(root, imaDir+"/runtime_measurements_count")
		assert.Equal(t, imaState{on: true, unknown: unread}, readIMA(root), line)
	}
	assert.Equal(t, imaState{}, readIMA(fstest.MapFS{"sys/kernel/security/lsm": {}}))
}

// TestParametersOfIMA: it is known how the next kernel measures where it is asked for
// the same.
func TestParametersOfIMA(t *testing.T) {
	known := imaState{on: true, template: "ima-ng", hash: "sha256"}
	differs := known
	differs.unknown = "the parameters of IMA differ from the running kernel's"
	for _, c := range []struct {
		running, next string
		same          bool
	}{
		{"", "quiet", true}, {"ima_hash=sha1 quiet", "ima-hash=sha1", true}, {"ima_a=1 ima_b=2", "ima_a=1 x ima_b=2", true}, {"rd.ima_x ima", "", true},
		{"", "ima_hash=sha1", false}, {"ima_policy=tcb", "", false}, {"ima_hash=sha1", "ima_hash=sha256", false}, {"ima_a=1 ima_b=2", "ima_b=2 ima_a=1", false},
	} {
		got, name := known.next(c.running, c.next), fmt.Sprintf("%q to %q", c.running, c.next)
		if c.same {
			assert.Equal(t, known, got, name)
			continue
		}
		assert.Equal(t, differs, got, name)
		assert.Equal(t, imaState{}, imaState{}.next(c.running, c.next), "off, whatever the parameters")
		assert.Equal(t, imaState{on: true, unknown: "why"}, imaState{on: true, unknown: "why"}.next(c.running, c.next), "the first reason stays")
	}
}
