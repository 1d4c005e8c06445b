package kexec

import (
	"bytes"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// Answer to a question that cannot always be asked. The zero value is Unknown.
type Answer int8

// The answers.
const (
	Unknown Answer = iota
	No
	Yes
)

// System is what can be seen of the machine that bears on a refusal. Its zero
// value is a machine of which nothing is known.
type System struct {
	// Capable is CAP_SYS_BOOT in /proc/self/status, UserNS whether that is in
	// a user namespace below the first, where it does not count.
	Capable, UserNS Answer
	UID             int  // effective; meaningful when Capable is known
	Seccomp         bool // a filter is on
	// LoadDisabled is the sysctl kernel.kexec_load_disabled, LoadsLeft is
	// kernel.kexec_load_limit_reboot: -1 means no limit, as before Linux 6.3.
	LoadDisabled bool
	LoadsLeft    int
	Sysctl       string // file that sets one of the two, if one was found
	// Lockdown is none, integrity or confidentiality; empty if not known.
	Lockdown   string
	SecureBoot Answer
	LSMs       []string // active security modules
	// Config has the options of the running kernel that matter here: "y", "m"
	// or "n". It is nil when no configuration was found.
	Config map[string]string
	// Keys are the names of the certificates that the kernel can be seen to
	// trust. KeysSeen is false when /proc/keys could not be read.
	Keys     []string
	KeysSeen bool
	// Xen0 is a Xen host (dom0): its hypervisor does the kexec.
	Xen0 bool
	// Handover is a kernel with kho=on: state survives a kexec, but only
	// through kexec_file_load.
	Handover bool
	// RSDP is the physical address of the ACPI tables as EFI gave it; 0 if it
	// did not. EFI is whether EFI booted the machine.
	RSDP uint64
	EFI  bool
	// MemAvailable is in bytes; 0 if not known.
	MemAvailable uint64
	// Image is what was to be loaded, Words what the kernel logged about it.
	Image Image
	Words []string
}

// Inspect looks at a machine through its root directory, without changing
// anything. What cannot be read stays unknown.
func Inspect(root fs.FS) System {
	s := System{LoadsLeft: -1}
	s.readProcess(root)
	s.readSysctls(root)
	s.readSecurity(root)
	s.Config = kernelConfig(root)
	s.Keys, s.KeysSeen = trustedKeys(root)
	s.Xen0 = strings.Contains(readText(root, "proc/xen/capabilities"), "control_d")
	s.Handover = slices.Contains(strings.Fields(readText(root, "proc/cmdline")), "kho=on")
	s.readEFI(root)
	s.MemAvailable = kibibytes(fields(readText(root, "proc/meminfo"))["MemAvailable"])
	return s
}

func (s *System) readProcess(root fs.FS) {
	const capSysBoot = 22 // capability.h
	status := fields(readText(root, "proc/self/status"))
	if caps, err := strconv.ParseUint(status["CapEff"], 16, 64); err == nil {
		s.Capable = answer(caps>>capSysBoot&1 == 1)
	}
	if uids := strings.Fields(status["Uid"]); len(uids) > 1 {
		s.UID, _ = strconv.Atoi(uids[1]) // real, effective, …; the kernel's own text
	}
	s.Seccomp = status["Seccomp"] == "2"
	if uids := strings.Fields(readText(root, "proc/self/uid_map")); len(uids) > 0 {
		s.UserNS = answer(!slices.Equal(uids, []string{"0", "0", "4294967295"}))
	}
}

func (s *System) readSysctls(root fs.FS) {
	const disabled, limit = "kexec_load_disabled", "kexec_load_limit_reboot"
	s.LoadDisabled = readText(root, "proc/sys/kernel/"+disabled) == "1"
	if n, err := strconv.Atoi(readText(root, "proc/sys/kernel/"+limit)); err == nil {
		s.LoadsLeft = n
	}
	if !s.LoadDisabled && s.LoadsLeft != 0 {
		return
	}
	for _, dir := range []string{"etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "etc"} {
		files, _ := fs.Glob(root, dir+"/*.conf") // the pattern is fine
		for _, name := range files {
			if text := readText(root, name); strings.Contains(text, disabled) || strings.Contains(text, limit) {
				s.Sysctl = "/" + name
				return
			}
		}
	}
}

func (s *System) readSecurity(root fs.FS) {
	_, word, _ := strings.Cut(readText(root, "sys/kernel/security/lockdown"), "[")
	s.Lockdown, _, _ = strings.Cut(word, "]")
	if lsm := readText(root, "sys/kernel/security/lsm"); lsm != "" {
		s.LSMs = strings.Split(lsm, ",")
	}
}

// readEFI reads the variable SecureBoot (UEFI 3.3): 4 bytes of attributes, then
// one that is 1 when images are verified. A machine without EFI has none.
func (s *System) readEFI(root fs.FS) {
	const secureBoot = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
	if _, err := fs.Stat(root, "sys/firmware/efi"); err != nil {
		s.SecureBoot = No
		return
	}
	s.EFI = true
	if v := read(root, secureBoot); len(v) == 5 {
		s.SecureBoot = answer(v[4] == 1)
	}
	s.RSDP = rsdp(readText(root, "sys/firmware/efi/systab"))
}

// trustedKeys reads the certificates in /proc/keys: the kernel lists those that
// the reader may view, which for root are all of its own keyrings.
func trustedKeys(root fs.FS) (names []string, seen bool) {
	text := readText(root, "proc/keys")
	for line := range strings.Lines(text) {
		// ID FLAGS USAGE TIMEOUT PERM UID GID TYPE DESCRIPTION: SUMMARY
		f := strings.Fields(line)
		if len(f) < 9 || f[7] != "asymmetri" { // cut at 9 characters
			continue
		}
		name, _, _ := strings.Cut(strings.Join(f[8:], " "), ": ")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, text != ""
}

func answer(yes bool) Answer {
	if yes {
		return Yes
	}
	return No
}

// read returns at most 256 KiB of a regular file, nil when it cannot be read.
func read(root fs.FS, name string) []byte {
	if info, err := fs.Stat(root, name); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := root.Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // read only
	b, err := io.ReadAll(io.LimitReader(f, 256<<10))
	if err != nil {
		return nil
	}
	return b
}

func readText(root fs.FS, name string) string { return string(bytes.TrimSpace(read(root, name))) }

// fields splits lines of "Key: value", as in /proc/self/status.
func fields(text string) map[string]string {
	m := make(map[string]string)
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			m[key] = strings.TrimSpace(value)
		}
	}
	return m
}

func kibibytes(s string) uint64 {
	n, err := strconv.ParseUint(strings.TrimSuffix(s, " kB"), 10, 54)
	if err != nil {
		return 0
	}
	return n << 10
}
