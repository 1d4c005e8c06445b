// Package usage has the help texts, explains what is wrong with a command line, and
// names what to type instead: also to who types what kexec(8), systemctl(1) or
// bootctl(1) take.
package usage

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// An Error is a command line that is invalid.
type Error struct{ Err error }

// Error is the text of Err.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns Err, which may have a hint.
func (e *Error) Unwrap() error { return e.Err }

// Errorf is fmt.Errorf for a command line that is invalid.
func Errorf(format string, args ...any) error { return &Error{fmt.Errorf(format, args...)} }

func hinted(text, format string, args ...any) error {
	return &Error{hint.Errorf(text, format, args...)}
}

// Prepare makes the command of args, those of the program, refuse with an Error what
// it does not take, and all commands print help.
func Prepare(root *cobra.Command, args []string) {
	addHelp(root)
	addVersion(root)
	root.PersistentFlags().BoolP("help", "h", false, "Print this help")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return flagError(cmd, err, args) })
	cmd, _, _ := root.Find(args) // none: root, which refuses what it does not know
	cmd.Flags().VisitAll(refuseEmpty)
	for ; cmd != nil; cmd = cmd.Parent() {
		cmd.PersistentFlags().VisitAll(refuseEmpty)
	}
}

// addVersion makes --version print the name and the version, and do nothing else.
// Cobra lets a text/template word that, for which the linker has to keep every
// exported method in the program.
func addVersion(root *cobra.Command) {
	if root.Version == "" {
		return
	}
	text, args, begin, run := root.Name()+" "+root.Version, root.Args, root.PersistentPreRunE, root.RunE
	root.Version = ""
	asked := root.Flags().Bool("version", false, "Print the version")
	root.Args = func(cmd *cobra.Command, given []string) error {
		if *asked {
			return nil
		}
		return args(cmd, given)
	}
	root.PersistentPreRunE = func(cmd *cobra.Command, given []string) error {
		if *asked {
			return nil
		}
		return begin(cmd, given)
	}
	root.RunE = func(cmd *cobra.Command, given []string) error {
		if *asked {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), text)
			return err
		}
		return run(cmd, given)
	}
}

// refuseEmpty makes a flag refuse an empty value, as that of an unset variable is,
// but for those where an empty text is a text.
func refuseEmpty(f *pflag.Flag) {
	switch f.Name {
	case "append", "command-line", "message":
		return
	}
	if _, done := f.Value.(notEmpty); !done && f.Value.Type() != "bool" {
		f.Value = notEmpty{f.Value}
	}
}

// notEmpty is a flag whose value may not be empty.
type notEmpty struct{ pflag.Value }

var errEmpty = errors.New("is empty")

func (v notEmpty) Set(text string) error {
	if text == "" {
		return errEmpty
	}
	return v.Value.Set(text)
}

// Args returns a check that a command has from least to most arguments, none of
// them empty; name is what the help calls one. A negative most is no limit.
func Args(name string, least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) > 0 && cmd.HasSubCommands():
			return unknownCommand(cmd, args)
		case len(args) > most && most == 0:
			return Errorf("%s takes no argument, got %q", cmd.CommandPath(), args[0])
		case len(args) > most && most > 0:
			return Errorf("unexpected argument %q; %s takes one %s", args[1], cmd.CommandPath(), name)
		case len(args) < least:
			return Errorf("%s needs a %s", cmd.CommandPath(), name)
		}
		for _, arg := range args {
			if arg == "" && name == "ENTRY" {
				return hinted("leave it out for what the boot loader would boot next", "the ENTRY is empty")
			} else if arg == "" {
				return Errorf("a %s is empty", name)
			}
		}
		return nil
	}
}

// JSONMode joins --json with the mode after a blank, as bootctl(1) takes it: a
// bare --json is one too.
func JSONMode(args []string) []string {
	var joined []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(joined, args[i:]...)
		}
		if arg == "--json" && i+1 < len(args) {
			switch args[i+1] {
			case "short", "pretty", "off":
				i++
				arg += "=" + args[i]
			}
		}
		joined = append(joined, arg)
	}
	return joined
}
