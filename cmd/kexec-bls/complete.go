package main

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
)

// completionTimeout is how long the shell waits for entries; an automount or
// firmware that hangs must not hold a key press longer.
const completionTimeout = time.Second

// completes reports whether a command is run by or for a shell's completion, where
// nothing may fail or be said.
func completes(cmd *cobra.Command) bool {
	return cmd.Name() == cobra.ShellCompRequestCmd || cmd.HasParent() && cmd.Parent().Name() == "completion"
}

// completion gives the arguments and flags of a command, and of those below
// it, their completions: by the name of the value in the help.
func (a *app) completion(cmd *cobra.Command) error {
	switch {
	case strings.Contains(cmd.Use, "[ENTRY"):
		cmd.ValidArgsFunction = a.completeEntry
	case cmd.ValidArgsFunction == nil && !strings.Contains(cmd.Use, "FILE..."):
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	var failed error
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if _, has := cmd.GetFlagCompletionFunc(f.Name); !has {
			failed = errors.Join(failed, cmd.RegisterFlagCompletionFunc(f.Name, a.completeFlag(f)))
		}
	})
	for _, sub := range cmd.Commands() {
		failed = errors.Join(failed, a.completion(sub))
	}
	return failed
}

// completeFlag chooses how the value of a flag is completed; flags of which
// nothing is known have none.
func (a *app) completeFlag(f *pflag.Flag) cobra.CompletionFunc {
	switch f.Name {
	case "json":
		return oneOf(string(term.JSONShort), string(term.JSONPretty), string(term.JSONOff))
	case "syscall":
		return oneOf(cobra.CompletionWithDesc(string(kexec.Auto), "file, else classic"),
			cobra.CompletionWithDesc(string(kexec.File), "kexec_file_load(2)"), cobra.CompletionWithDesc(string(kexec.Classic), "kexec_load(2)"))
	case "check-inhibitors":
		return oneOf("auto", "yes", "no")
	case "when":
		return oneOf(cobra.CompletionWithDesc("cancel", "cancel a scheduled reboot"), cobra.CompletionWithDesc("+5min", "in five minutes"),
			cobra.CompletionWithDesc("+1h", "in an hour"), cobra.CompletionWithDesc("tomorrow", "at midnight"))
	case "ignore":
		return completeIDs
	case "remove":
		return a.completeKeys
	case "config":
		return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return []cobra.Completion{"toml"}, cobra.ShellCompDirectiveFilterFileExt
		}
	}
	switch value, _ := pflag.UnquoteUsage(f); value {
	case "DIR":
		return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
	case "FILE", "OUT":
		return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		}
	}
	return cobra.NoFileCompletions
}

func oneOf(w ...cobra.Completion) cobra.CompletionFunc {
	return cobra.FixedCompletions(w, cobra.ShellCompDirectiveNoFileComp)
}

// completeIDs completes the last of a list of findings.
func completeIDs(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	before := typed[:strings.LastIndex(typed, ",")+1]
	given := strings.Split(before, ",")
	var found []cobra.Completion
	add := func(id, about string) {
		if !slices.Contains(given, id) {
			found = append(found, cobra.CompletionWithDesc(before+id, about))
		}
	}
	for _, topic := range loader.Topics() {
		add(string(topic.ID), topic.About)
	}
	if before == "" {
		add("all", "every finding")
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// completeKeys offers what the running command line has.
func (a *app) completeKeys(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var found []cobra.Completion
	for _, param := range strings.Fields(a.machine.Host.Cmdline()) {
		if param == "--" { // what follows is for init
			break
		}
		if key, _, _ := strings.Cut(param, "="); plain(key) && !slices.Contains(found, key) {
			found = append(found, key)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// completeEntry offers the entries that can be loaded. Without any, or when
// they are not known in time, there is nothing to offer, and nothing is printed.
func (a *app) completeEntry(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if linux := cmd.Flags().Lookup("linux"); len(args) > 0 || linux != nil && linux.Changed {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	silent := a.quiet()
	found := make(chan []cobra.Completion, 1)
	go func() {
		sys, err := silent.open(cmd.Context())
		if err != nil {
			found <- nil
			return
		}
		defer sys.Close()
		boot, _ := silent.machine.Boot() // what cannot be read is not known
		found <- append(entryNames(sys, boot), specialNames(sys)...)
	}()
	select {
	case names := <-found:
		return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	case <-time.After(completionTimeout):
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

func entryNames(sys *entries.System, boot loader.Boot) []cobra.Completion {
	var found []cobra.Completion
	titles := sys.Titles()
	for i, e := range sys.Entries() {
		if !plain(e.ID) || e.KexecBlocker() != "" {
			continue
		}
		about := titles[i]
		if notes := report.Notes(sys, boot, e); len(notes) > 0 {
			about += " (" + strings.Join(notes, ", ") + ")"
		}
		found = append(found, described(e.ID, about))
	}
	return found
}

// specialNames are those with an @ that mean something on this machine.
func specialNames(sys *entries.System) []cobra.Completion {
	var found []cobra.Completion
	for _, name := range []string{"@default", "@oneshot", "@saved", "@current"} {
		if e, err := sys.Pick(name); err == nil && e.KexecBlocker() == "" {
			found = append(found, described(name, e.ID))
		}
	}
	return found
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
