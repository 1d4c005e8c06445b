//go:build e2e

package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"debug/pe"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/fixtures/vm"
	"github.com/kexec-bls/kexec-bls/loader"
)

// An enrolment is a volume and the arguments of systemd-cryptenroll with which its key
// is bound to the TPM. @N is the value that PCR N had in the initrd.
type enrolment struct{ name, args string }

func enrolments() []enrolment {
	const signed = "--tpm2-public-key=/run/systemd/tpm2-pcr-public-key.pem --tpm2-public-key-pcrs=11 --tpm2-signature="
	return []enrolment{
		{"none", "--tpm2-public-key= --tpm2-pcrs="}, {"p7", "--tpm2-public-key= --tpm2-pcrs=7"}, {"p0p7", "--tpm2-public-key= --tpm2-pcrs=0+7"},
		{"p4", "--tpm2-public-key= --tpm2-pcrs=4"}, {"p9", "--tpm2-public-key= --tpm2-pcrs=9:sha256=@9"},
		{"p11", "--tpm2-public-key= --tpm2-pcrs=11:sha256=@11"}, {"p12", "--tpm2-public-key= --tpm2-pcrs=12"},
		{"p14", "--tpm2-public-key= --tpm2-pcrs=14"}, {"p15", "--tpm2-public-key= --tpm2-pcrs=15:sha256=@15"}, {"p7p14", "--tpm2-public-key= --tpm2-pcrs=7+14"},
		{"pin", "--tpm2-public-key= --tpm2-pcrs=7 --tpm2-with-pin=yes"}, {"p11pin", "--tpm2-public-key= --tpm2-pcrs=11:sha256=@11 --tpm2-with-pin=yes"},
		{"signed", "--tpm2-pcrs= " + signed},
		{"lock", "--tpm2-public-key= --tpm2-pcrs= --tpm2-pcrlock=/var/lib/systemd/pcrlock.json"},
		{"shards", "--tpm2-pcrs= --tpm2-pcrlock=/var/lib/systemd/pcrlock.json " + signed},
	}
}

// recorder writes down the PCRs that volumes are opened with.
const recorder = `[Unit]
DefaultDependencies=no
After=systemd-tpm2-setup-early.service systemd-pcrphase-initrd.service systemd-pcrosseparator.service systemd-pcrnvdone.service
Before=cryptsetup-pre.target cryptsetup.target initrd-switch-root.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'for bank in sha1 sha256 sha384 sha512; do n=0; while [ $$n -lt 24 ]; do [ ! -e /sys/class/tpm/tpm0/pcr-$$bank/$$n ] || echo $$bank $$n $$(cat /sys/class/tpm/tpm0/pcr-$$bank/$$n); n=$$((n+1)); done; done >/run/initrd-pcrs'
`

const enroll = `#!/bin/sh
set -e
n=$1
shift
printf pass >/run/key
cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/vdb$n /run/key
NEWPIN=1234 systemd-cryptenroll --unlock-key-file=/run/key --tpm2-device=auto --tpm2-pcrlock= "$@" /dev/vdb$n
`

// A tpmLab is a machine with a TPM and a volume for each enrolment.
type tpmLab struct {
	*vm.Guest
	t *testing.T
}

// TestE2ETPM: what check and show --pcrs predict is what happens, for every volume and
// every PCR. A boot takes minutes here: each answers a question of its own.
func TestE2ETPM(t *testing.T) {
	l := newTPMLab(t)
	l.enroll()

	// Nothing is measured in the next boots, so that the values of this one stay.
	unmeasured := l.without("pin", "p11", "p11pin", "p15", "signed", "shards")
	l.MustRun(`printf 'tpm.measured_os = "auto"\n' >/etc/kexec-bls.toml`)
	assert.Equal(t, unmeasured, l.kexec("lab.efi"), "the parameter is added where it helps")
	assert.Contains(t, l.MustRun("cat /proc/cmdline"), "systemd.tpm2_measured_os=no")
	l.MustRun("systemctl unmask systemd-pcrlock-make-policy.service")
	assert.NotContains(t, l.shown("lab.efi").Cmdline, "systemd.tpm2_measured_os", "the policy of systemd-pcrlock could be emptied")
	l.MustRun("systemctl mask systemd-pcrlock-make-policy.service; rm /etc/kexec-bls.toml")
	noLock := slices.DeleteFunc(slices.Clone(unmeasured), func(n string) bool { return n == "lock" })
	assert.Equal(t, noLock, l.kexec("old.conf"), "no separator")

	assert.Equal(t, []string{"none"}, l.kexec("lab.efi"), "first kexec")
	assert.Equal(t, []string{"none"}, l.kexec("lab.efi"), "second kexec")

	l.Guest.Reboot("bootctl set-oneshot plain.conf && kexec-bls reboot --firmware")
	assert.Equal(t, []string{"none", "p7", "p0p7", "p14", "p15", "p7p14", "lock"},
		l.kexec("lab.efi", "--append=systemd.tpm2_measured_os=yes"), "from Type #1, measured")
}

// TestLongTPM is the first kexec of TestE2ETPM.
func TestLongTPM(t *testing.T) {
	l := newTPMLab(t)
	l.enroll()
	assert.Equal(t, []string{"none"}, l.kexec("lab.efi"))
}

// enroll makes the volumes, and boots through firmware until nothing but the PINs is
// missing to open them.
func (l tpmLab) enroll() {
	l.t.Helper()
	l.MustRun("/usr/lib/systemd/systemd-pcrlock make-policy --pcr=14 --location=770 && grep -q '\"pcr\":14' /var/lib/systemd/pcrlock.json && ls /efi/loader/credentials/pcrlock.*.cred")
	l.MustRun("systemctl mask systemd-pcrlock-make-policy.service")
	// The first boot creates the boot secret, and its policy goes into PCRs of the next.
	l.Guest.Reboot("systemctl reboot")
	seen := l.seen()
	for i, e := range enrolments() {
		args := regexp.MustCompile(`@[0-9]+`).ReplaceAllStringFunc(e.args, func(pcr string) string { return seen["sha256 "+pcr[1:]] })
		l.MustRun(fmt.Sprintf("/usr/lib/vm/enroll %d %s", i+1, args))
	}
	l.Guest.Reboot("systemctl reboot")
	assert.Equal(l.t, l.without("pin", "p11pin"), l.open(), "after a start by firmware")
}

func newTPMLab(t *testing.T) tpmLab {
	t.Helper()
	d := vm.FindDebian(t, vm.Sid)
	s := setup{suite: vm.Sid, tpm: true}
	var tab strings.Builder
	var volumes []vm.Partition
	for i, e := range enrolments() {
		fmt.Fprintf(&tab, "%s /dev/vdb%d none tpm2-device=auto,headless\n", e.name, i+1)
		volumes = append(volumes, vm.Partition{Type: "0fc63daf-8483-4772-8e79-3d69d8477de4"})
	}
	const units, entry = "usr/lib/systemd/system/", "linux /debian/linux\ninitrd /debian/systemd.img\ninitrd /debian/tpm.img\noptions "
	extra := vm.Zstd(t, vm.Archive(t, cpio.StaticFile("etc/crypttab", tab.String(), 0o600), cpio.StaticFile(units+"pcr-recorder.service", recorder, 0o644),
		cpio.Symlink(units+"sysinit.target.wants/pcr-recorder.service", "../pcr-recorder.service")))
	base, err := os.ReadFile(d.SystemdInitrd)
	require.NoError(t, err)
	s.boot = map[string][]byte{
		"EFI/Linux/lab.efi":  measuredUKI(t, d, s.options("entry=lab"), append(append(base, make([]byte, -len(base)&3)...), extra...)),
		"debian/systemd.img": base, "debian/tpm.img": extra,
		"debian/old.img": vm.Archive(t, cpio.Symlink("etc/systemd/system/systemd-pcrosseparator.service", "/dev/null"),
			cpio.Symlink("etc/systemd/system/systemd-pcrnvdone.service", "/dev/null")),
		"loader/entries/plain.conf": []byte(entry + s.options("entry=plain") + "\n"),
		"loader/entries/old.conf":   []byte(entry + s.options("entry=old") + "\ninitrd /debian/old.img\n"),
		"loader/loader.conf":        []byte("timeout 0\ndefault lab.efi\n"),
	}
	s.root = map[string][]byte{"usr/lib/vm/enroll": []byte(enroll)}
	s.disks = []string{vm.Disk(t, volumes...)}
	return tpmLab{s.start(t), t}
}

// measuredUKI is an image with policies for PCR 11 in each phase that a new key signed.
func measuredUKI(t *testing.T, d vm.Debian, cmdline string, initrd []byte) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	stub, err := os.ReadFile(d.Stub)
	require.NoError(t, err)
	sections := []fixtures.Section{
		{Name: ".linux", Data: d.Kernel.Bytes(t)}, fixtures.Text(".osrel", "ID=test\nNAME=Test\nVERSION_ID=1\n"), fixtures.Text(".cmdline", cmdline),
		{Name: ".initrd", Data: initrd}, fixtures.Text(".uname", d.Kernel.Version),
		{Name: ".pcrpkey", Data: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})},
	}
	measured := slices.Insert(slices.Clone(sections), 5, fixtures.Section{Name: ".sbat", Data: sectionOf(t, stub, ".sbat")})
	var pcr [32]byte
	extend := func(data []byte) {
		pcr = [32]byte(sum(append(pcr[:], sum(data)...)))
	}
	for _, s := range measured {
		extend([]byte(s.Name + "\x00"))
		extend(s.Data)
	}
	fingerprint := hex.EncodeToString(sum(x509.MarshalPKCS1PublicKey(&key.PublicKey)))
	var signed []map[string]any
	for _, phase := range []string{"enter-initrd", "leave-initrd", "sysinit", "ready"} {
		extend([]byte(phase))
		policy := binary.BigEndian.AppendUint32(make([]byte, 32), 0x17f) // TPM2_PolicyPCR
		policy = sum(append(append(policy, 0, 0, 0, 1, 0, 0x0b, 3, 0, 8, 0), sum(pcr[:])...))
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum(policy))
		require.NoError(t, err)
		signed = append(signed, map[string]any{"pcrs": []int{11}, "pkfp": fingerprint, "pol": hex.EncodeToString(policy), "sig": signature})
	}
	signatures, err := json.Marshal(map[string]any{"sha256": signed})
	require.NoError(t, err)
	return withSections(t, stub, append(sections, fixtures.Section{Name: ".pcrsig", Data: signatures})...)
}

func sum(b []byte) []byte {
	s := sha256.Sum256(b)
	return s[:]
}

func sectionOf(t *testing.T, image []byte, name string) []byte {
	t.Helper()
	f, err := pe.NewFile(bytes.NewReader(image))
	require.NoError(t, err)
	s := f.Section(name)
	require.NotNil(t, s)
	data, err := s.Data()
	require.NoError(t, err)
	return data[:min(len(data), int(s.VirtualSize))]
}

func (l tpmLab) names() []string {
	var names []string
	for _, e := range enrolments() {
		names = append(names, e.name)
	}
	return names
}

// without are the names of all enrolments but some.
func (l tpmLab) without(names ...string) []string {
	return slices.DeleteFunc(l.names(), func(n string) bool { return slices.Contains(names, n) })
}

// open are the volumes that are open, in the order of enrolments.
func (l tpmLab) open() []string {
	there := strings.Fields(l.MustRun("ls /dev/mapper"))
	return slices.DeleteFunc(l.names(), func(n string) bool { return !slices.Contains(there, n) })
}

// seen are the PCRs that the initrd had, "sha256 7" to hexadecimal.
func (l tpmLab) seen() map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(l.MustRun("cat /run/initrd-pcrs")) {
		f := strings.Fields(line)
		values[f[0]+" "+f[1]] = strings.ToLower(f[2])
	}
	return values
}

// shown is what is predicted.
func (l tpmLab) shown(command string) (p report.Plan) {
	l.t.Helper()
	require.NoError(l.t, json.Unmarshal([]byte(l.MustRun("kexec-bls show --pcrs --json=short "+command)), &p))
	return p
}

// kexec goes into an entry, holds what was predicted against what is there then, and
// returns what is open.
func (l tpmLab) kexec(entry string, args ...string) []string {
	l.t.Helper()
	command := entry + " " + strings.Join(args, " ")
	shown := l.shown(command)
	l.Guest.Reboot("kexec-bls reboot " + command)
	seen, open := l.seen(), l.open()
	l.t.Logf("%s: open %v", command, open)
	require.NotEmpty(l.t, seen)
	for _, p := range shown.PCRs.Values {
		name := fmt.Sprintf("%s %d", p.Bank, p.PCR)
		if p.PCR == 10 && (p.Bank == "sha384" || p.Bank == "sha512") { // of a module that IMA may start without
			assert.Nil(l.t, p.Next, "%s: %s", command, name)
			assert.Contains(l.t, p.Why, "IMA", "%s: %s", command, name)
			continue
		}
		if assert.NotNil(l.t, p.Next, "%s: %s: %s", command, name, p.Why) {
			assert.Equal(l.t, seen[name], *p.Next, "%s: %s: %v", command, name, p.By)
		}
	}
	assert.Len(l.t, shown.PCRs.Values, len(seen))
	for _, name := range l.names() {
		of := slices.DeleteFunc(slices.Clone(shown.Findings), func(f loader.Finding) bool { return f.Volume != name })
		if assert.Len(l.t, of, 1, "%s: %s", command, name) {
			want := map[bool]string{true: "tpm2-opens", false: "tpm2-unlock"}[slices.Contains(open, name)]
			assert.Equal(l.t, want, string(of[0].ID), "%s: %s: %s", command, name, of[0].Text)
		}
	}
	return open
}
