package preflight

import (
	"fmt"
	"slices"
	"strings"
)

// signature holds the kernel file against what the running kernel demands
// (kimage_validate_signature, kernel/kexec_file.c): with
// CONFIG_KEXEC_SIG_FORCE, or under lockdown, a signature by a key that it
// trusts.
func signature(l *look) []Finding {
	config := l.config()
	_, mode, _ := strings.Cut(l.sys.text("kernel/security/lockdown"), "[")
	mode, _, _ = strings.Cut(mode, "]")
	var demand string
	switch {
	case mode == "integrity" || mode == "confidentiality":
		demand = "lockdown is on (" + mode + ")"
	case config["CONFIG_KEXEC_SIG_FORCE"] == "y":
		demand = "the running kernel loads only signed kernels"
	default:
		return l.secureBoot()
	}
	if f := l.verifier(config, demand); f != nil {
		return f
	}
	return l.signer(demand)
}

const signatureID = "kernel-signature"

// verifier finds a running kernel that was built so that it cannot verify
// this kernel file. Before 5.4 CONFIG_KEXEC_SIG had another name.
func (l *look) verifier(config map[string]string, demand string) []Finding {
	if config == nil {
		return nil
	}
	if config["CONFIG_KEXEC_SIG"] == "" && config["CONFIG_KEXEC_VERIFY_SIG"] == "" {
		return []Finding{{signatureID, Warning, demand + ", and the running kernel was built without CONFIG_KEXEC_SIG: it may refuse every kernel", "if it does, " + byFirmware}}
	}
	option := map[string]string{"bzImage": "CONFIG_KEXEC_BZIMAGE_VERIFY_SIG", "Image": "CONFIG_KEXEC_IMAGE_VERIFY_SIG"}[l.Plan.Kernel.Format]
	if option == "" || config[option] == "y" || l.GOARCH != "amd64" && l.GOARCH != "arm64" {
		return nil
	}
	return []Finding{{signatureID, Blocker, demand + ", and the running kernel was built without " + option + ": it can verify no such kernel", byFirmware}}
}

// signer compares the signature with the keys that the running kernel trusts,
// as far as they can be seen.
func (l *look) signer(demand string) []Finding {
	s := l.Plan.Kernel.Signature
	if !s.Known {
		return []Finding{{signatureID, Warning, demand + ", and it could not be told whether the kernel file is signed", "if the load is refused, " + byFirmware}}
	}
	if !s.Signed {
		mend := "load a kernel that your distribution signed, or sign it with an enrolled key"
		if l.Plan.Kernel.Inner {
			mend = "sign the kernel before it is put into the image: the image's own signature does not count for kexec"
		}
		return []Finding{{signatureID, Blocker, demand + ", and the kernel file is not signed", mend}}
	}
	by := ""
	if s.Signer != "" {
		by = " by " + s.Signer
	}
	trusted, seen := l.trustedKeys()
	if slices.ContainsFunc(s.Keys, func(id string) bool { return trusted[id] }) {
		return nil
	}
	if !seen || s.Partial {
		return []Finding{{signatureID, Warning, fmt.Sprintf("%s, and it could not be seen whether the kernel trusts the key that signed the kernel file%s", demand, by), "run it as root; if the load is refused, " + byFirmware}}
	}
	return []Finding{{signatureID, Blocker, fmt.Sprintf("%s, and the kernel file is signed%s, whose key the running kernel does not trust", demand, by), "enrol that key, or load a kernel that your distribution signed"}}
}

// trustedKeys are the key identifiers of the certificates in /proc/keys. Its
// lines are ID FLAGS USAGE TIMEOUT PERM UID GID TYPE DESCRIPTION, the type cut
// at 9 characters; the description of a certificate is its name, a colon and
// the identifier in hexadecimal (x509_key_preparse). Only root sees those of
// the kernel's own keyrings.
func (l *look) trustedKeys() (ids map[string]bool, seen bool) {
	text := string(l.proc.readMax("keys", 4<<20))
	if !l.isRoot() || text == "" {
		*l.proc.unseen = append(*l.proc.unseen, "/proc/keys")
		return nil, false
	}
	ids = map[string]bool{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 9 || f[7] != "asymmetri" {
			continue
		}
		for _, w := range f[8:] {
			if id, ok := strings.CutSuffix(w, ":"); ok {
				ids[strings.ToLower(id)] = true
			}
		}
	}
	return ids, true
}

// secureBoot is about a kernel that kexec takes and the firmware would not.
func (l *look) secureBoot() []Finding {
	value := l.variable("SecureBoot", globalVendor)
	s := l.Plan.Kernel.Signature
	if len(value) != 1 || value[0] != 1 || !s.Known || s.Signed || l.Plan.Kernel.Inner {
		return nil
	}
	return []Finding{{"secure-boot", Warning, "Secure Boot is on and the kernel file is not signed: kexec takes it, the next boot through the firmware may not", "sign it, or have it signed, before the machine is switched off"}}
}
