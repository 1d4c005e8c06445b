package preflight

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/internal/refusal"
)

// badSignature explains what a check of the kernel image's signature, where one
// is required (lockdown, CONFIG_KEXEC_SIG_FORCE, IMA's policy for the
// architecture), answers:
//   - EPERM: under lockdown the signature was not verified, missing or of an
//     unknown key alike; for kexec_load always;
//   - EKEYREJECTED: the digest differs, key or hash are in the revocation list,
//     or the loader of this format has no verifier (riscv, loongarch, ELF);
//   - ENODATA: a PE image without signatures;
//   - ENOKEY: the signer is in no keyring that counts;
//   - ENOPKG: unknown algorithm; EBADMSG: malformed PKCS#7; ELIBBAD: malformed
//     table of certificates in the PE image.
func badSignature(l *look, r *refusedLoad) []Finding {
	const sign, again = "load a kernel that your distribution signed, or sign it with an enrolled key", "sign it again, or " + reinstall
	bad := func(text, hint string) []Finding { return one(Error, IDKernelSignature, text, hint) }
	switch r.Errno {
	case unix.EPERM:
		return l.unverified(r)
	case unix.EKEYREJECTED:
		if format := r.Image.Format; format == refusal.RISCV || format == refusal.ELF {
			return bad(fmt.Sprintf("this kernel takes only signed images, and it cannot verify a %s", format), byFirmware)
		}
		return bad("the signature does not fit the kernel image, or its key or hash is revoked (dbx)", reinstall)
	case unix.ENODATA:
		return bad("the kernel image is not signed, and this kernel takes only signed ones", sign)
	case unix.ENOKEY:
		return bad("the key that signed the kernel image is not one that this kernel trusts"+l.trusts(), "enrol that key, or load a kernel that your distribution signed")
	case unix.ENOPKG:
		return bad("the signature of the kernel image uses an algorithm that this kernel lacks", "sign it with RSA and SHA-256")
	case unix.EBADMSG:
		return bad("the signature of the kernel image is malformed", again)
	case unix.ELIBBAD:
		return bad("the table of signatures in the kernel image is malformed", again)
	}
	return nil
}

// unverified explains EPERM under lockdown.
func (l *look) unverified(r *refusedLoad) []Finding {
	if r.Call == refusal.Unload || !l.locked() {
		return nil
	}
	secureBoot := l.secureBootState()
	required := "lockdown is on (" + l.host.Lockdown()
	if secureBoot == host.Yes {
		required += ", with Secure Boot"
	}
	required += ")"
	if option := l.missingVerifier(string(r.Image.Format)); option != "" {
		return []Finding{unverifiable(required, option)}
	}
	if found := Errors(l.signer(required)); l.Plan.Kernel.Signature.Known && len(found) > 0 {
		return found
	}
	hint := "load a kernel that your distribution signed, or enrol the key that signed this one"
	if secureBoot == host.No {
		hint += ", or boot without lockdown="
	}
	return one(Error, IDKernelSignature, fmt.Sprintf("%s, and the kernel image is not signed by a key that this kernel trusts%s", required, l.trusts()), hint)
}

// memfdRefused explains EPERM of a security module that takes files from a
// trusted file system only, before vaguer causes.
func memfdRefused(l *look, r *refusedLoad) []Finding {
	if !r.is(unix.EPERM) || l.module(r) == "" || !memoryBlamed(r) {
		return nil
	}
	return l.policy(r)
}

// policyRefused explains a security module: EACCES of IMA appraisal, SELinux
// (system kexec_image_load) and others, EPERM of LoadPin.
func policyRefused(l *look, r *refusedLoad) []Finding {
	if r.is(unix.EACCES) || r.is(unix.EPERM) && l.module(r) != "" {
		return l.policy(r)
	}
	return nil
}

func (l *look) policy(r *refusedLoad) []Finding {
	by := "a security policy"
	if name := l.module(r); name != "" {
		by += " (" + name + ")"
	}
	if memoryBlamed(r) {
		return one(Error, IDSecurityPolicy, by+" refuses a file that exists only in memory", "use an entry with a plain kernel and a single initrd, or let the policy allow it")
	}
	return one(Error, IDSecurityPolicy, by+" refuses the kernel image or the initrd", "let the policy allow it; the audit log names the rule")
}

// module names the security modules that may have refused: those in the kernel
// log, else those of the active ones that check what the kernel reads.
func (l *look) module(r *refusedLoad) string {
	for _, m := range []struct{ text, name string }{
		{"LoadPin:", "LoadPin"}, {"ima:", "IMA"}, {"appraise", "IMA"}, {"avc:", "SELinux"},
	} {
		if r.logged(m.text) {
			return m.name
		}
	}
	readers := []string{"loadpin", "ima", "ipe", "selinux"}
	active := slices.DeleteFunc(l.host.LSMs(), func(m string) bool { return !slices.Contains(readers, m) })
	return strings.Join(active, ", ")
}

// memoryBlamed reports whether a file in memory may be what a policy refuses:
// there is one, and the kernel log, where it names a file, names that one.
func memoryBlamed(r *refusedLoad) bool {
	if !r.Image.Kernel.Memfd && !r.Image.Initrd.Memfd {
		return false
	}
	return r.logged("memfd:") || !r.logged(` name="`) && !r.logged(` obj="`)
}
