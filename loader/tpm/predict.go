package tpm

import (
	"maps"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/loader/tpm/internal/policy"
)

// A Boot is the one that a kexec begins.
type Boot struct {
	Cmdline string // of the new kernel
	Initrd  Initrd
	// Force is set for a jump that stops no services.
	Force bool
}

// A PCR is one register of a bank.
type PCR struct {
	// Now is its present value and Next the one at the unlock of a volume; each is
	// nil where it is not known.
	Now, Next []byte
	// Unknown is why Next is not known, "" where it is.
	Unknown string
	// Words are what is measured into it until then.
	Words []string
}

// A Bank is the PCRs of one hash algorithm.
type Bank [NumPCRs]PCR

// A Prediction is the PCRs that the next initrd finds when it opens a volume.
type Prediction struct {
	// Measured reports whether the new system measures what it does: systemd's
	// condition measured-os.
	Measured bool
	Banks    map[string]Bank // by name

	entered bool           // "enter-initrd" was measured
	nine    map[string]PCR // PCR 9 of each bank before a unit that no unlock waits for, nil for none
}

// Predict computes the PCRs. A kexec resets none; the orderly stop extends PCR
// 11, IMA of the new kernel PCR 10, and then the units of the initrd.
func Predict(m Machine, b Boot) Prediction {
	p := Prediction{Banks: map[string]Bank{}}
	for name, now := range m.Banks {
		var bank Bank
		for n, value := range now {
			bank[n] = PCR{Now: value, Next: value}
			if value == nil {
				bank[n].Unknown = "its value cannot be read"
			}
		}
		p.Banks[name] = bank
	}
	if m.Ready && !b.Force {
		p.extend(11, "shutdown")
	}
	if m.Sysinit && !b.Force {
		p.extend(11, "final")
	}
	p.startIMA(m.ima.next(m.Cmdline, b.Cmdline))
	p.Measured = measuredOS(m, b.Cmdline)
	if why := b.Initrd.unknown(); why != "" && (p.Measured || m.Stub && m.Firmware) {
		for n := range 16 { // those from 16 on are no boot's
			p.unknown(n, why)
		}
	}
	for _, u := range b.Initrd.units(b.Cmdline) {
		p.start(u, m, b)
	}
	return p
}

// measuredOS is systemd's condition: an environment variable, which the kernel
// makes of a parameter, the parameter of it, what the stub did.
func measuredOS(m Machine, line string) bool {
	for _, key := range []string{"SYSTEMD_FORCE_MEASURE", "systemd.tpm2_measured_os"} {
		if value, set := boolean(line, key); set {
			return value
		}
	}
	return m.Stub && m.Firmware
}

// start extends what a unit of the initrd does.
func (p *Prediction) start(u unit, m Machine, b Boot) {
	met, why := u.met(*p, m, b)
	if !met {
		return
	}
	known := slices.Contains(ordered(), u.name)
	if u.setup {
		p.setup(b)
	}
	if u.name == nvDoneUnit && !b.Initrd.wants["cryptsetup-pre.target"] {
		p.nine = map[string]PCR{}
		for name, bank := range p.Banks {
			p.nine[name] = bank[9]
		}
	}
	for _, e := range u.extends {
		for _, n := range e.pcrs {
			switch {
			case why != "":
				p.unknown(n, u.name+" "+why)
			case !known:
				p.unknown(n, u.name+" extends it, before or after the unlock")
			case e.word == "":
				p.unknown(n, u.name+" extends it by a value that is not known")
			default:
				p.extend(n, e.word)
			}
		}
		p.entered = p.entered || u.name == phaseUnit
	}
}

// met reports whether a unit starts; why is set where that is not sure.
func (u unit) met(p Prediction, m Machine, b Boot) (met bool, why string) {
	for _, c := range u.conditions {
		value, negated := strings.CutPrefix(c.value, "!")
		holds, known := false, true
		switch {
		case strings.HasSuffix(c.key, "PathExists") && value == "/"+release:
			holds = b.Initrd.has(release)
		case strings.HasSuffix(c.key, "PathExists") && value == "/"+stubVariable:
			holds = m.Stub
		case strings.HasSuffix(c.key, "Security") && value == "measured-os":
			holds = p.Measured
		case strings.HasSuffix(c.key, "Security") && value == "measured-uki":
			holds = m.Stub && m.Firmware
		case strings.HasSuffix(c.key, "Security") && value == "tpm2":
			holds = len(m.Banks) > 0
		default:
			known = false
		}
		switch {
		case !known:
			why = "may extend it: " + c.key + "=" + c.value
		case holds == negated:
			return false, ""
		}
	}
	return true, why
}

// setup is systemd-tpm2-setup, which measures NvPCRs that it initializes. For
// that it needs a policy of PCR 11 signed with the reference "initrd".
func (p *Prediction) setup(b Boot) {
	if !b.Initrd.nvpcrs {
		return
	}
	signatures, err := policy.ParseSignatures(b.Initrd.signatures())
	for name := range p.Banks {
		fits := slices.ContainsFunc(signatures[name], func(s policy.Signature) bool {
			selection, missing := p.selection(name, s.PCRs)
			return s.Ref == "initrd" && (len(missing) > 0 || s.Policy == policy.Digest{}.PCR(selection))
		})
		if fits || err != nil && b.Initrd.signatures() != nil {
			p.unknown(9, setupUnit+" initializes NvPCRs")
		}
	}
}

// extend measures a word into a PCR of each bank; a bank that nothing was
// measured into is left alone where another is in use.
func (p *Prediction) extend(n int, word string) {
	used := false
	for _, bank := range p.Banks {
		used = used || initialized(bank[n].Next)
	}
	for name, bank := range p.Banks {
		if !used || bank[n].Next == nil || initialized(bank[n].Next) {
			p.Banks[name] = bank.extended(name, n, []byte(word), word)
		}
	}
}

// unknown notes for a PCR of each bank why its value is not known; the first
// reason stays.
func (p *Prediction) unknown(n int, why string) {
	for name, bank := range p.Banks {
		bank[n].Next = nil
		if bank[n].Unknown == "" {
			bank[n].Unknown = why
		}
		p.Banks[name] = bank
	}
}

// startIMA measures boot_aggregate into PCR 10 of each bank.
func (p *Prediction) startIMA(s imaState) {
	if !s.on {
		return
	}
	data := s.aggregate(p.Banks[s.hash])
	switch {
	case s.unknown != "":
		p.unknown(10, s.unknown)
		return
	case data == nil:
		p.unknown(10, "boot_aggregate covers PCRs that cannot be read")
		return
	}
	for name, bank := range p.Banks {
		if name != "sha1" && name != "sha256" { // padded SHA-1 where the kernel has the algorithm as a module
			bank[10].Next, bank[10].Unknown = nil, "IMA may have no hash algorithm of this bank"
		}
		p.Banks[name] = bank.extended(name, 10, data, "boot_aggregate")
	}
}

// early is what an unlock finds that comes before nvDoneUnit. That unit is ordered
// before cryptsetup-pre.target alone, which nothing may pull in. It is false where
// every unlock comes later.
func (p Prediction) early() (Prediction, bool) {
	p.Banks = maps.Clone(p.Banks)
	for name, nine := range p.nine {
		bank := p.Banks[name]
		if bank[9].Next != nil {
			bank[9] = nine
		}
		p.Banks[name] = bank
	}
	return p, p.nine != nil
}

// switchRoot is what the system finds when it opens its own volumes.
func (p Prediction) switchRoot() Prediction {
	p.Banks, p.nine = maps.Clone(p.Banks), nil
	if p.entered {
		p.extend(11, "leave-initrd")
	}
	if p.Measured {
		p.unknown(15, "systemd-pcrmachine.service extends it, before or after the unlock")
	}
	return p
}

// extended is the bank after data was measured into one of its PCRs.
func (b Bank) extended(name string, n int, data []byte, word string) Bank {
	b[n].Words = append(slices.Clone(b[n].Words), word)
	if a, ok := algorithmOf(name); ok && b[n].Next != nil {
		b[n].Next = a.sum(b[n].Next, a.sum(data))
	}
	return b
}
