package main

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

func newCheck(a *app) *cobra.Command {
	var line lineFlags
	var blob blobFlags
	cmd := question(a, &cobra.Command{
		Use:   "check [ENTRY]",
		Short: "say whether this machine will come back from a kexec",
		Long: `Look for what stands in the way of a kexec: blockers, which surely fail or do
harm, warnings and notes, with what to do about each. Nothing is changed. The
exit code is 5 when there is a blocker that is not ignored.`,
		Args: maxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			line.replaceSet = cmd.Flags().Changed("command-line")
			return a.check(argument(args), &line, blob)
		},
	}, nil)
	line.add(cmd)
	blob.add(cmd)
	return cmd
}

// A checkReport is check --json.
type checkReport struct {
	Schema int    `json:"schema"`
	Entry  string `json:"entry"`
	// Blocked says that reboot would end here.
	Blocked  bool           `json:"blocked"`
	Findings []checkFinding `json:"findings"`
}

type checkFinding struct {
	preflight.Finding
	// Ignored says that the finding is a blocker and does not count.
	Ignored bool `json:"ignored"`
}

func (a *app) check(name string, line *lineFlags, blob blobFlags) error {
	t, err := a.target(name, line)
	if err != nil {
		return err
	}
	defer t.close()
	report := a.report(t, blob)
	if a.flags.json != jsonOff {
		err = a.json(a.flags.json, report)
	} else {
		a.checkText(report)
	}
	if err == nil && report.Blocked {
		err = status(exitBlocked)
	}
	return err
}

// report judges a target and asks the machine.
func (a *app) report(t *target, blob blobFlags) checkReport {
	broken := a.judge(t, blob)
	ignore := a.ignored(blob.ignore)
	findings := append(initrdFindings(t.report), a.findings(t, broken, blob.verify)...)
	preflight.Sort(findings)
	report := checkReport{Schema: 2, Entry: t.label(), Blocked: len(preflight.Errors(findings, findingIDs(ignore)...)) > 0, Findings: []checkFinding{}}
	for _, f := range findings {
		counts := f.Severity != preflight.Error || !f.Ignored(findingIDs(ignore)...)
		report.Findings = append(report.Findings, checkFinding{f, !counts})
	}
	return report
}

func (a *app) checkText(report checkReport) {
	a.printFindings(report.Findings)
	if len(report.Findings) == 0 {
		a.note("nothing stands in the way of %s", report.Entry)
	}
	if b := a.boot(); !report.Blocked && !b.Kexeced && b.Kexec == nil {
		a.note("no kexec of this machine is on record; TROUBLESHOOTING in kexec-bls(8) has how to try one without risk, and what helps where nothing comes after \"Starting new kernel\": acpi_rsdp=, earlycon, module_blacklist=")
	}
}

func (a *app) printFindings(findings []checkFinding) {
	for _, f := range findings {
		severity := string(f.Severity)
		if f.Ignored {
			severity = "ignored"
		}
		a.print("%-8s %s", severity, printable(f.String()))
	}
}

// ignored joins the configuration's wishes and the flag's.
func (a *app) ignored(flag []string) []string {
	return append(slices.Clone(a.config.Check.Ignore), flag...)
}

// A blockedError is what check found that ends a reboot.
type blockedError []preflight.Finding

// Error lists the blockers.
func (e blockedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "this would surely fail, --ignore=%s goes on in spite of that:", e[0].ID)
	for _, f := range e {
		fmt.Fprintf(&b, "\n  %s", f)
	}
	return b.String()
}

// preflight is the check before a load: a blocker that is not ignored is an
// error, warnings are printed, notes are not.
func (a *app) preflight(t *target, ignore []string) error {
	return a.heed(t.label(), a.findings(t, nil, false), ignore)
}

// preflightLoaded is the check before a jump into what is loaded already. Of an
// image that is not ours nothing is known.
func (a *app) preflightLoaded(ignore []string) error {
	p := preflight.Plan{Loaded: true, Running: a.cmdline()}
	if r, err := loader.ReadReceipt(a.runDir); err == nil && r.BootID == a.bootID() {
		p.Entry, p.Cmdline, p.Kernel.Release = r.Entry, r.Cmdline, r.Release
	}
	return a.heed("the loaded kernel", preflight.Run(a.environment(), p), ignore)
}

// heed ends with an error where a finding is a blocker.
func (a *app) heed(label string, findings []preflight.Finding, ignore []string) error {
	blockers := preflight.Errors(findings, findingIDs(ignore)...)
	for _, f := range findings {
		if f.Severity == preflight.Warning && !f.Ignored(findingIDs(ignore)...) {
			a.warn("%s", f)
		}
	}
	if len(blockers) > 0 {
		return fmt.Errorf("%s: %w", label, blockedError(blockers))
	}
	return nil
}

// enoughMemory refuses a load that could only end with a refusal by the kernel,
// or with a process that it kills.
func (a *app) enoughMemory(t *target, ignore []string) error {
	found := preflight.Errors(preflight.Memory(a.environment(), a.preflightPlan(t)), findingIDs(a.ignored(ignore))...)
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s; --ignore=memory goes on in spite of that", t.label(), found[0])
}

func (a *app) findings(t *target, broken error, verify bool) []preflight.Finding {
	p := a.preflightPlan(t)
	p.Broken = broken
	if broken == nil {
		p.InitrdReleases = a.initrdReleases(t, verify)
	}
	return preflight.Run(a.environment(), p)
}

// environment is the machine that runs, whatever --root is.
func (a *app) environment() preflight.Env {
	env := preflight.Env{Host: a.facts(), Vars: efivar.Vars{Dir: a.efivars}}
	if a.within {
		env.Timeout = time.Hour // who watches us will say what hangs
	}
	return env
}

// preflightPlan is what check has to know of a target.
func (a *app) preflightPlan(t *target) preflight.Plan {
	p := preflight.Plan{
		Cmdline: t.Cmdline, Running: a.cmdline(), Memory: t.Memory(t.kernel.MemorySize),
		Kernel: preflight.Kernel{
			Name: t.Kernel.Name, Format: string(t.kernel.Format), Size: t.Kernel.Size(),
			Inner: len(t.Kernel.Parts) == 1 && t.Kernel.Parts[0].Offset > 0, Signature: readSignature(t.Kernel),
		},
	}
	p.Kernel.Release, _, _ = strings.Cut(t.kernel.Version, " ")
	for _, m := range t.Initrd {
		p.InitrdNames = append(p.InitrdNames, m.Name)
	}
	if t.entry == nil {
		return p
	}
	p.Entry = t.entry.ID
	p.OneShot = !t.named && t.survey.choice.OneShot
	p.Counted, p.TriesLeft = t.entry.Tries.Counted, t.entry.Tries.Left
	for _, v := range t.survey.volumes {
		p.Boot = append(p.Boot, v.Dir)
	}
	return p
}

// readSignature reads the certificate table of a kernel that is a PE image, as
// those for EFI are. Others, and what cannot be read, are not known.
func readSignature(kernel initrd.Member) preflight.Signature {
	file, err := initrd.NewPlan([]initrd.Member{kernel}, initrd.JoinOptions{})
	if err != nil {
		return preflight.Signature{}
	}
	m, err := uki.Open(file, kernel.Size())
	if err != nil || m.SignatureSize < 0 || m.SignatureSize > preflight.MaxSignature || m.Signature+m.SignatureSize > kernel.Size() {
		return preflight.Signature{}
	}
	table := make([]byte, m.SignatureSize)
	if _, err := file.ReadAt(table, m.Signature); err != nil && len(table) > 0 {
		return preflight.Signature{}
	}
	s, err := preflight.ParseSignature(table)
	if err != nil {
		return preflight.Signature{}
	}
	return s
}

// initrdReleases are the kernels for which an initrd has modules, in order:
// with verify in all of it, else in what is not compressed.
func (a *app) initrdReleases(t *target, verify bool) []string {
	blob, err := t.Blob(nil)
	if err != nil {
		return nil
	}
	var releases []string
	visit := func(f initrd.File) error {
		parts := strings.Split(strings.TrimPrefix(path.Clean("/"+f.Path), "/usr"), "/")
		if len(parts) > 3 && parts[1] == "lib" && parts[2] == "modules" && !slices.Contains(releases, parts[3]) {
			releases = append(releases, parts[3])
		}
		return nil
	}
	opt := initrd.WalkOptions{Layout: blob.Layout, Verify: verify, Limit: a.unpackLimit(), Visit: visit}
	if _, err := initrd.Walk(blob, blob.Size(), opt); err != nil {
		return nil
	}
	slices.Sort(releases)
	return releases
}

// initrdFindings says of the walk through the initrd what check says of the
// machine: what loses files would end a reboot too.
func initrdFindings(report initrd.Report) []preflight.Finding {
	var findings []preflight.Finding
	for _, f := range report.Findings {
		severity := preflight.Warning
		if f.Severity == initrd.Loses {
			severity = preflight.Error
		}
		findings = append(findings, preflight.Finding{ID: preflight.ID(f.ID), Severity: severity, Text: f.Text, Member: f.Member, Hint: f.Mend})
	}
	return findings
}
