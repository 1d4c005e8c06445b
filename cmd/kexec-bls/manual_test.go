package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An item is an entry of a list in a manual page in mdoc(7): what is
// after .It, and the line below it.
type item struct {
	section, subsection, head, next string
	depth                           int // lists around it
}

// readManual reads the items of a page below dist/man.
func readManual(t *testing.T, name string) []item {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("dist/man", name))
	require.NoError(t, err)
	var at item
	var items []item
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		macro, rest, _ := strings.Cut(line, " ")
		switch macro {
		case ".Sh":
			at = item{section: rest}
		case ".Ss":
			at.subsection = rest
		case ".Bl":
			at.depth++
		case ".El":
			at.depth--
		case ".It":
			found := at
			found.head, found.next = rest, lines[i+1]
			items = append(items, found)
		}
	}
	require.NotEmpty(t, items)
	return items
}

// names are the words behind a macro in the head: of "Fl q , Fl -quiet" with
// Fl, q and -quiet. Words after a comma belong to the last macro.
func (i item) names(macro string) []string {
	var names []string
	wanted := false
	for _, word := range strings.Fields(i.head) {
		switch {
		case word == ",":
		case len(word) == 2 && word[0] >= 'A' && word[0] <= 'Z':
			wanted = word == macro
		case wanted:
			names = append(names, word)
		}
	}
	return names
}

// commandTree is every command, with what cobra adds, by path without the name
// of the program; the program itself is there under its name.
func commandTree(t *testing.T) map[string]*cobra.Command {
	f, _ := newFake(t, nil)
	root := newRoot(&app{environment: f.environment, UI: &term.UI{Out: io.Discard, Err: io.Discard}})
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	root.InitDefaultVersionFlag()
	commands := map[string]*cobra.Command{}
	visitCommands(root, func(cmd *cobra.Command) {
		if !cmd.Hidden && cmd.Name() != "powershell" { // there is none to speak of on this system
			commands[strings.TrimPrefix(cmd.CommandPath(), "kexec-bls ")] = cmd
		}
	})
	return commands
}

// takers are the commands that the heading of a group of options names.
func takers(heading string) []string {
	_, names, _ := strings.Cut(heading, ": ")
	return strings.Split(names, ", ")
}

// TestManualHasEveryFlag goes from the commands to the page.
func TestManualHasEveryFlag(t *testing.T) {
	documented := map[string]bool{} // "command --flag"
	for _, i := range readManual(t, "kexec-bls.8") {
		for _, name := range i.names("Fl") {
			for _, taker := range takers(i.subsection) {
				documented[taker+" -"+name] = true
			}
		}
	}
	for path, cmd := range commandTree(t) {
		cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			who := path
			if cmd.PersistentFlags().Lookup(flag.Name) != nil || flag.Name == "help" {
				who = "all"
			}
			if flag.Hidden {
				return
			}
			const missing = "%s: dist/man/kexec-bls.8 needs it under OPTIONS, below a heading that names the command"
			assert.True(t, documented[who+" --"+flag.Name], missing, who+" --"+flag.Name)
			if flag.Shorthand != "" {
				assert.True(t, documented[who+" -"+flag.Shorthand], missing, who+" -"+flag.Shorthand)
			}
		})
	}
}

// TestManualHasNoOtherFlag goes from the page to the commands.
func TestManualHasNoOtherFlag(t *testing.T) {
	commands := commandTree(t)
	n := 0
	for _, i := range readManual(t, "kexec-bls.8") {
		if i.section != "OPTIONS" || i.depth > 1 {
			continue
		}
		for _, taker := range takers(i.subsection) {
			if taker == "all" {
				taker = "kexec-bls"
			}
			cmd := commands[taker]
			if !assert.NotNil(t, cmd, "%q is no command", taker) {
				continue
			}
			cmd.InitDefaultHelpFlag()
			for _, name := range i.names("Fl") {
				long, isLong := strings.CutPrefix(name, "-")
				found := cmd.Flags().ShorthandLookup(name[:1])
				if isLong {
					found = cmd.Flag(long)
				}
				assert.NotNil(t, found, "%s -%s", taker, name)
				n++
			}
		}
	}
	assert.Greater(t, n, 50)
}

func TestManualHasEveryCommand(t *testing.T) {
	commands := commandTree(t)
	described := map[string]bool{}
	for _, i := range readManual(t, "kexec-bls.8") {
		if i.section == "COMMANDS" && i.depth == 1 {
			words := i.names("Cm")
			if words[0] == "completion" {
				words = words[:1]
			}
			path := strings.Join(words, " ")
			assert.Contains(t, commands, path, "a command that does not exist")
			described[path] = true
		}
	}
	for path, cmd := range commands {
		if cmd.Runnable() && !cmd.HasSubCommands() && !strings.HasPrefix(path, "completion ") {
			assert.True(t, described[path], "%s: dist/man/kexec-bls.8 needs it under COMMANDS", path)
		}
	}
}
