package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// signature compares the kernel file with what the running kernel requires
// (kimage_validate_signature, kernel/kexec_file.c): with
// CONFIG_KEXEC_SIG_FORCE, or under lockdown, a signature by a key that it
// trusts.
func signature(l *look) []Finding {
	var required string
	switch {
	case l.locked():
		required = "lockdown is on (" + l.host.Lockdown() + ")"
	case l.host.RunningConfig().BuiltIn("CONFIG_KEXEC_SIG_FORCE"):
		required = "the running kernel loads only signed kernels"
	default:
		return l.secureBoot()
	}
	if option := l.missingVerifier(l.Plan.Kernel.Format); option != "" {
		f := unverifiable(required, option)
		if option == sigOption {
			f.Severity = Warning
		}
		return []Finding{f}
	}
	return l.signer(required)
}

func (l *look) locked() bool {
	mode := l.host.Lockdown()
	return mode == "integrity" || mode == "confidentiality"
}

const sigOption = "CONFIG_KEXEC_SIG"

// missingVerifier names the option without which the running kernel, where its
// configuration is known, verifies no image or none of this format. Before 5.4
// the first had another name.
func (l *look) missingVerifier(format string) string {
	config := l.host.RunningConfig()
	if config.Off(sigOption) && config.Off("CONFIG_KEXEC_VERIFY_SIG") {
		return sigOption
	}
	option := ""
	switch format {
	case "bzImage":
		option = "CONFIG_KEXEC_BZIMAGE_VERIFY_SIG"
	case "Image", "arm64 Image":
		option = "CONFIG_KEXEC_IMAGE_VERIFY_SIG"
	}
	if option == "" || !config.Off(option) || l.host.GOARCH != "amd64" && l.host.GOARCH != "arm64" {
		return ""
	}
	return option
}

func unverifiable(required, option string) Finding {
	return one(Error, IDKernelSignature, fmt.Sprintf("%s, and the running kernel was built without %s: it can verify no such kernel", required, option), byFirmware)[0]
}

// signer compares the signature with the keys that the running kernel trusts,
// as far as they can be seen.
func (l *look) signer(required string) []Finding {
	s := l.Plan.Kernel.Signature
	if !s.Known {
		return one(Warning, IDKernelSignature, required+", and cannot determine whether the kernel file is signed", "if the load is refused, "+byFirmware)
	}
	if !s.Signed {
		hint := "load a kernel that your distribution signed, or sign it with an enrolled key"
		if l.Plan.Kernel.Inner {
			hint = "sign the kernel before it is put into the image: the image's own signature does not count for kexec"
		}
		return one(Error, IDKernelSignature, required+", and the kernel file is not signed", hint)
	}
	by := ""
	if s.Signer != "" {
		by = " by " + s.Signer
	}
	trusted, seen := l.trustedKeys()
	if slices.ContainsFunc(trusted, func(k host.Key) bool { return slices.Contains(s.Keys, k.ID) }) {
		return nil
	}
	if !seen || s.Partial {
		return one(Warning, IDKernelSignature, fmt.Sprintf("%s, and cannot determine whether the kernel trusts the key that signed the kernel file%s", required, by), "run it as root; if the load is refused, "+byFirmware)
	}
	return one(Error, IDKernelSignature, fmt.Sprintf("%s, and the kernel file is signed%s, whose key the running kernel does not trust%s", required, by, l.trusts()), "enrol that key, or load a kernel that your distribution signed")
}

// trustedKeys are the certificates in /proc/keys. Only root sees those of the
// kernel's own keyrings.
func (l *look) trustedKeys() (keys []host.Key, seen bool) {
	keys, seen = l.host.TrustedKeys()
	if l.host.UID != 0 || !seen {
		l.record.hide("/proc/keys")
		return nil, false
	}
	return keys, true
}

// trusts lists the names of the trusted keys, as far as they can be seen.
func (l *look) trusts() string {
	const shown = 3
	keys, seen := l.host.TrustedKeys()
	var names []string
	for _, k := range keys {
		if !slices.Contains(names, k.Name) {
			names = append(names, k.Name)
		}
	}
	switch n := len(names); {
	case !seen:
		return ""
	case n == 0:
		return " (it trusts none)"
	case n > shown:
		return fmt.Sprintf(" (it trusts %s and %d more)", strings.Join(names[:shown], ", "), n-shown)
	}
	return fmt.Sprintf(" (it trusts %s)", strings.Join(names, ", "))
}

// secureBoot is about a kernel that kexec takes and the firmware would not.
func (l *look) secureBoot() []Finding {
	s := l.Plan.Kernel.Signature
	if !s.Known || s.Signed || l.Plan.Kernel.Inner || l.secureBootState() != host.Yes {
		return nil
	}
	return one(Warning, IDSecureBoot, "Secure Boot is on and the kernel file is not signed: kexec takes it, the next boot through the firmware may not", "sign it, or have it signed, before the machine is switched off")
}
