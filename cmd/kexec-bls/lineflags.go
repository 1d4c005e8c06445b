package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kexec-bls/kexec-bls/loader"
)

// lineFlags change the command line; show, load, export and reboot have them.
type lineFlags struct {
	append, remove []string
	replace        string
	replaceSet     bool
	reuse          bool
	// whole is the line as it was edited in the menu, with all of the above in
	// it already; nil where it was not.
	whole *string
	given []string // the command's flags, for the receipt
}

// repeated are the flags to repeat a load with.
func (l *lineFlags) repeated() []string {
	if l.whole == nil {
		return l.given
	}
	args := []string{"--command-line=" + *l.whole}
	for _, arg := range l.given {
		name, _, _ := strings.Cut(arg, "=")
		if !slices.Contains([]string{"--append", "--remove", "--command-line", "--reuse-cmdline"}, name) {
			args = append(args, arg)
		}
	}
	return args
}

func (l *lineFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&l.append, "append", nil, "put `WORDS` at the end of the command line (also --kernel-cmdline)")
	f.StringArrayVar(&l.remove, "remove", nil, "take the words with `KEY` out of the command line")
	f.StringVar(&l.replace, "command-line", "", "use `LINE` instead of the entry's options")
	f.BoolVar(&l.reuse, "reuse-cmdline", false, "add the running kernel's command line (also --kernel-cmdline-reuse)")
	f.SetNormalizeFunc(systemdNames)
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

// edit joins the configuration's wishes and the flags'.
func (a *app) edit(l *lineFlags) loader.Edit {
	if l.whole != nil {
		return loader.Edit{Replace: *l.whole, ReplaceSet: true}
	}
	e := loader.Edit{
		Replace: l.replace, ReplaceSet: l.replaceSet || l.replace != "",
		Remove: append(append([]string{}, a.config.Cmdline.Remove...), l.remove...),
		Append: append(append([]string{}, a.config.Cmdline.Append...), l.append...),
	}
	if l.reuse {
		e.Reuse = a.cmdline()
	}
	return e
}
