package main

import (
	"errors"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

// patience is how long the shell waits for entries; an automount or firmware
// that hangs must not hold a key press longer.
const patience = time.Second

// completes says that a command is run by or for a shell's completion, where
// nothing may fail or be said.
func completes(cmd *cobra.Command) bool {
	return cmd.Name() == cobra.ShellCompRequestCmd || cmd.HasParent() && cmd.Parent().Name() == "completion"
}

// completion gives the arguments and flags of a command, and of those below
// it, their completions: by the name that stands for the value in the help.
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
		return words(string(jsonShort), string(jsonPretty), string(jsonOff))
	case "syscall":
		return words(cobra.CompletionWithDesc(string(kexec.Auto), "file, else classic"),
			cobra.CompletionWithDesc(string(kexec.File), "kexec_file_load(2)"), cobra.CompletionWithDesc(string(kexec.Classic), "kexec_load(2)"))
	case "check-inhibitors":
		return words("auto", "yes", "no")
	case "when":
		return words(cobra.CompletionWithDesc("cancel", "take it back"), cobra.CompletionWithDesc("+5min", "in five minutes"),
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

func words(w ...cobra.Completion) cobra.CompletionFunc {
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
	for _, topic := range preflight.Topics() {
		add(string(topic.ID), topic.About)
	}
	for _, topic := range initrd.Topics() {
		add(topic.ID, topic.About)
	}
	if before == "" {
		add("all", "every finding")
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// completeKeys offers what the running command line has.
func (a *app) completeKeys(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var found []cobra.Completion
	for _, word := range strings.Fields(a.cmdline()) {
		if word == "--" { // what follows is for init
			break
		}
		if key, _, _ := strings.Cut(word, "="); plain(key) && !slices.Contains(found, key) {
			found = append(found, key)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// completeEntry offers the entries that can be loaded. Without any, or when
// they are not told in time, there is nothing to offer, and nothing is said.
func (a *app) completeEntry(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if byHand := cmd.Flags().Lookup("linux"); len(args) > 0 || byHand != nil && byHand.Changed {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	silent := *a
	silent.ui = &ui{out: io.Discard, err: io.Discard}
	told := make(chan []cobra.Completion, 1)
	go func() {
		s, err := silent.survey()
		if err != nil {
			told <- nil
			return
		}
		defer s.close()
		told <- append(entryNames(s), specialNames(s)...)
	}()
	select {
	case found := <-told:
		return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	case <-time.After(patience):
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

func entryNames(s *survey) []cobra.Completion {
	var found []cobra.Completion
	titles := s.list.Titles()
	for i, e := range s.list.Entries {
		if !plain(e.ID) || e.Impossible() != "" {
			continue
		}
		about := titles[i]
		if notes := notes(s, e); len(notes) > 0 {
			about += " (" + strings.Join(notes, ", ") + ")"
		}
		found = append(found, cobra.CompletionWithDesc(e.ID, cell(about)))
	}
	return found
}

// specialNames are those with an @ that mean something on this machine.
func specialNames(s *survey) []cobra.Completion {
	var found []cobra.Completion
	for _, name := range []string{"@default", "@oneshot", "@saved", "@current"} {
		if e, _, err := s.pick(name); err == nil && e.Impossible() == "" {
			found = append(found, cobra.CompletionWithDesc(name, cell(e.ID)))
		}
	}
	return found
}

// plain says that a text can be a completion: one line, without tabs, which
// separate the description, or blanks, which not every shell takes.
func plain(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
}
