package preflight

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// A Crypt is an open encrypted device that the system was started from.
type Crypt struct {
	Name   string // of the mapping
	UUID   string // of the LUKS header, lower case with dashes; "" for others
	Device string // kernel name of what it is on; "" is not known
}

// An Unlocking is what the headers of encrypted volumes show of how they open.
type Unlocking struct {
	Findings []Finding
	// Tokens are the names of volumes that may open without a passphrase.
	Tokens []string
	// Bare are the names of volumes without any token, which no TPM and no key of
	// another device opens.
	Bare []string
}

// An Unlock looks at the headers of the volumes that the next system opens, and at
// those of the given ones, by the files below root. It returns nothing about those
// that only a passphrase opens.
type Unlock func(root fs.FS, open []Crypt) Unlocking

// unlock finds how the encrypted disks below the system will be opened by the
// new kernel: the keys die with the old one.
func unlock(l *look) []Finding {
	open := l.bootCrypts()
	var u Unlocking
	if l.Plan.Unlock != nil && l.host.FS != nil {
		u = l.Plan.Unlock(l.host.FS, open)
	}
	for _, c := range open {
		if !slices.Contains(u.Tokens, c.Name) {
			u.Findings = append(u.Findings, l.passphrase(c, slices.Contains(u.Bare, c.Name))...)
		}
	}
	return u.Findings
}

func (l *look) passphrase(c Crypt, bare bool) []Finding {
	if l.crypttab(c).automatic(bare) || l.keyOnCmdline() {
		return nil
	}
	severity := Info
	if l.console() == "" {
		severity = Warning
	}
	return one(severity, IDLUKSPassphrase, fmt.Sprintf("the passphrase of %s will be asked for, as at every boot", c.Name), "be there to type it: "+l.typing())
}

// typing returns where a passphrase could be typed.
func (l *look) typing() string {
	if where := l.console(); where != "" {
		return "there is " + where
	}
	return "no serial console and no connected screen was seen"
}

// A crypttabLine is what crypttab(5) has about a device. The zero value is none.
type crypttabLine struct {
	key     string
	options []string
}

func (t crypttabLine) has(option string) bool {
	return slices.ContainsFunc(t.options, func(o string) bool { return o == option || strings.HasPrefix(o, option+"=") })
}

// automatic reports whether something other than a passphrase opens it; bare is set
// where no token is in its header.
func (t crypttabLine) automatic(bare bool) bool {
	keyed := t.key != "" && t.key != "none" && t.key != "-"
	return keyed || t.has("keyscript") || !bare && (t.has("fido2-device") || t.has("pkcs11-uri") || t.has("tpm2-device"))
}

// crypttab finds the line of a device, by its name or its UUID; and the options
// that the command line adds (systemd-cryptsetup-generator(8)).
func (l *look) crypttab(c Crypt) crypttabLine {
	var out crypttabLine
	for line := range strings.Lines(l.host.Text("etc/crypttab")) {
		f := strings.Fields(line)
		if len(f) < 2 || strings.HasPrefix(f[0], "#") || f[0] != c.Name && (c.UUID == "" || !strings.EqualFold(f[1], "UUID="+c.UUID)) {
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
		if id, rest, ok := strings.Cut(options, "="); ok && strings.EqualFold(id, c.UUID) {
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
