package tpm

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// ErrKey is the error where the next initrd would not take a key that is handed over
// to it.
var ErrKey = errors.New("no key can be handed over to this kexec")

// Present reports whether a TPM 2.0 shows its PCRs, without asking it for any. Root is
// the root directory of the running system.
func Present(root fs.FS) bool {
	files, _ := fs.ReadDir(root, "sys/class/tpm/tpm0") // none
	return slices.ContainsFunc(files, func(f fs.DirEntry) bool { return strings.HasPrefix(f.Name(), "pcr-") })
}

// KeyDir is where in an initrd systemd-cryptsetup looks for keys.
const KeyDir = "etc/cryptsetup-keys.d"

// KeyPath is where in an initrd systemd-cryptsetup looks for the key of a volume that
// crypttab(5) names no key file for, since systemd 246.
func (v Volume) KeyPath() string { return KeyDir + "/" + v.Name + ".key" }

// HasKey reports whether the initrd has a key of a volume there.
func (i Initrd) HasKey(v Volume) bool { return i.has(v.KeyPath()) }

// WithoutKey are the volumes that the initrd opens and has no key of. The error is
// that of one for which it would not take a key at KeyPath.
func WithoutKey(b Boot, volumes []Volume) ([]Volume, error) {
	if err := b.Initrd.opensKnown(ErrKey); err != nil {
		return nil, err
	}
	var locked []Volume
	for _, v := range volumes {
		if !v.Initrd || v.absent() || v.Key != "" || v.option("noauto") || b.Initrd.HasKey(v) {
			continue
		}
		if err := v.takesKey(b); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrKey, v.Name, err)
		}
		locked = append(locked, v)
	}
	return locked, nil
}

// takesKey is the error of a volume that a key at KeyPath would not open.
func (v Volume) takesKey(b Boot) error {
	switch {
	case v.Err != nil:
		return fmt.Errorf("its LUKS2 header cannot be read: %w", v.Err)
	case !b.Initrd.has(release) || !b.Initrd.cryptsetup:
		return errors.New("what opens it in the next initrd is not systemd-cryptsetup")
	case strings.Contains(v.Name, "/"):
		return errors.New("its name has a slash")
	case slices.ContainsFunc(parameters(b.Cmdline), func(p parameter) bool { return p.key == "retain_initrd" || p.key == "keepinitrd" }):
		return errors.New("the kernel would keep the initrd, and with it the key (retain_initrd)")
	case v.option("tpm2-device") && v.value("tries") == "1":
		return errors.New("with the options tpm2-device and tries=1 no key is tried")
	}
	for _, o := range []string{"header", "keyscript", "fido2-device", "pkcs11-uri", "keyfile-size", "keyfile-offset", "tcrypt", "bitlk", "plain", "swap", "tmp"} {
		if v.option(o) {
			return fmt.Errorf("it has the option %s", o)
		}
	}
	return nil
}
