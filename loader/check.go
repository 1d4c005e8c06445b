package loader

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
	"github.com/kexec-bls/kexec-bls/loader/tpm"
	"github.com/kexec-bls/kexec-bls/loader/trial"
)

// CheckOptions say how to check.
type CheckOptions struct {
	// Timeout bounds all questions to the machine together; 0 is
	// preflight.DefaultTimeout.
	Timeout time.Duration
	// Force is set for a jump that stops no services.
	Force bool
}

// Check returns the findings about a plan and the machine that it would be loaded
// on, the gravest first. It changes nothing.
func (m *Machine) Check(_ context.Context, p *Plan, opt CheckOptions) []Finding {
	found := append(p.Findings(), preflight.Run(m.environment(opt.Timeout), m.about(p, opt))...)
	if !p.offline() {
		found = append(append(found, m.missed(p.Name(), p.Release())...), m.leftover()...)
	}
	finding.Sort(found)
	return found
}

// about is what has to be known of a plan to check this machine.
func (m *Machine) about(p *Plan, opt CheckOptions) preflight.Plan {
	about := p.preflight()
	if !p.offline() && !p.unread {
		about.Unlock = p.unlocking(m.Host, opt.Force).check
	}
	return about
}

// CheckLoaded returns the findings about a jump into what is loaded already.
// Findings about loading are left out; of an image that another program loaded
// nothing is known.
func (m *Machine) CheckLoaded(opt CheckOptions) []Finding {
	p := preflight.Plan{Loaded: true, Running: m.Host.Cmdline()}
	if r, err := m.Receipt(); err == nil {
		p.Entry, p.Cmdline, p.Kernel.Release = string(r.Entry), string(r.Cmdline), string(r.Release)
		u := unlocking{tpm.Boot{Cmdline: p.Cmdline, Force: opt.Force}, m.Host.Kexeced() == host.No}
		u.boot.Initrd.Unread("the initrd that is loaded cannot be looked at")
		p.Unlock = u.check
	}
	found := preflight.Run(m.environment(opt.Timeout), p)
	if p.Kernel.Release != "" {
		found = append(found, m.missed(p.Entry, p.Kernel.Release)...)
	}
	found = append(found, m.leftover()...)
	finding.Sort(found)
	return found
}

// ReportMachine is a row for the table of machines, see preflight.MachineReport.
func (m *Machine) ReportMachine(opt CheckOptions) string {
	return preflight.MachineReport(m.environment(opt.Timeout), m.CheckLoaded(opt))
}

func (m *Machine) environment(timeout time.Duration) preflight.Env {
	return preflight.Env{Host: m.Host, Vars: m.Vars, Timeout: timeout}
}

// Topics is every FindingID with what it is about, in alphabetical order.
func Topics() []finding.Topic {
	topics := append(preflight.Topics(), initrdTopics()...)
	topics = append(topics, tpm.Topics()...)
	topics = append(topics, finding.Topic{ID: FindingSecureBootImage, About: "with Secure Boot the firmware would not start the image"},
		finding.Topic{ID: FindingKexecMissed, About: "the last kexec of this kernel did not come up"},
		finding.Topic{ID: FindingMeasuredOS, About: "a kernel parameter was added with which the TPM opens a volume"},
		finding.Topic{ID: FindingLeftover, About: "a key that was made for one kexec is still there"})
	topics = append(topics, trial.Topics()...)
	finding.SortTopics(topics)
	return topics
}

// ParseFinding reads the ID of a finding, that of a Topic or AllFindings. The error
// has a hint where an ID is spelled almost like it.
func ParseFinding(text string) (FindingID, error) {
	ids := []string{string(AllFindings)}
	for _, topic := range Topics() {
		ids = append(ids, string(topic.ID))
	}
	if !slices.Contains(ids, text) {
		return "", hint.Errorf(hint.DidYouMean(text, ids), "no finding has the id %q", text)
	}
	return FindingID(text), nil
}

// A BlockedError is a load or a reboot that findings of severity error end.
type BlockedError struct {
	Name     string    // of the plan
	Findings []Finding // all of severity error, and not ignored
}

// Error lists the findings below the Summary.
func (e *BlockedError) Error() string { return list(e.Summary(), e.Findings) }

// Summary is the error without the list.
func (e *BlockedError) Summary() string {
	return fmt.Sprintf("not rebooting into %s, %s", e.Name, count(len(e.Findings), "blocker"))
}

// A LossyError is an initrd of which the kernel would lose files.
type LossyError struct {
	Name     string
	Findings []Finding
}

// Error lists the findings below the Summary.
func (e *LossyError) Error() string { return list(e.Summary(), e.Findings) }

// Summary is the error without the list.
func (e *LossyError) Summary() string { return e.Name + ": the kernel would lose files of the initrd" }

func list(summary string, found []Finding) string {
	var b strings.Builder
	b.WriteString(summary + ":")
	for _, f := range found {
		fmt.Fprintf(&b, "\n  %s", f)
	}
	return b.String()
}

// A MemoryError is a load that does not fit into memory.
type MemoryError struct {
	Name    string // of the plan
	Finding Finding
}

// Error is the finding; its hint is that of the error.
func (e *MemoryError) Error() string { return fmt.Sprintf("%s: %s", e.Name, e.Finding.Text) }

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Blocking returns those of the findings that end a reboot: the ones of severity
// error whose ID is not ignored.
func Blocking(found []Finding, ignore ...FindingID) []Finding {
	return finding.Errors(found, ignore...)
}

// explain adds to a refusal by the kernel what Check would have found.
func explain(env preflight.Env, p preflight.Plan, err error) error {
	cause, explained := preflight.Explain(env, p, err)
	if !explained {
		return err
	}
	return hint.Errorf(cause.Hint, "%w: %s", err, cause.Text)
}

// preflight is what has to be known of the plan to check the machine.
func (p *Plan) preflight() preflight.Plan {
	k := p.files.Kernel
	out := preflight.Plan{
		Cmdline: p.Cmdline(), Running: p.host.Cmdline(), Memory: p.files.Memory(p.kernel.MemorySize),
		Segment:        p.files.Segment(p.kernel.MemorySize),
		InitrdReleases: p.report.Releases,
		Kernel: preflight.Kernel{
			Name: k.Name, Release: p.Release(), Format: string(p.kernel.Format), Size: k.Size(),
			Inner: len(k.Parts) == 1 && k.Parts[0].Offset > 0, Signature: p.signature(),
		},
	}
	for _, m := range p.files.Initrd {
		out.InitrdNames = append(out.InitrdNames, m.Name)
	}
	if p.entry == nil {
		return out
	}
	out.Entry, out.OneShot = p.entry.ID, p.oneShot()
	out.Counted, out.TriesLeft = p.entry.Tries.Counted, p.entry.Tries.Left
	for _, v := range p.sys.Volumes() {
		out.Boot = append(out.Boot, v.Dir)
	}
	return out
}

// signature reads the certificate table of a kernel that is a PE image, as those
// for EFI are. That of others, and what cannot be read, is not known.
func (p *Plan) signature() preflight.Signature {
	table, err := p.files.Certificates(preflight.MaxSignature)
	if err != nil {
		return preflight.Signature{}
	}
	s, err := preflight.ParseSignature(table)
	if err != nil {
		return preflight.Signature{}
	}
	return s
}

// Receipt reads the receipt of what this boot has loaded: os.ErrNotExist where
// there is none of this boot.
func (m *Machine) Receipt() (Receipt, error) {
	r, err := readReceipt(m.RunDir)
	if err == nil && r.BootID != m.Host.BootID() {
		return Receipt{}, os.ErrNotExist
	}
	return r, err
}
