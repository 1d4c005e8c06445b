package usage

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// flagError explains an error of pflag about the flags of a command.
func flagError(cmd *cobra.Command, err error, args []string) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		if name := typedCommand(cmd, args); name != "" {
			return unknownCommand(cmd, []string{name})
		}
		return unknownFlag(cmd, unknown, args)
	case errors.As(err, &missing):
		name, _ := pflag.UnquoteUsage(missing.GetFlag())
		return Errorf("--%s needs a value: --%[1]s=%s", missing.GetFlag().Name, name)
	case errors.As(err, &invalid):
		return invalidValue(invalid)
	}
	return &Error{err}
}

func invalidValue(err *pflag.InvalidValueError) error {
	flag := err.GetFlag()
	switch {
	case errors.Is(err, errEmpty):
		return hinted("leave it out, or give a value", "--%s is empty", flag.Name)
	case flag.Value.Type() == "bool":
		return Errorf("--%s takes no value; got %q", flag.Name, err.GetValue())
	}
	return hinted(hint.Of(err), "--%s: %w", flag.Name, errors.Unwrap(err))
}

// unknownFlag names what to type for a flag that a command has not: the flag that
// is meant, the command that has it, or what other programs' flag is here.
func unknownFlag(cmd *cobra.Command, err *pflag.NotExistError, args []string) error {
	if letters := err.GetSpecifiedShortnames(); letters != "" {
		c := err.GetSpecifiedName()
		return hinted(orHelp(cmd, letter(c[0], without(args, "-"+letters))), "%s", noOption(cmd, "-"+c))
	}
	name := err.GetSpecifiedName()
	text := longFlag(name, valueOf(args, name))
	if text == "" {
		text = hint.DidYouMean("--"+name, flagNames(cmd))
	}
	if text == "" {
		if names := owners(cmd.Root(), name); len(names) > 0 {
			text = fmt.Sprintf("it is an option of %s", strings.Join(names, ", "))
		}
	}
	return hinted(orHelp(cmd, text), "%s", noOption(cmd, "--"+name))
}

// typedCommand is what was typed for a command below cmd, before the first flag that
// is unknown or has its value in the next argument; "" for none. That is what is
// unknown then: the flags are not those of cmd.
func typedCommand(cmd *cobra.Command, args []string) string {
	if !cmd.HasSubCommands() {
		return ""
	}
	words := strings.Fields(cmd.CommandPath())[1:]
	for _, arg := range args {
		name, isFlag := strings.CutPrefix(arg, "--")
		name, _, whole := strings.Cut(name, "=")
		switch {
		case isFlag && whole && cmd.Flag(name) != nil:
		case strings.HasPrefix(arg, "-"):
			return ""
		case len(words) > 0 && arg == words[0]:
			words = words[1:]
		default:
			return arg
		}
	}
	return ""
}

func noOption(cmd *cobra.Command, flag string) string {
	if _, path, is := strings.Cut(cmd.CommandPath(), " "); is {
		return path + " has no option " + flag
	}
	return "no option " + flag
}

func orHelp(cmd *cobra.Command, text string) string {
	if text == "" {
		return "see " + cmd.CommandPath() + " --help"
	}
	return text
}

// flagNames are all flags that a command has, as they are typed.
func flagNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, "--"+f.Name)
		}
	})
	return names
}

// valueOf is what was given to a flag, "" for nothing.
func valueOf(args []string, flag string) string {
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--"+flag+"="); ok {
			return value
		}
		if arg == "--"+flag && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			return args[i+1]
		}
	}
	return ""
}

// without are the arguments but for the first that is this one.
func without(args []string, one string) []string {
	var rest []string
	for i, arg := range args {
		if arg == one {
			return append(rest, args[i+1:]...)
		}
		rest = append(rest, arg)
	}
	return rest
}

// unknownCommand names what to type for a command that does not exist.
func unknownCommand(cmd *cobra.Command, args []string) error {
	name, names := args[0], subcommands(cmd)
	text := hint.DidYouMean(name, names)
	entry := strings.HasPrefix(name, "@") || strings.HasSuffix(name, ".conf") || strings.HasSuffix(name, ".efi")
	switch {
	case cmd.Name() == "completion":
		text = "use " + strings.Join(names, ", ")
	case cmd.Name() == "initrd" && initrdCommand(name) != "":
		text = initrdCommand(name)
	case cmd != cmd.Root():
	case command(name) != "":
		text = command(name)
	case text == "" && entry:
		text = "to reboot into an entry: kexec-bls reboot " + shellQuoted(name)
	}
	return hinted(orHelp(cmd, text), "unknown command %q", name)
}
