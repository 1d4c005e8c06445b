package kexec

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// permission explains EPERM:
//   - no CAP_SYS_BOOT in the first user namespace (kexec_load_permitted);
//   - the sysctls kexec_load_disabled, also for an unload, and
//     kexec_load_limit_reboot, which every load and unload counts down;
//   - lockdown, when the signature was not verified, missing or of an unknown
//     key alike; for kexec_load always;
//   - a security module (LoadPin), a seccomp filter.
func permission(call op, s System) reason {
	if r, sure := s.noPrivilege(); sure {
		return r
	}
	if r, sure := s.switchedOff(call); sure {
		return r
	}
	switch {
	case call != opUnload && s.locked():
		return s.unverified()
	case s.refusesMemfd(unix.EPERM) && s.module() != "":
		return s.policy()
	case s.Xen0:
		return s.strange(reason{})
	case s.Seccomp:
		return reason{"a seccomp filter is on, and seems to forbid the call", "run it on the host; in a unit, add @reboot to SystemCallFilter="}
	case s.module() != "":
		return s.policy()
	}
	return reason{"not permitted, although neither capability, sysctl nor lockdown forbid it", "see the kernel and audit log for a security module"}
}

func (s System) noPrivilege() (r reason, sure bool) {
	switch {
	case s.Capable == No && s.UID != 0:
		return reason{fmt.Sprintf("only root may do this (CAP_SYS_BOOT), and this is user %d", s.UID), "run it as root"}, true
	case s.UserNS == Yes:
		return reason{"this is root of a container (a user namespace), who may not do this", "run it on the host"}, true
	case s.Capable == No:
		return reason{"root has no CAP_SYS_BOOT here, as in containers and confined services", "run it on the host; in a unit, add CAP_SYS_BOOT to CapabilityBoundingSet="}, true
	}
	return reason{}, false
}

func (s System) switchedOff(call op) (r reason, sure bool) {
	what := ""
	switch {
	case s.LoadDisabled:
		what = "kexec is switched off: kernel.kexec_load_disabled is 1"
	case s.LoadsLeft == 0:
		what = "no load is left: kernel.kexec_load_limit_reboot is 0"
	default:
		return reason{}, false
	}
	mend := "nothing but a boot sets it back: " + byFirmware
	if call == opUnload {
		mend = "what is loaded stays until the next boot; to go there through the firmware: SYSTEMCTL_SKIP_AUTO_KEXEC=1 systemctl reboot"
	}
	if s.Sysctl != "" {
		what += fmt.Sprintf(" (set in %s)", s.Sysctl)
	}
	return reason{what, mend}, true
}

func (s System) locked() bool { return s.Lockdown == "integrity" || s.Lockdown == "confidentiality" }

// unverified explains a refusal under lockdown.
func (s System) unverified() reason {
	why := s.Lockdown
	if s.SecureBoot == Yes {
		why += ", with Secure Boot"
	}
	if option := s.noVerifier(); option != "" {
		return reason{
			fmt.Sprintf("lockdown is on (%s), and this kernel was built without %s: it can verify no such image", why, option),
			byFirmware,
		}
	}
	mend := "load a kernel that your distribution signed, or enrol the key that signed this one"
	if s.SecureBoot == No {
		mend += ", or boot without lockdown="
	}
	return reason{fmt.Sprintf("lockdown is on (%s), and the kernel image is not signed by a key that this kernel trusts%s", why, s.trusts()), mend}
}

// noVerifier names the option without which a kernel, built so that it can be
// seen, verifies no image or none of this format. Before 5.4 the first had
// another name.
func (s System) noVerifier() string {
	missing := func(option string) bool { return s.Config[option] == "n" }
	switch {
	case missing("CONFIG_KEXEC_SIG") && missing("CONFIG_KEXEC_VERIFY_SIG"):
		return "CONFIG_KEXEC_SIG"
	case s.Image.Format == "bzImage" && missing("CONFIG_KEXEC_BZIMAGE_VERIFY_SIG"):
		return "CONFIG_KEXEC_BZIMAGE_VERIFY_SIG"
	case s.Image.Format == "arm64 Image" && missing("CONFIG_KEXEC_IMAGE_VERIFY_SIG"):
		return "CONFIG_KEXEC_IMAGE_VERIFY_SIG"
	}
	return ""
}

// trusts lists the keys, as far as one could see them.
func (s System) trusts() string {
	const shown = 3
	switch n := len(s.Keys); {
	case !s.KeysSeen:
		return ""
	case n == 0:
		return " (it trusts none)"
	case n > shown:
		return fmt.Sprintf(" (it trusts %s and %d more)", strings.Join(s.Keys[:shown], ", "), n-shown)
	default:
		return fmt.Sprintf(" (it trusts %s)", strings.Join(s.Keys, ", "))
	}
}

// signature explains what a check of the kernel image's signature, where one is
// demanded (CONFIG_KEXEC_SIG_FORCE, IMA's policy for the architecture), or a
// security module says:
//   - EKEYREJECTED: the digest differs, key or hash are in the revocation list,
//     or the loader of this format has no verifier (riscv, loongarch, ELF);
//   - ENODATA: a PE image without signatures;
//   - ENOKEY: the signer is in no keyring that counts;
//   - ENOPKG: unknown algorithm; EBADMSG: malformed PKCS#7; ELIBBAD: malformed
//     table of certificates in the PE image;
//   - EACCES: IMA appraisal, SELinux (system kexec_image_load), others.
func signature(errno syscall.Errno, s System) reason {
	const sign = "load a kernel that your distribution signed, or sign it with an enrolled key"
	switch errno {
	case unix.EKEYREJECTED:
		switch s.Image.Format {
		case "RISC-V Image", "ELF file":
			return reason{fmt.Sprintf("this kernel takes only signed images, and it cannot verify a %s", s.Image.Format), byFirmware}
		}
		return reason{"the signature does not fit the kernel image, or its key or hash is revoked (dbx)", reinstall}
	case unix.ENODATA:
		return reason{"the kernel image is not signed, and this kernel takes only signed ones", sign}
	case unix.ENOKEY:
		return reason{"the key that signed the kernel image is not one that this kernel trusts" + s.trusts(), "enrol that key, or load a kernel that your distribution signed"}
	case unix.ENOPKG:
		return reason{"the signature of the kernel image uses an algorithm that this kernel lacks", "sign it with RSA and SHA-256"}
	case unix.EBADMSG:
		return reason{"the signature of the kernel image is malformed", "sign it again, or " + reinstall}
	case unix.ELIBBAD:
		return reason{"the table of signatures in the kernel image is malformed", "sign it again, or " + reinstall}
	}
	return s.policy()
}

// policy explains the word of a security module.
func (s System) policy() reason {
	by := "a security policy"
	if name := s.module(); name != "" {
		by += " (" + name + ")"
	}
	if s.memoryBlamed() {
		return reason{by + " refuses a file that exists only in memory", "use an entry with a plain kernel and a single initrd, or let the policy allow it"}
	}
	return reason{by + " refuses the kernel image or the initrd", "let the policy allow it; the audit log names the rule"}
}

// module names the security modules that may have refused: those in the kernel
// log, else those of the active ones that judge what the kernel reads.
func (s System) module() string {
	for _, m := range []struct{ word, name string }{
		{"LoadPin:", "LoadPin"}, {"ima:", "IMA"}, {"appraise", "IMA"}, {"avc:", "SELinux"},
	} {
		if slices.ContainsFunc(s.Words, func(line string) bool { return strings.Contains(line, m.word) }) {
			return m.name
		}
	}
	var active []string
	for _, m := range s.LSMs {
		switch m {
		case "loadpin", "ima", "ipe", "selinux":
			active = append(active, m)
		}
	}
	return strings.Join(active, ", ")
}

// refusesMemfd is whether the same load may succeed with files of a file
// system. EPERM has causes that it cannot help with.
func (s System) refusesMemfd(errno syscall.Errno) bool {
	if !s.memoryBlamed() {
		return false
	}
	_, powerless := s.noPrivilege()
	_, off := s.switchedOff(opFile)
	return errno == unix.EACCES || errno == unix.EPERM && !powerless && !off && !s.locked()
}

// memoryBlamed is whether a file in memory may be what a policy refuses: there
// is one, and the kernel log, where it names a file, names that one.
func (s System) memoryBlamed() bool {
	if !s.Image.Kernel.Memfd && !s.Image.Initrd.Memfd {
		return false
	}
	named := false
	for _, line := range s.Words {
		if strings.Contains(line, "memfd:") {
			return true
		}
		named = named || strings.Contains(line, ` name="`) || strings.Contains(line, ` obj="`)
	}
	return !named
}
