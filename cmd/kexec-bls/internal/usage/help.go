package usage

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// width is that of help texts, in columns.
const width = 80

// addHelp makes a tree of commands print help as systemd's programs do: commands
// and flags in groups, then examples, exit statuses and the manual page.
func addHelp(root *cobra.Command) {
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { fmt.Fprint(cmd.OutOrStdout(), Help(cmd)) })
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [COMMAND]...",
		Short: "Show the help of a command",
		// Instead of the parent's: a broken configuration is no reason to fail.
		PersistentPreRun: func(*cobra.Command, []string) {},
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(cmd, rest)
			}
			return cmd.Help()
		},
	})
}

// Help is the help text of a command.
func Help(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", synopsis(cmd), paragraph(cmd))
	if cmd.HasAvailableSubCommands() {
		commands(&b, cmd)
	}
	flags(&b, cmd)
	path := strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
	section(&b, "Examples", examples(path))
	heading := "Exit status"
	if cmd == cmd.Root() {
		heading = "Exit status without a COMMAND"
	}
	section(&b, heading, exitStatus(path))
	fmt.Fprintf(&b, "\nSee %s for details.\n", page(path))
	return b.String()
}

func synopsis(cmd *cobra.Command) string {
	name, args, _ := strings.Cut(cmd.Use, " ")
	if cmd.HasParent() {
		name = cmd.Parent().CommandPath() + " " + name
	}
	if cmd.HasAvailableSubCommands() {
		args = "COMMAND"
	}
	if cmd == cmd.Root() {
		args = "[COMMAND]"
	}
	return strings.TrimRight(name+" [OPTION...] "+args, " ")
}

func paragraph(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return strings.Join(wrap(cmd.Long, width), "\n")
	}
	return cmd.Short + "."
}

// commands are those below a command, the program's own in groups.
func commands(b *strings.Builder, cmd *cobra.Command) {
	groups := commandGroups()
	if cmd.HasParent() {
		groups = []group{{"Commands", subcommands(cmd)}}
	}
	for _, g := range groups {
		var rows [][2]string
		for _, name := range g.names {
			if sub, _, err := cmd.Find([]string{name}); err == nil && sub != cmd {
				rows = append(rows, [2]string{sub.Use, sub.Short})
			}
		}
		table(b, g.heading, rows)
	}
}

// subcommands are the names of the commands below a command, but for hidden ones.
func subcommands(cmd *cobra.Command) []string {
	var names []string
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			names = append(names, sub.Name())
		}
	}
	return names
}

// flags are those of a command, in the groups of the manual page.
func flags(b *strings.Builder, cmd *cobra.Command) {
	for _, g := range flagGroups() {
		var rows [][2]string
		for _, name := range g.names {
			if f := cmd.Flag(name); f != nil && !f.Hidden {
				_, about := pflag.UnquoteUsage(f)
				rows = append(rows, [2]string{flagColumn(f), about})
			}
		}
		table(b, g.heading, rows)
	}
}

// flagColumn is a flag as systemd's programs show it.
func flagColumn(f *pflag.Flag) string {
	column := "   --" + f.Name
	if f.Shorthand != "" {
		column = "-" + f.Shorthand + " --" + f.Name
	}
	value, _ := pflag.UnquoteUsage(f)
	switch {
	case f.Value.Type() == "bool", f.Value.Type() == "count":
	case f.NoOptDefVal != "":
		column += "[=" + value + "]"
	default:
		column += "=" + value
	}
	return column
}

func section(b *strings.Builder, heading string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n  %s\n", heading, strings.Join(lines, "\n  "))
}

// table writes rows of a term and what it is, the second wrapped.
func table(b *strings.Builder, heading string, rows [][2]string) {
	if len(rows) == 0 {
		return
	}
	const column = 26
	fmt.Fprintf(b, "\n%s:\n", heading)
	for _, row := range rows {
		lines := wrap(row[1], width-column-1)
		head := "  " + row[0]
		if len(head)+2 > column {
			fmt.Fprintln(b, head)
			head = ""
		}
		for _, line := range lines {
			fmt.Fprintf(b, "%-*s %s\n", column, head, line)
			head = ""
		}
	}
}

// wrap breaks a text of ASCII into lines.
func wrap(text string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len(*last)+1+len(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
