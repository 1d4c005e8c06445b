package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/loader"
)

func newRebootRequired(a *app) *cobra.Command {
	return question(a, &cobra.Command{
		Use:   "reboot-required",
		Short: "exit 0 when the next boot would bring another kernel or command line, 1 when not",
		Long: `Exit 0 when the next boot would bring another kernel or command line than the
running one, 1 when it would not, 6 when that cannot be told.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return a.answer(a.requirement()) },
	}, a.unansweredRequirement)
}

// A requirement is reboot-required --json.
type requirement struct {
	Schema   int    `json:"schema"`
	Required *bool  `json:"required"` // null: cannot be told
	Entry    string `json:"entry,omitempty"`
	Running  string `json:"running"`        // kernel release
	Next     string `json:"next,omitempty"` // kernel release
	// Reasons say what would be different, or why nothing can be told.
	Reasons []string `json:"reasons"`
}

// Exit codes of reboot-required, which scripts ask for.
const (
	exitRequired    = 0
	exitNotRequired = 1
	exitCannotTell  = 6
)

func (a *app) answer(r requirement, code int) error {
	if a.flags.json != jsonOff {
		if err := a.json(a.flags.json, r); err != nil {
			return err
		}
	} else {
		for _, reason := range r.Reasons {
			a.print("%s", printable(reason))
		}
	}
	if code == exitRequired {
		return nil
	}
	return status(code)
}

func (a *app) requirement() (requirement, int) {
	r := requirement{Schema: 1, Running: a.release(), Reasons: []string{}}
	t, err := a.target("", &lineFlags{})
	if err == nil {
		defer t.close()
		r.Entry = t.label()
		t.kernel, err = t.Inspect(a.goarch)
	}
	if err == nil && (t.kernel.Version == "" || r.Running == "") {
		err = fmt.Errorf("%s: the version of its kernel cannot be read", t.label())
	}
	if err != nil {
		r.Reasons = append(r.Reasons, err.Error())
		return r, exitCannotTell
	}
	r.Next, _, _ = strings.Cut(t.kernel.Version, " ")
	r.Reasons = append(r.Reasons, a.differences(t)...)
	required := len(r.Reasons) > 0
	r.Required = &required
	if required {
		return r, exitRequired
	}
	return r, exitNotRequired
}

// differences compares what runs with what would.
func (a *app) differences(t *target) []string {
	var reasons []string
	next, _, _ := strings.Cut(t.kernel.Version, " ")
	switch running := a.release(); {
	case next != running:
		reasons = append(reasons, fmt.Sprintf("kernel %s runs, %s would boot %s", running, t.label(), next))
	case !sameBuild(t.kernel.Version, a.facts().KernelVersion()):
		reasons = append(reasons, fmt.Sprintf("kernel %s runs, %s would boot another build of it", running, t.label()))
	}
	for _, c := range loader.Diff(a.cmdline(), t.Cmdline) {
		sign := "-"
		switch uki := t.entry.Linux == "" || t.entry.Type == bls.Type2; {
		case c.Added:
			sign = "+"
		case uki && strings.HasPrefix(c.Word, "console="):
			continue // systemd-stub 262 derives such words from the firmware's consoles
		}
		reasons = append(reasons, fmt.Sprintf("command line: %s %s", sign, c.Word))
	}
	return reasons
}

// sameBuild compares the build in a kernel image's version text with that of
// the running kernel, "#1 SMP Debian 6.1.192-2 (2026-11-16)". An image that
// does not tell its build, or a kernel that does not, is no difference.
func sameBuild(image, running string) bool {
	_, build, ok := strings.Cut(image, " #")
	return !ok || running == "" || "#"+build == running
}
