package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/config"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
)

// planFlags change what is planned, checked and loaded.
type planFlags struct {
	add, remove []string
	replace     string
	replaced    bool // replace was given, or edited in the menu with all else in it
	edited      bool
	reuse       bool

	earlyFirst, flat, verify, noVerify bool
	// verifyFast is set for verbs that verify by default what decodes fast.
	verifyFast bool
	decode     bool // likewise, for what is shown of it
	syscall    kexec.Syscall
	ignore     []string
	try        tryFlags
}

// addLine adds the flags of the command line.
func (p *planFlags) addLine(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&p.add, "append", nil, "Append kernel `PARAMETERS` (also --kernel-cmdline)")
	f.StringArrayVar(&p.remove, "remove", nil, "Remove the kernel parameters with `KEY`")
	f.StringVar(&p.replace, "command-line", "", "Use `LINE` instead of the entry's options")
	f.BoolVar(&p.reuse, "reuse-cmdline", false, "Add the running kernel's command line (also --kernel-cmdline-reuse)")
	f.SetNormalizeFunc(systemdNames)
}

// addInitrd adds the flags of the initrd, and of what is done with it.
func (p *planFlags) addInitrd(cmd *cobra.Command) {
	f, verb := cmd.Flags(), cmd.Name()
	is := func(verbs ...string) bool { return slices.Contains(verbs, verb) }
	f.BoolVar(&p.verify, "verify", false, "Decode every compressed initrd to its end first")
	f.BoolVar(&p.earlyFirst, "early-first", false, "Move archives of microcode and ACPI tables to the front")
	if p.verifyFast = is("check", "load", "reboot"); p.verifyFast {
		f.BoolVar(&p.noVerify, "no-verify", false, "Do not decode those that decode fast either")
		f.StringSliceVar(&p.ignore, "ignore", nil, "Go on in spite of the findings with this `ID`, or all")
	}
	if !is("show", "ls", "check") {
		f.BoolVar(&p.flat, "flat", false, "Unpack all initrds into one uncompressed archive")
	}
	if is("load", "reboot") {
		f.Var((*syscallFlag)(&p.syscall), "syscall", "Load with this system call: auto, file or classic")
	}
}

// systemdNames lets systemctl's spellings be used for ours.
func systemdNames(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	switch name {
	case "kernel-cmdline":
		name = "append"
	case "kernel-cmdline-reuse":
		name = "reuse-cmdline"
	}
	return pflag.NormalizedName(name)
}

// syscallFlag is the value of --syscall.
type syscallFlag kexec.Syscall

// String, Set and Type make syscallFlag a flag value.
func (s *syscallFlag) String() string { return string(*s) }

// Set takes one of the three.
func (s *syscallFlag) Set(text string) error {
	switch call := kexec.Syscall(text); call {
	case kexec.Auto, kexec.File, kexec.Classic:
		*s = syscallFlag(call)
		return nil
	}
	return fmt.Errorf("must be one of %s, %s, %s; got %q", kexec.Auto, kexec.File, kexec.Classic, text)
}

// Type names the value in the help text.
func (s *syscallFlag) Type() string { return "CALL" }

// given notes which flags were given; it runs before the command.
func (p *planFlags) given(cmd *cobra.Command) { p.replaced = cmd.Flags().Changed("command-line") }

// edit uses a command line as it was edited in the menu: it has all other changes
// in it already.
func (p *planFlags) edit(line *string) {
	if line != nil {
		p.replace, p.replaced, p.edited = *line, true, true
		p.add, p.remove, p.reuse = nil, nil, false
	}
}

// options joins the configuration and the flags.
func (a *app) options(p planFlags) loader.PlanOptions {
	opt := loader.PlanOptions{
		Reuse: p.reuse, Append: p.add, Remove: p.remove, EarlyFirst: p.earlyFirst || a.config.Initrd.EarlyFirst,
		Flat: p.flat || a.config.Initrd.Flat, Limit: a.config.UnpackLimit(), Syscall: p.syscall, Request: a.request(p),
		AutoMeasuredOS: !p.edited && a.config.TPM.MeasuredOS == config.MeasuredOSAuto,
	}
	if !p.edited {
		opt.Append = append(slices.Clone(a.config.Cmdline.Append), p.add...)
		opt.Remove = append(slices.Clone(a.config.Cmdline.Remove), p.remove...)
	}
	if p.replaced {
		opt.Replace = &p.replace
	}
	opt.Try = p.try.options(a)
	switch {
	case p.verify:
		opt.Verify = initrd.VerifyAll
	case p.verifyFast && !p.noVerify, p.decode:
		opt.Verify = initrd.VerifyFast
	}
	if r, err := a.machine.Receipt(); err == nil {
		opt.Known = &r
	}
	return opt
}

// request is what a receipt needs to repeat the load: the flags alone, since the
// configuration is read again.
func (a *app) request(p planFlags) *loader.Request {
	r := &loader.Request{
		ESP: fullPath(a.flags.espPath), Boot: fullPath(a.flags.bootPath), Config: fullPath(a.flags.config), Append: texts(p.add), Remove: texts(p.remove),
		Reuse: p.reuse, EarlyFirst: p.earlyFirst, Flat: p.flat, Verify: p.verify, NoVerify: p.noVerify, Syscall: string(p.syscall), Ignore: ids(p.ignore),
	}
	if p.replaced {
		line := loader.Text(p.replace)
		r.Replace = &line
	}
	return r
}

// fullPath is a path for a process that runs elsewhere.
func fullPath(path string) loader.Text {
	if path == "" {
		return ""
	}
	if full, err := filepath.Abs(path); err == nil {
		path = full
	}
	return loader.Text(path)
}

func texts(list []string) []loader.Text {
	var out []loader.Text
	for _, s := range list {
		out = append(out, loader.Text(s))
	}
	return out
}

func ids(list []string) []loader.FindingID {
	var out []loader.FindingID
	for _, s := range list {
		out = append(out, loader.FindingID(s))
	}
	return out
}

// ignored joins the configuration and the flag.
func (a *app) ignored(p planFlags) []loader.FindingID {
	return ids(append(slices.Clone(a.config.Check.Ignore), p.ignore...))
}

// loadOptions are those of a load that the user asked for.
func (a *app) loadOptions(p planFlags) loader.LoadOptions {
	opt := loader.LoadOptions{Ignore: a.ignored(p), OnWarning: func(text string) { a.Warn("%s", text) }}
	if a.flags.verbose > 1 {
		opt.OnKernelLog = func(line string) { a.Note("kernel: %s", line) }
	}
	return opt
}

// A target is an entry with its plan. Close it.
type target struct {
	*loader.Plan
	sys    *entries.System // nil for files that were named one by one
	rule   string          // what chose the entry
	missed []string
}

func (t *target) close() {
	if t.Plan != nil {
		_ = t.Plan.Close()
	}
	if t.sys != nil {
		_ = t.sys.Close()
	}
}

// open opens the system and prints what could not be seen.
func (a *app) open(ctx context.Context) (*entries.System, error) {
	sys, err := a.openSystem(ctx, a.systemOptions())
	if err != nil {
		return nil, err
	}
	for _, w := range sys.Warnings() {
		a.Warn("%s", w)
	}
	return sys, nil
}

func (a *app) systemOptions() entries.Options {
	opt := entries.Options{
		ESP: a.flags.espPath, Boot: a.flags.bootPath, Root: a.flags.root, Host: a.machine.Host, Vars: a.machine.Vars, Getenv: a.getenv,
	}
	if a.flags.root == "" {
		opt.Running = a.machine.RunningEntry()
	}
	if a.parent != nil {
		opt.Timeout, opt.Asking = mountLimit, a.nameAsked
	}
	return opt
}

// target plans the entry that name means.
func (a *app) target(ctx context.Context, name string, p planFlags) (*target, error) {
	sys, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	t := &target{sys: sys}
	if err := a.fill(ctx, t, name, p); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func (a *app) fill(ctx context.Context, t *target, name string, p planFlags) error {
	c, err := t.sys.Choose(name)
	if err != nil {
		a.warnProblems(t.sys)
		return err
	}
	if name == "" {
		for _, missed := range c.Missed {
			a.Warn("%s", missed)
		}
		for _, w := range c.Warnings {
			a.Warn("%s", w)
		}
	}
	t.rule, t.missed = c.Rule, c.Missed
	opt := a.options(p)
	opt.Named = name != ""
	opt.Progress = a.progress()
	t.Plan, err = loader.NewPlan(ctx, t.sys, c.Entry, opt)
	if name == "" && errors.Is(err, entries.ErrNoEntry) {
		return fmt.Errorf("next boot, by %s: %w", c.Rule, err)
	}
	return err
}

// progress shows how far long steps are.
func (a *app) progress() func(step string, done, total int64) {
	var now string
	var bar *term.Progress
	return func(step string, done, total int64) {
		if step != now {
			if bar != nil {
				bar.Done()
			}
			now, bar = step, a.Progress(step)
		}
		if bar.Update(done, total); done >= total {
			bar.Done()
		}
	}
}

// warnProblems prints what is wrong with files, where it may be why nothing was
// found.
func (a *app) warnProblems(sys *entries.System) {
	for _, p := range sys.Problems() {
		a.Warn("%v", p)
	}
}

// files plans a kernel and initrds that are named one by one.
func (a *app) files(ctx context.Context, kernel string, initrds []string, p planFlags) (*target, error) {
	opt := a.options(p)
	opt.Progress = a.progress()
	plan, err := loader.NewFilePlan(ctx, a.machine.Host, kernel, initrds, opt)
	if err != nil {
		return nil, err
	}
	return &target{Plan: plan, rule: "named by the user"}, nil
}
