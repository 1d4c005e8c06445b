package tpm_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader/tpm"
)

const stubVariable = "sys/firmware/efi/efivars/StubPcrKernelImage-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

// rootFS is a root directory; "-> " begins the target of a link.
func rootFS(f files) fstest.MapFS {
	m := fstest.MapFS{"sys/kernel/security/lsm": {}}
	for name, text := range f {
		m[name] = &fstest.MapFile{Data: []byte(text)}
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			m[name] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
		}
	}
	return m
}

func logged(words ...string) string {
	var b strings.Builder
	for _, w := range words {
		fmt.Fprintf(&b, "\x1e{\"pcr\":11,\"digests\":[],\"content_type\":\"systemd\",\"content\":{\"string\":%q}}\n", w)
	}
	return b.String() + "\x1e{\"pcr\":12,\"content\":{\"string\":\"ready\"}}\n\x1ejunk"
}

func TestReadMachine(t *testing.T) {
	value := strings.Repeat("AB", 32)
	m := tpm.ReadMachine(rootFS(files{
		"sys/class/tpm/tpm0/pcr-sha256/7": value + "\n", "sys/class/tpm/tpm0/pcr-sha256/8": "AB\n", "sys/class/tpm/tpm0/pcr-sha1/0": "x",
		stubVariable: "\x06\x00\x00\x001\x001\x00\x00\x00", "sys/firmware/acpi/tables/TPM2": "x", "proc/cmdline": "a b\n", "etc/crypttab": "tab",
		"run/log/systemd/tpm2-measure.log": logged("enter-initrd", "sysinit", "ready"), "var/lib/systemd/pcrlock.json": "{}",
		"etc/systemd/system/systemd-pcrlock-make-policy.service": "-> /dev/null", "usr/lib/systemd/tpm2-pcr-public-key.pem": "x",
	}))
	var want tpm.Values
	want[7] = hexBytes(t, value)
	assert.Equal(t, map[string]tpm.Values{"sha256": want}, m.Banks)
	assert.True(t, m.Stub && m.Firmware && m.Ready && m.Sysinit && m.PCRLockUsed && m.SigningKey)
	assert.Equal(t, "a b", m.Cmdline)
	assert.Equal(t, "tab", m.Crypttab)
	assert.Equal(t, tpm.UnitMasked, m.MakePolicy)
	assert.False(t, m.FirmwareBoot)

	m = tpm.ReadMachine(rootFS(files{stubVariable: "\x06\x00\x00\x001\x002\x00", "run/log/systemd/tpm2-measure.log": logged("sysinit", "ready", "shutdown"),
		"run/systemd/units/invocation:systemd-pcrphase.service": "-> x", "etc/systemd/system/sysinit.target.wants/systemd-pcrlock-make-policy.service": "-> /x"}))
	assert.False(t, m.Stub || m.Firmware || m.Ready || m.PCRLockUsed || m.SigningKey)
	assert.True(t, m.Sysinit)
	assert.Equal(t, tpm.UnitEnabled, m.MakePolicy)

	m = tpm.ReadMachine(rootFS(files{"run/systemd/units/invocation:systemd-pcrphase.service": "-> x", "run/systemd/units/invocation:systemd-pcrphase-sysinit.service": "-> x"}))
	assert.True(t, m.Ready && m.Sysinit, "without a log, the units show it")
	assert.Empty(t, m.Banks)
}

// A unit is masked where nothing can start it in the next boot.
func TestMasksOfMakePolicy(t *testing.T) {
	const unit, generator = "systemd-pcrlock-make-policy.service", "systemd/system-generators/systemd-debug-generator"
	for name, c := range map[string]struct {
		files files
		state tpm.UnitState
		masks bool
	}{
		"link":              {files{"etc/systemd/system/" + unit: "-> /dev/null"}, tpm.UnitMasked, false},
		"empty":             {files{"etc/systemd/system/" + unit: ""}, tpm.UnitMasked, false},
		"replaced":          {files{"etc/systemd/system/" + unit: "[Unit]\n"}, tpm.UnitIdle, false},
		"alias":             {files{"etc/systemd/system/" + unit: "-> /etc/x.service"}, tpm.UnitIdle, false},
		"until the reboot":  {files{"run/systemd/system/" + unit: "-> /dev/null"}, tpm.UnitIdle, false},
		"generator":         {files{"usr/lib/" + generator: "x"}, tpm.UnitIdle, true},
		"masked generator":  {files{"usr/lib/" + generator: "x", "etc/" + generator: "-> /dev/null"}, tpm.UnitIdle, false},
		"another generator": {files{"usr/lib/systemd/system-generators/x": "x"}, tpm.UnitIdle, false},
	} {
		m := tpm.ReadMachine(rootFS(c.files))
		assert.Equal(t, c.state, m.MakePolicy, name)
		assert.Equal(t, c.masks, m.Masks, name)
	}
}

// boot_aggregate goes into PCR 10: field by field, each with its size in front.
func TestIMA(t *testing.T) {
	ima := func(count, line string) files {
		f := files{"sys/kernel/security/ima/runtime_measurements_count": count, "sys/kernel/security/ima/ascii_runtime_measurements": line, "proc/cmdline": "ima_hash=sha256"}
		for n := range tpm.NumPCRs {
			f[fmt.Sprintf("sys/class/tpm/tpm0/pcr-sha256/%d", n)] = strings.Repeat(fmt.Sprintf("%02x", n+1), 32)
			f[fmt.Sprintf("sys/class/tpm/tpm0/pcr-sha512/%d", n)] = strings.Repeat(fmt.Sprintf("%02x", n+1), 64)
		}
		return f
	}
	const line = "10 aa ima-sig sha256:bb boot_aggregate\n"
	boot := tpm.Boot{Cmdline: "ima-hash=sha256 quiet"}
	p := tpm.Predict(tpm.ReadMachine(rootFS(ima("1\n", line))), boot)

	h := sha256.New()
	for n := range byte(10) {
		h.Write([]byte(strings.Repeat(string([]byte{n + 1}), 32)))
	}
	var data []byte
	for _, field := range [][]byte{append([]byte("sha256:\x00"), h.Sum(nil)...), []byte("boot_aggregate\x00"), nil} {
		data = append(binary.LittleEndian.AppendUint32(data, uint32(len(field))), field...)
	}
	template := sha256.Sum256(data)
	want := sha256.Sum256(append([]byte(strings.Repeat("\x0b", 32)), template[:]...))
	assert.Equal(t, hex.EncodeToString(want[:]), hex.EncodeToString(p.Banks["sha256"][10].Next))
	assert.Equal(t, "IMA may have no hash algorithm of this bank", p.Banks["sha512"][10].Unknown)

	for name, c := range map[string]struct {
		f    files
		line string
		why  string
	}{
		"policy":        {ima("2\n", line), "ima_hash=sha256", "a policy of IMA measures files"},
		"unreadable":    {ima("", line), "ima_hash=sha256", "cannot be read"},
		"no list":       {ima("1", ""), "ima_hash=sha256", "cannot be read"},
		"template":      {ima("1", "10 aa ima sha1:bb boot_aggregate"), "ima_hash=sha256", `the template "ima"`},
		"other line":    {ima("1", line), "ima_policy=tcb", "the parameters of IMA differ"},
		"missing PCR 3": {ima("1", line).with("sys/class/tpm/tpm0/pcr-sha256/3", ""), "ima_hash=sha256", "boot_aggregate covers PCRs that cannot be read"},
	} {
		p := tpm.Predict(tpm.ReadMachine(rootFS(c.f)), tpm.Boot{Cmdline: c.line})
		assert.Contains(t, p.Banks["sha256"][10].Unknown, c.why, name)
		assert.Nil(t, p.Banks["sha256"][10].Next, name)
	}
	f := rootFS(ima("1", line).with("sys/kernel/security/ima/runtime_measurements_count", "", "sys/kernel/security/ima/ascii_runtime_measurements", ""))
	assert.Empty(t, tpm.Predict(tpm.ReadMachine(f), boot).Banks["sha256"][10].Words, "no IMA")
	delete(f, "sys/kernel/security/lsm")
	assert.Contains(t, tpm.Predict(tpm.ReadMachine(f), boot).Banks["sha256"][10].Unknown, "securityfs is not mounted")
}
