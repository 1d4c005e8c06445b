// Package complete has the completions of arguments for a shell. What it offers
// runs nothing, whatever the shell does with it.
package complete

import (
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
)

// NewCommand returns the command that prints completion scripts; args check the
// arguments of it and of those below it.
func NewCommand(args cobra.PositionalArgs) *cobra.Command {
	cmd := &cobra.Command{
		Use: "completion", Short: "Print a completion script for a shell", Args: args,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		var bare bool
		sub := &cobra.Command{
			Use: shell, Short: "Print the script for " + shell, Args: args,
			RunE: func(cmd *cobra.Command, _ []string) error {
				switch root, out := cmd.Root(), cmd.OutOrStdout(); {
				case shell == "bash":
					return root.GenBashCompletionV2(out, !bare)
				case shell == "fish":
					return root.GenFishCompletion(out, !bare)
				case bare:
					return root.GenZshCompletionNoDesc(out)
				default:
					return root.GenZshCompletion(out)
				}
			},
		}
		sub.Flags().BoolVar(&bare, "no-descriptions", false, "Complete without descriptions")
		cmd.AddCommand(sub)
	}
	return cmd
}

// Entries completes an ENTRY: those that can be loaded, each with its notes, and the
// names with an @ that are an entry on this machine.
func Entries(sys *entries.System, notes func(*entries.Entry) []string) []cobra.Completion {
	var found []cobra.Completion
	titles := sys.Titles()
	for i, e := range sys.Entries() {
		if !plain(e.ID) || e.KexecBlocker() != "" {
			continue
		}
		about := titles[i]
		if n := notes(e); len(n) > 0 {
			about += " (" + strings.Join(n, ", ") + ")"
		}
		found = append(found, described(e.ID, about))
	}
	for _, name := range []string{"@default", "@oneshot", "@saved", "@current"} {
		if e, err := sys.Pick(name); err == nil && e.KexecBlocker() == "" {
			found = append(found, described(name, e.ID))
		}
	}
	return found
}

// IDs completes the last of a list of findings, which are separated by commas.
func IDs(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	before := typed[:strings.LastIndex(typed, ",")+1]
	given := strings.Split(before, ",")
	var found []cobra.Completion
	for _, topic := range loader.Topics() {
		if id := string(topic.ID); !slices.Contains(given, id) {
			found = append(found, cobra.CompletionWithDesc(before+id, topic.About))
		}
	}
	if before == "" {
		found = append(found, cobra.CompletionWithDesc(string(loader.AllFindings), "every finding"))
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// Keys completes a kernel parameter that a command line has.
func Keys(cmdline string) []cobra.Completion {
	var found []cobra.Completion
	for _, param := range strings.Fields(cmdline) {
		if param == "--" { // what follows is for init
			break
		}
		if key, _, _ := strings.Cut(param, "="); plain(key) && !slices.Contains(found, key) {
			found = append(found, key)
		}
	}
	return found
}

// Value completes the value of a flag by the flag's name, or by the name that the
// help has for its value; without any it offers nothing.
func Value(flag, value string) cobra.CompletionFunc {
	choices := map[string][]cobra.Completion{
		"json": {string(term.JSONShort), string(term.JSONPretty), string(term.JSONOff)},
		"syscall": {cobra.CompletionWithDesc(string(kexec.Auto), "file, else classic"),
			cobra.CompletionWithDesc(string(kexec.File), "kexec_file_load(2)"), cobra.CompletionWithDesc(string(kexec.Classic), "kexec_load(2)")},
		"check-inhibitors": {"auto", "yes", "no"},
		"when": {cobra.CompletionWithDesc("show", "show a scheduled reboot"), cobra.CompletionWithDesc("cancel", "cancel a scheduled reboot"),
			cobra.CompletionWithDesc("+5min", "in five minutes"),
			cobra.CompletionWithDesc("+1h", "in an hour"), cobra.CompletionWithDesc("tomorrow", "at midnight")},
		"policy": {"auto", "reboot", "upgrade", "boot", "off"},
	}[flag]
	directive := cobra.ShellCompDirectiveNoFileComp
	switch {
	case flag == "config":
		choices, directive = []cobra.Completion{"toml"}, cobra.ShellCompDirectiveFilterFileExt
	case value == "DIR":
		directive = cobra.ShellCompDirectiveFilterDirs
	case value == "FILE", value == "OUT":
		directive = cobra.ShellCompDirectiveDefault
	}
	return cobra.FixedCompletions(choices, directive)
}

// described adds a description. What a shell could take for more than text is
// replaced there too: completion scripts evaluate what they are given.
func described(name, about string) cobra.Completion {
	about = strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && strings.ContainsRune("`$\\\"'<>|&;*?[]{}!~#", r) {
			return '_'
		}
		return r
	}, term.Cell(about))
	return cobra.CompletionWithDesc(name, about)
}

// plain reports whether a name can be offered: TAB and Enter must run nothing,
// whatever the shell does with it. The set is that of names which no shell treats
// as more than text.
func plain(name string) bool {
	return name != "" && name[0] != '-' && name[0] != '~' && !strings.ContainsFunc(name, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-+@~:,%^", r))
	})
}
