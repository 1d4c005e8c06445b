package tpm

import (
	"fmt"

	"github.com/kexec-bls/kexec-bls/loader/tpm/internal/policy"
	"github.com/kexec-bls/kexec-bls/loader/tpm/luks2"
)

// A state is what a token does, the better the higher.
type state int

const (
	closed state = iota
	unknown
	opens
)

// A verdict is what a token does, or a part of one.
type verdict struct {
	state state
	bank  string
	pcrs  []int  // that decide it, of the bank
	why   string // where it does not open, or may not
	pin   bool   // a PIN is asked for
}

// A scene is what tokens are checked against.
type scene struct {
	Prediction
	signatures []byte // tpm2-pcr-signature.json of the next initrd
	pcrlock    []byte // pcrlock.json
	noPCRLock  string // why what opens the volume does not have that file, "" where it has
	unread     string // why the next initrd may have signatures that are not known
}

// token is the verdict on one token; tpm is false where no TPM has part in it.
// It is not known where it depends on which of two units is the first.
func (s scene) token(t luks2.Token) (v verdict, tpm bool) {
	v, tpm = s.settled(t)
	before, races := s.Prediction.early()
	if !races {
		return v, tpm
	}
	s.Prediction = before
	if early, _ := s.settled(t); early.state != v.state {
		v.state, v.bank, v.why = unknown, "", nvDoneUnit+" extends PCR 9, before or after the unlock"
	}
	return v, tpm
}

// settled is the verdict on a token where all PCRs have their predicted values.
func (s scene) settled(t luks2.Token) (v verdict, tpm bool) {
	switch {
	case t.Err != nil:
		return verdict{state: unknown, why: fmt.Sprintf("token %d: %s", t.Number, t.Err)}, t.Type == "systemd-tpm2" || t.Type == "clevis"
	case t.TPM2 != nil:
		return s.tpm2(*t.TPM2), true
	case t.Clevis != nil:
		return s.clevis(*t.Clevis)
	}
	return verdict{}, false
}

// A shard is a part of a key with a policy of its own.
type shard struct {
	luks2.TPM2
	hash         []byte
	signed, lock bool // which of the policies it has, besides PCRs and PIN
}

// tpm2 is the verdict on a token of systemd-cryptenroll. Every shard must open.
func (s scene) tpm2(t luks2.TPM2) verdict {
	if t.Bank == "" {
		t.Bank = s.bank(t.PCRs)
	}
	signed, both := len(t.PublicKeyPCRs) > 0, len(t.PublicKeyPCRs) > 0 && t.PCRLock
	if wanted := 1 + count(both); len(t.PolicyHashes) != wanted {
		return verdict{state: unknown, why: fmt.Sprintf("its key has %d policies, where %d are expected", len(t.PolicyHashes), wanted)}
	}
	worst := verdict{state: opens, bank: t.Bank, pin: t.PIN}
	for i, hash := range t.PolicyHashes {
		v := s.shard(shard{t, hash, signed && i == 0, t.PCRLock && i == len(t.PolicyHashes)-1})
		switch {
		case v.state < worst.state:
			worst.state, worst.why, worst.pcrs, worst.bank = v.state, v.why, v.pcrs, v.bank
		case v.state == worst.state:
			worst.pcrs = union(worst.pcrs, v.pcrs)
		}
	}
	return worst
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// bank is the one that systemd takes for a token that names none.
func (s scene) bank(pcrs []int) string {
	for _, n := range pcrs {
		if initialized(s.Banks["sha256"][n].Now) {
			return "sha256"
		}
	}
	if _, ok := s.Banks["sha1"]; ok && len(pcrs) > 0 {
		return "sha1"
	}
	return "sha256"
}

// shard computes the policy in the order of systemd: signed or in an NV index,
// then PCRs, then the PIN.
func (s scene) shard(h shard) verdict {
	roots, v := []policy.Digest{{}}, verdict{state: opens}
	switch {
	case h.signed:
		roots, v = s.signed(h)
	case h.lock:
		roots, v = s.locked()
	}
	if v.state == closed || len(roots) == 0 {
		return v
	}
	pcrs := s.compare(h, roots)
	if v.state == unknown && pcrs.state != closed {
		return v
	}
	pcrs.pcrs = union(pcrs.pcrs, v.pcrs)
	return pcrs
}

// compare computes the policy from its root and compares it with the stored one.
func (s scene) compare(h shard, roots []policy.Digest) verdict {
	v := verdict{state: opens, bank: h.Bank, pcrs: h.PCRs}
	next, missing := s.selection(h.Bank, h.PCRs)
	if len(missing) > 0 {
		return s.unknowable(h.Bank, missing)
	}
	matches := func(values policy.Selection) bool {
		for _, root := range roots {
			d := root.PCR(values)
			if h.PIN {
				d = d.AuthValue()
			}
			if string(d[:]) == string(h.hash) {
				return true
			}
		}
		return false
	}
	if matches(next) {
		return v
	}
	if len(h.PCRs) == 0 {
		v.state, v.why = unknown, "its policy is not the one that it describes"
		return v
	}
	v.state = closed
	if now, ok := s.Banks[h.Bank].now(next); ok && matches(now) {
		v.pcrs = s.Banks[h.Bank].changed(h.PCRs)
		v.why = "it is bound to present values, and " + s.Banks[h.Bank].describe(v.pcrs)
		return v
	}
	v.why = "it is bound to other values of " + list(v.pcrs)
	if len(s.Banks[h.Bank].changed(v.pcrs)) > 0 {
		v.why += ", and " + s.Banks[h.Bank].describe(v.pcrs)
	}
	return v
}

// signed looks for the signature that the next initrd needs, as systemd does:
// of the same PCRs, key and reference, and of the policy of the moment.
func (s scene) signed(h shard) ([]policy.Digest, verdict) {
	key, err := policy.ParseKey(h.PublicKey)
	if err != nil {
		return nil, verdict{state: unknown, why: "the key of its signed policy: " + err.Error()}
	}
	var roots []policy.Digest
	for _, name := range key.Names {
		roots = append(roots, policy.Authorize(name, h.Ref))
	}
	failed := verdict{state: closed, bank: h.Bank, pcrs: h.PublicKeyPCRs}
	signatures, err := policy.ParseSignatures(s.signatures)
	if s.unread != "" && len(s.signatures) == 0 {
		return roots, verdict{state: unknown, bank: h.Bank, pcrs: h.PublicKeyPCRs, why: s.unread}
	}
	if err != nil {
		failed.why = "it needs a signed policy of " + list(h.PublicKeyPCRs) + ", and the next initrd has none"
		return roots, failed
	}
	candidates := key.Signatures(signatures[h.Bank], h.PublicKeyPCRs, h.Ref)
	values, missing := s.selection(h.Bank, h.PublicKeyPCRs)
	if len(missing) > 0 && len(candidates) > 0 {
		return roots, s.unknowable(h.Bank, missing)
	}
	for _, c := range candidates {
		if c.Policy == (policy.Digest{}).PCR(values) {
			return roots, verdict{state: opens, pcrs: h.PublicKeyPCRs}
		}
	}
	failed.why = "no signed policy fits, as " + s.Banks[h.Bank].describe(h.PublicKeyPCRs)
	if len(candidates) == 0 {
		failed.why = "the next initrd has no policy of " + list(h.PublicKeyPCRs) + " that its key signed"
	}
	return roots, failed
}

// locked checks the policy of systemd-pcrlock, which is in an NV index.
func (s scene) locked() ([]policy.Digest, verdict) {
	l, err := parsePCRLock(s.pcrlock)
	switch {
	case len(s.pcrlock) == 0:
		return nil, verdict{state: unknown, why: "the policy of systemd-pcrlock cannot be read"}
	case err != nil:
		return nil, verdict{state: unknown, why: err.Error()}
	case l.name == nil:
		return nil, verdict{state: unknown, why: "the NV index of systemd-pcrlock cannot be read"}
	}
	roots := []policy.Digest{policy.AuthorizeNV(l.name)}
	if s.noPCRLock != "" {
		return roots, verdict{state: closed, pcrs: l.pcrs, bank: l.bank, why: s.noPCRLock}
	}
	return roots, l.check(s.Prediction)
}
