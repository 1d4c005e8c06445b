package tpm

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"io/fs"
	"path"
	"strings"
	"unicode/utf16"
)

// A Machine is what of the running system decides which PCR values the next
// initrd finds. The zero value is a machine without a TPM.
type Machine struct {
	// Banks are the PCR values of now, by bank: "sha1", "sha256", "sha384",
	// "sha512".
	Banks map[string]Values
	// Cmdline is that of the running kernel.
	Cmdline string
	// Stub is set where StubPcrKernelImage shows that systemd-stub measured the UKI
	// of the last firmware boot; the variable is still there after a kexec.
	Stub bool
	// Firmware is set where firmware knows a TPM2.
	Firmware bool
	// Ready and Sysinit are set where an orderly stop extends PCR 11 by "shutdown"
	// and "final".
	Ready, Sysinit bool
	// Crypttab is /etc/crypttab.
	Crypttab string
	// PCRLock is /var/lib/systemd/pcrlock.json; PCRLockUsed is set where there is
	// one, readable or not.
	PCRLock     []byte
	PCRLockUsed bool
	// MakePolicy is what becomes of systemd-pcrlock-make-policy.service.
	MakePolicy UnitState
	// Masks is set where systemd.mask= is obeyed: by systemd-debug-generator.
	Masks bool
	// SigningKey is set where systemd-cryptenroll finds a tpm2-pcr-public-key.pem
	// and binds to signed policies by default.
	SigningKey bool
	// FirmwareBoot is for the caller to set where the running kernel is known to
	// have been started by firmware's boot loader, not by kexec. Then the PCRs of
	// now are those that a boot through firmware leaves.
	FirmwareBoot bool

	ima imaState
}

// A UnitState is whether a unit starts by itself.
type UnitState int

// States of a unit; the zero value is one that something may start.
const (
	UnitIdle UnitState = iota
	UnitEnabled
	UnitMasked
)

const (
	loaderGUID     = "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
	efivars        = "sys/firmware/efi/efivars/"
	stubVariable   = efivars + "StubPcrKernelImage" + loaderGUID
	banksVariable  = efivars + "LoaderTpm2ActivePcrBanks" + loaderGUID
	makePolicyUnit = "systemd-pcrlock-make-policy.service"
	maxFile        = 4 << 20 // of what is read whole
)

// ReadMachine reads what it can; what is not there or not readable is left zero.
// Root is the root directory of the running system.
func ReadMachine(root fs.FS) Machine {
	m := Machine{
		Banks:      readBanks(root),
		Cmdline:    strings.TrimRight(string(read(root, "proc/cmdline")), "\n"),
		Stub:       variable(read(root, stubVariable)) == "11",
		Crypttab:   string(read(root, "etc/crypttab")),
		PCRLock:    read(root, "var/lib/systemd/pcrlock.json"),
		MakePolicy: unitState(root, makePolicyUnit),
		Masks:      exists(root, "usr/"+debugGenerator) && !nullified(root, "etc/systemd/system-generators/systemd-debug-generator"),
		ima:        readIMA(root),
	}
	for _, name := range []string{banksVariable, "sys/firmware/acpi/tables/TPM2", "sys/kernel/security/tpm0/binary_bios_measurements"} {
		m.Firmware = m.Firmware || exists(root, name)
	}
	log := read(root, "run/log/systemd/tpm2-measure.log")
	m.Ready = phase(log, "ready", "shutdown") || invoked(root, "systemd-pcrphase.service") && logged(log, "ready") == 0
	m.Sysinit = phase(log, "sysinit", "final") || invoked(root, "systemd-pcrphase-sysinit.service") && logged(log, "sysinit") == 0
	m.PCRLockUsed = exists(root, "var/lib/systemd/pcrlock.json")
	for _, dir := range []string{"etc", "run", "usr/local/lib", "usr/lib"} {
		m.SigningKey = m.SigningKey || exists(root, dir+"/systemd/tpm2-pcr-public-key.pem")
	}
	return m
}

// variable is the text of an EFI variable, after its four bytes of attributes.
func variable(b []byte) string {
	if len(b) < 4 || len(b) > 64 {
		return ""
	}
	var units []uint16
	for b = b[4:]; len(b) >= 2; b = b[2:] {
		units = append(units, binary.LittleEndian.Uint16(b))
	}
	return strings.TrimRight(string(utf16.Decode(units)), "\x00")
}

// A logged word is a record of systemd's measurement log, a sequence of JSON
// texts (RFC 7464).
type loggedWord struct {
	PCR     *int `json:"pcr"`
	Content struct {
		String string `json:"string"`
	} `json:"content"`
}

// logged is how often a word was measured into PCR 11.
func logged(log []byte, word string) int {
	n := 0
	for record := range bytes.SplitSeq(log, []byte{0x1e}) {
		var w loggedWord
		if json.Unmarshal(record, &w) == nil && w.PCR != nil && *w.PCR == 11 && w.Content.String == word {
			n++
		}
	}
	return n
}

// phase reports whether a phase was entered more often than it was left.
func phase(log []byte, enter, leave string) bool { return logged(log, enter) > logged(log, leave) }

// invoked reports whether systemd started a unit in this boot.
func invoked(root fs.FS, unit string) bool {
	_, err := fs.ReadLink(root, "run/systemd/units/invocation:"+unit)
	return err == nil
}

// unitState looks at the links of a unit of the system. A mask in /run is gone in
// the next boot.
func unitState(root fs.FS, unit string) UnitState {
	if nullified(root, "etc/systemd/system/"+unit) {
		return UnitMasked
	}
	for _, dir := range []string{"etc", "run", "usr/lib"} {
		if wants, err := fs.Glob(root, path.Join(dir, "systemd/system/*.wants", unit)); err == nil && len(wants) > 0 {
			return UnitEnabled
		}
	}
	return UnitIdle
}

// nullified reports whether a file switches off the one that it overrides: a link to
// /dev/null, or empty.
func nullified(root fs.FS, name string) bool {
	if target, err := fs.ReadLink(root, name); err == nil {
		return target == "/dev/null"
	}
	info, err := fs.Lstat(root, name)
	return err == nil && info.Mode().IsRegular() && info.Size() == 0
}

func exists(root fs.FS, name string) bool {
	_, err := fs.Lstat(root, name)
	return err == nil
}

// read is a file up to maxFile bytes, nil where there is none.
func read(root fs.FS, name string) []byte {
	f, err := root.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil || len(b) > maxFile {
		return nil
	}
	return b
}
