package tpm

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/tpm/internal/policy"
	"github.com/kexec-bls/kexec-bls/loader/tpm/luks2"
)

// OncePCR is the PCR that a token for one kexec is bound to, besides others. It is
// left to applications (PC Client Platform TPM Profile, PCR 23): nothing of firmware,
// of a boot loader or of systemd measures into it, and a start by firmware makes it
// zero. A random digest that nobody keeps, measured into it, gives it a value that no
// boot reaches; a kexec keeps it.
const OncePCR = 23

const onceBank = "sha256"

// ErrOnce is the error where no token can be made for one kexec.
var ErrOnce = errors.New("no key can be made for this kexec alone")

// A Seal is what a token for one kexec is bound to.
type Seal struct {
	PCRs []int
	// Values are their predicted values, as systemd-cryptenroll takes them after
	// --tpm2-pcrs=.
	Values string
	// Policy is the digest of the policy, which no other token has.
	Policy []byte
}

// Marked is the value of OncePCR after a digest was measured into it.
func Marked(digest [sha256.Size]byte) []byte {
	value := sha256.Sum256(append(make([]byte, sha256.Size), digest[:]...))
	return value[:]
}

// Once is the present value of OncePCR, nil where it is not known.
func (m Machine) Once() []byte { return m.Banks[onceBank][OncePCR] }

// Sealed reports whether a TPM may release a key of the volume to systemd-cryptenroll.
func (v Volume) Sealed() bool {
	return slices.ContainsFunc(v.Header.Tokens, func(t luks2.Token) bool { return t.TPM2 != nil })
}

// OnceFree reports whether OncePCR can be used: it is there, and nothing was measured
// into it. The error is why not.
func (m Machine) OnceFree() error {
	value := m.Once()
	switch {
	case value == nil:
		return fmt.Errorf("%w: the TPM has no PCR bank %s", ErrOnce, onceBank)
	case !bytes.Equal(value, make([]byte, sha256.Size)):
		return hint.Errorf("tpm2_pcrreset 23, if nothing on this machine needs its value", "%w: something uses PCR %d", ErrOnce, OncePCR)
	}
	return nil
}

// Locked are the volumes that the initrd opens and no token opens without a person.
// The error is that of one which no token would open either.
func Locked(m Machine, b Boot, volumes []Volume) ([]Volume, error) {
	if len(m.Banks) == 0 {
		return nil, fmt.Errorf("%w: no TPM 2.0 shows its PCRs in /sys/class/tpm/tpm0", ErrOnce)
	}
	if err := b.Initrd.opensKnown(ErrOnce); err != nil {
		return nil, err
	}
	c := check{machine: m, boot: b, volumes: volumes}
	now := c.scene(b.Cmdline)
	var locked []Volume
	for _, v := range volumes {
		if !v.Initrd || v.absent() || v.Key != "" || v.option("noauto") {
			continue
		}
		if verdict, _ := c.volume(now, v); verdict.state == opens && !verdict.pin {
			continue
		}
		if err := c.fit(v); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrOnce, v.Name, err)
		}
		locked = append(locked, v)
	}
	return locked, nil
}

// fit is the error of a volume that the next initrd would not open by a token of
// systemd-cryptenroll, or not without asking.
func (c check) fit(v Volume) error {
	i := c.boot.Initrd
	switch {
	case v.Err != nil:
		return fmt.Errorf("its LUKS2 header cannot be read: %w", v.Err)
	case !i.has(release):
		return errors.New("what opens it in the next initrd is not systemd")
	case !i.tss:
		return errors.New("the next initrd has no libtss2-esys, and so talks to no TPM")
	case !v.option("tpm2-device") && !i.plugin:
		return errors.New("its options in crypttab have no tpm2-device=auto, and the next initrd has no libcryptsetup-token-systemd-tpm2.so")
	}
	for _, o := range []string{"header", "keyscript", "fido2-device", "pkcs11-uri", "tpm2-pcrs"} {
		if v.option(o) {
			return fmt.Errorf("it has the option %s", o)
		}
	}
	asks := func(t luks2.Token) bool { return t.TPM2 != nil && t.TPM2.PIN }
	if slices.ContainsFunc(v.Header.Tokens, asks) {
		return errors.New("the PIN of another token is asked for first")
	}
	return nil
}

// SealOnce is what the token of a volume is to be bound to, once mark is the value of
// OncePCR. It is refused where the next initrd would not find that value. PCRs 7 and
// 11 are added where their values are known: 11 where the next system measures, after
// which the token opens in its initrd alone.
func SealOnce(m Machine, b Boot, volumes []Volume, v Volume, mark []byte) (Seal, error) {
	c := check{machine: m, boot: b, volumes: volumes}
	p := c.before(c.scene(b.Cmdline).Prediction, v)
	bank := p.Banks[onceBank]
	if !initialized(mark) || !bytes.Equal(bank[OncePCR].Now, mark) || !bytes.Equal(bank[OncePCR].Next, mark) {
		return Seal{}, fmt.Errorf("%w: PCR %d would have another value than the one that was made for it", ErrOnce, OncePCR)
	}
	s := Seal{PCRs: []int{OncePCR}}
	for _, n := range []int{11, 7} {
		if bank[n].Next != nil {
			s.PCRs = append([]int{n}, s.PCRs...)
		}
	}
	selection, _ := p.selection(onceBank, s.PCRs)
	digest := policy.Digest{}.PCR(selection)
	s.Values, s.Policy = p.predicted(onceBank, s.PCRs), digest[:]
	return s, nil
}

// OpensOnce is the error of a volume that its tokens, as they are read now, would not
// open after the kexec.
func OpensOnce(m Machine, b Boot, volumes []Volume, v Volume) error {
	c := check{machine: m, boot: b, volumes: volumes}
	if verdict, _ := c.volume(c.scene(b.Cmdline), v); verdict.state != opens {
		return fmt.Errorf("%w: the TPM would not open %s: %s", ErrOnce, v.Name, verdict.why)
	}
	return nil
}
