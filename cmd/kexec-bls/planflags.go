package main

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/config"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/flags"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

// planFlags change what is planned, checked and loaded.
type planFlags struct {
	loader.Request
	// verifyFast is set for verbs that verify by default what decodes fast, decode
	// for what is shown of it.
	verifyFast, decode bool
	// broken goes on with a plan that cannot be made, to show why.
	broken  bool
	try     flags.Try
	secrets bool // of export: write them
}

// addLine adds the flags of the command line.
func (p *planFlags) addLine(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Var((*flags.Texts)(&p.Append), "append", "Append kernel `PARAMETERS` (also --kernel-cmdline)")
	f.Var((*flags.Texts)(&p.Remove), "remove", "Remove the kernel parameters with `KEY`")
	f.Var(flags.Optional{Of: &p.Replace}, "command-line", "Use `LINE` instead of the entry's options")
	f.BoolVar(&p.Reuse, "reuse-cmdline", false, "Add the running kernel's command line (also --kernel-cmdline-reuse)")
	f.SetNormalizeFunc(systemdNames)
}

// addInitrd adds the flags of the initrd, and of what is done with it.
func (p *planFlags) addInitrd(cmd *cobra.Command) {
	f, verb := cmd.Flags(), cmd.Name()
	is := func(verbs ...string) bool { return slices.Contains(verbs, verb) }
	f.BoolVar(&p.Verify, "verify", false, "Decode every compressed initrd to its end first")
	f.BoolVar(&p.EarlyFirst, "early-first", false, "Move archives of microcode and ACPI tables to the front")
	if p.verifyFast = is("check", "load", "reboot"); p.verifyFast {
		f.BoolVar(&p.NoVerify, "no-verify", false, "Do not decode initrds to their end, not even those in fast formats")
		f.Var((*flags.IDs)(&p.Ignore), "ignore", "Go on in spite of the findings with this `ID`, or all (default: check.ignore)")
	}
	if !is("show", "ls", "check") {
		f.BoolVar(&p.Flat, "flat", false, "Unpack all initrds into one uncompressed archive")
	}
	if is("load", "reboot") {
		f.Var((*flags.Syscall)(&p.Syscall), "syscall", "Load with this system call: auto, file or classic (default: auto)")
		f.BoolVar(&p.NoCMA, "no-cma", false, "Keep the image away from contiguous memory of devices")
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

// edit uses a command line as it was edited in the menu: it has all other changes
// in it already.
func (p *planFlags) edit(line *string) {
	if line != nil {
		text := loader.Text(*line)
		p.Replace, p.Edited = &text, true
		p.Append, p.Remove, p.Reuse = nil, nil, false
	}
}

// options joins the configuration and the flags.
func (a *app) options(p planFlags) loader.PlanOptions {
	opt, c := loader.OptionsOf(a.request(p)), a.config
	opt.EarlyFirst = opt.EarlyFirst || c.Initrd.EarlyFirst
	opt.Flat = opt.Flat || c.Initrd.Flat
	opt.Limit = c.UnpackLimit()
	opt.Try, opt.Secrets = p.try.Options(func(ctx context.Context) (*entries.System, error) { return a.openSystem(ctx, a.systemOptions()) }), p.secrets
	if !p.Edited {
		opt.Append = append(slices.Clone(c.Cmdline.Append), opt.Append...)
		opt.Remove = append(slices.Clone(c.Cmdline.Remove), opt.Remove...)
		opt.AutoMeasuredOS = c.TPM.MeasuredOS == config.MeasuredOSAuto
	}
	if !p.Verify && (p.verifyFast && !p.NoVerify || p.decode) {
		opt.Verify = initrd.VerifyFast
	}
	if r, err := a.machine.Receipt(); err == nil {
		opt.Known = &r
	}
	return opt
}

// request is what a receipt needs to repeat the load: the flags alone, since the
// configuration is read again.
func (a *app) request(p planFlags) loader.Request {
	r := p.Request
	r.ESP, r.Boot, r.Config = fullPath(a.flags.espPath), fullPath(a.flags.bootPath), fullPath(a.flags.config)
	return r
}

// fullPath is a path for a process that runs elsewhere.
func fullPath(path string) loader.Text {
	if full, err := filepath.Abs(path); path != "" && err == nil {
		path = full
	}
	return loader.Text(path)
}

// ignored joins the configuration and the flag.
func (a *app) ignored(p planFlags) []loader.FindingID {
	var ids []loader.FindingID
	for _, id := range a.config.Check.Ignore {
		ids = append(ids, loader.FindingID(id))
	}
	return append(ids, p.Ignore...)
}

// loadOptions are those of a load that the user asked for.
func (a *app) loadOptions(p planFlags) loader.LoadOptions {
	opt := loader.LoadOptions{Ignore: a.ignored(p), OnWarning: func(text string) { a.Warn("%s", text) }}
	if a.flags.verbose > 1 {
		opt.OnKernelLog = func(line string) { a.Note("kernel: %s", line) }
	}
	return opt
}
