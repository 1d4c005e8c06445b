package preflight

import (
	"fmt"
	"slices"
	"strings"
)

// unlock finds how the encrypted disks below the system will be opened by the
// new kernel: the keys die with the old one.
func unlock(l *look) []Finding {
	var found []Finding
	for _, c := range l.bootCrypts() {
		found = append(found, l.unlockOne(c)...)
	}
	return found
}

func (l *look) unlockOne(c crypt) []Finding {
	tokens, seen := l.tokens(c)
	line := l.crypttab(c)
	viaTPM := slices.ContainsFunc(tokens, func(t token) bool { return t.TPM })
	switch {
	case viaTPM:
		return l.pcrs(c, tokens)
	case line.has("tpm2-device") && !seen:
		return one(Warning, IDTPM2Unlock, fmt.Sprintf("%s is opened by the TPM; which PCRs it is bound to could not be seen, and those of the boot itself have other values after a kexec", c.name),
			"run it as root to know; keep the passphrase ready: "+l.typing())
	case line.automatic() || l.keyOnCmdline() || len(tokens) > 0:
		return nil
	}
	severity := Info
	if l.console() == "" {
		severity = Warning
	}
	return one(severity, IDLUKSPassphrase, fmt.Sprintf("the passphrase of %s will be asked for, as at every boot", c.name), "be there to type it: "+l.typing())
}

// typing returns where a passphrase could be typed.
func (l *look) typing() string {
	if where := l.console(); where != "" {
		return "there is " + where
	}
	return "no serial console and no connected screen was seen"
}

// stays reports whether a PCR has the same value as in the initrd after a boot
// through the firmware. Those of firmware and its settings (0 to 3, 5 to 7) do.
// The others hold what the first boot measured of boot loader and kernel (4, 8,
// 9, 12, 13, 14), and what systemd has added since, which it adds again (11,
// 15); see systemd-pcrphase.service(8).
func stays(pcr int) bool { return pcr >= 0 && pcr <= 7 && pcr != 4 }

// pcrs checks the tokens of a device. One good token is enough.
func (l *look) pcrs(c crypt, tokens []token) []Finding {
	var differ []int
	lock := false
	for _, t := range tokens {
		bad := slices.DeleteFunc(slices.Clone(t.PCRs), stays)
		if !t.TPM && t.Type == "clevis" || t.TPM && len(bad) == 0 && !t.Lock {
			return nil // the network, or PCRs that stay
		}
		differ, lock = append(differ, bad...), lock || t.Lock
	}
	var against []string
	for _, n := range sorted(differ) {
		against = append(against, fmt.Sprintf("PCR %d", n))
	}
	if lock {
		against = append(against, "a policy of systemd-pcrlock")
	}
	return one(Warning, IDTPM2Unlock,
		fmt.Sprintf("%s is opened by the TPM against %s, and after a kexec that is not what it is after a boot: the passphrase will probably be asked for", c.name, strings.Join(against, ", ")),
		fmt.Sprintf("keep the passphrase ready (%s), %s, or bind it to PCR 7 alone (systemd-cryptenroll)", l.typing(), byFirmware))
}

// tokens reads the LUKS2 header of a device; seen reports whether it could be.
func (l *look) tokens(c crypt) (tokens []token, seen bool) {
	if c.device == "" || strings.Contains(c.device, "/") {
		return nil, false
	}
	head := l.host.ReadAt("dev/"+c.device, 0, luksBinary)
	size := luksSize(head)
	if size == 0 {
		return nil, head != nil
	}
	tokens, err := parseTokens(l.host.ReadAt("dev/"+c.device, luksBinary, size-luksBinary))
	return tokens, err == nil
}

// A crypttabLine is what crypttab(5) has about a device. The zero value is none.
type crypttabLine struct {
	key     string
	options []string
}

func (t crypttabLine) has(option string) bool {
	return slices.ContainsFunc(t.options, func(o string) bool { return o == option || strings.HasPrefix(o, option+"=") })
}

// automatic reports whether something other than a passphrase opens it.
func (t crypttabLine) automatic() bool {
	keyed := t.key != "" && t.key != "none" && t.key != "-"
	return keyed || t.has("fido2-device") || t.has("pkcs11-uri") || t.has("keyscript") || t.has("tpm2-device")
}

// crypttab finds the line of a device, by its name or its UUID; and the options
// that the command line adds (systemd-cryptsetup-generator(8)).
func (l *look) crypttab(c crypt) crypttabLine {
	var out crypttabLine
	for line := range strings.Lines(l.host.Text("etc/crypttab")) {
		f := strings.Fields(line)
		if len(f) < 2 || strings.HasPrefix(f[0], "#") || f[0] != c.name && (c.uuid == "" || !strings.EqualFold(f[1], "UUID="+c.uuid)) {
			continue
		}
		if len(f) > 2 {
			out.key = f[2]
		}
		if len(f) > 3 {
			out.options = strings.Split(f[3], ",")
		}
	}
	for _, w := range strings.Fields(l.Plan.Cmdline) {
		options, ok := strings.CutPrefix(w, "rd.luks.options=")
		if !ok {
			continue
		}
		if id, rest, ok := strings.Cut(options, "="); ok && strings.EqualFold(id, c.uuid) {
			options = rest
		}
		out.options = append(out.options, strings.Split(options, ",")...)
	}
	return out
}

// keyOnCmdline reports whether the command line names a key file: for dracut and
// systemd, for mkinitcpio's hook encrypt, for NBDE (clevis).
func (l *look) keyOnCmdline() bool {
	for _, key := range []string{"rd.luks.key", "luks.key", "cryptkey"} {
		if parameter(l.Plan.Cmdline, key) != "" {
			return true
		}
	}
	return false
}
