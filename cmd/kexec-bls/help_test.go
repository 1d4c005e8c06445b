package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/usage"
)

// TestHelp is what every help text has.
func TestHelp(t *testing.T) {
	headings := manualHeadings(t)
	for path, cmd := range commandTree(t) {
		text := usage.Help(cmd)
		for line := range strings.Lines(text) {
			assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), 80, "%s: %s", path, line)
		}
		assert.Contains(t, text, "\nExit status", path)
		assert.Regexp(t, `\nSee kexec-bls(-units|\.toml)?\([58]\)( and kexec-bls-units\(8\))? for details\.\n$`, text, path)
		assert.NotRegexp(t, "(?i)powershell|macos|homebrew|brew ", text, path)
		assert.NotContains(t, text, "`", path)
		assert.Regexp(t, `^(Add|Check|Complete|Drop|Exit|Join|Let|List|Load|Look|Make|Print|Reboot|Record|Report|Serve|Show|Undo|Unload|Watch|Write) [^.]*$`, cmd.Short, "%s: an imperative sentence", path)
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Hidden {
				return
			}
			at := regexp.MustCompile(`(?m)^  .{3}--` + f.Name + `(\W|$)`).FindStringIndex(text)
			if assert.NotNil(t, at, "%s --%s is in no group", path, f.Name) {
				before := text[:at[0]]
				groups := regexp.MustCompile(`(?m)^(\S.*):$`).FindAllStringSubmatch(before, -1)
				assert.Contains(t, headings[f.Name], groups[len(groups)-1][1], "%s --%s: the heading of the manual", path, f.Name)
			}
			assert.Regexp(t, "^[A-Z].*[^.]$", f.Usage, f.Name)
		})
		if !strings.HasPrefix(path, "hook") && path != "help" {
			assert.Contains(t, text, "\nExamples:\n", path)
		}
	}
}

// manualHeadings are the headings of kexec-bls(8) that have a flag below them.
func manualHeadings(t *testing.T) map[string][]string {
	found := map[string][]string{}
	for _, i := range readManual(t, "kexec-bls.8") {
		heading, _, _ := strings.Cut(i.subsection, ":")
		for _, name := range i.names("Fl") {
			name = strings.TrimPrefix(name, "-")
			found[name] = append(found[name], heading)
		}
	}
	return found
}

func TestHelpOfTheProgram(t *testing.T) {
	f, _ := newFake(t, nil)
	got := f.run("--help")
	require.Equal(t, exitDone, got.code)
	at := 0
	for _, part := range []string{"kexec-bls [OPTION...] [COMMAND]", "\nEveryday:\n", "  reboot [ENTRY] ", "\nInspection:\n", "\nLoading:\n", "\nFor other programs:\n", "\nEverywhere:\n", "\nExamples:\n"} {
		next := strings.Index(got.stdout[at:], part)
		require.NotEqual(t, -1, next, "%q", part)
		at += next
	}
	for path := range commandTree(t) {
		if name, _, is := strings.Cut(path, " "); !is && name != "kexec-bls" {
			assert.Regexp(t, `(?m)^  `+name+`( |$)`, got.stdout, "in a group")
		}
	}
	assert.Equal(t, got.stdout, f.run("help").stdout)
	assert.Equal(t, f.run("reboot", "--help").stdout, f.run("help", "reboot").stdout)
	assert.Equal(t, f.run("initrd", "ls", "-h").stdout, f.run("help", "initrd", "ls").stdout)
	write(t, f.dir, map[string]string{"etc/kexec-bls.toml": "broken"})
	assert.Equal(t, exitDone, f.run("help", "load").code, "a broken configuration is no reason")
	for _, args := range [][]string{{"help", "nosuch"}, {"help", "reboot", "x"}, {"help", "initrd", "lss"}, {"completion", "ksh"}} {
		got := f.run(args...)
		assert.Equal(t, exitUsage, got.code, "%q", args)
		assert.Empty(t, got.stdout, "%q", args)
	}
}

// TestExamplesParse: whatever the help shows can be typed.
func TestExamplesParse(t *testing.T) {
	n := 0
	for path, cmd := range commandTree(t) {
		_, examples, found := strings.Cut(usage.Help(cmd), "\nExamples:\n")
		if !found {
			continue
		}
		examples, _, _ = strings.Cut(examples, "\n\n")
		lines := strings.Split(examples, "\n")
		assert.True(t, len(lines) == 2 || len(lines) == 3, path)
		for _, line := range lines {
			for _, typed := range regexp.MustCompile(`&&|\||<\(`).Split(strings.Split(line, "#")[0], -1) {
				words := strings.Fields(strings.Split(typed, ">")[0])
				if len(words) == 0 || words[0] != "kexec-bls" {
					continue
				}
				words[len(words)-1] = strings.TrimSuffix(words[len(words)-1], ")")
				holdExample(t, words[1:])
				n++
			}
		}
	}
	assert.Greater(t, n, 30)
}

func holdExample(t *testing.T, words []string) {
	t.Helper()
	root := commandTree(t)["kexec-bls"]
	cmd, rest, err := root.Find(words)
	require.NoError(t, err, "%q", words)
	require.NoError(t, cmd.ParseFlags(rest), "%q", words)
	args := cmd.Flags().Args()
	if cmd.Args != nil && !slices.Equal(words, []string{"help"}) {
		assert.NoError(t, cobra.PositionalArgs(cmd.Args)(cmd, args), "%q", words)
	}
}

// TestAloneIsStatus: without a command the status is shown.
func TestAloneIsStatus(t *testing.T) {
	f, esp := newFake(t, archFiles())
	got := f.run("--esp-path=" + esp)
	assert.Equal(t, f.run("status", "--esp-path="+esp), got)
	assert.Equal(t, exitNone, got.code)
	assert.Contains(t, got.stdout, "loaded   none")
	assert.Equal(t, f.run("status", "--json=short", "--esp-path="+esp), f.run("--json", "short", "--esp-path="+esp))
}

func TestListWithoutLegend(t *testing.T) {
	f, esp := newFake(t, archFiles())
	got := f.run("list", "--no-legend", "--esp-path="+esp)
	assert.Equal(t, "  other.conf  Other       -       -\n* arch.conf   Arch Linux  6.12.1  default\n", got.stdout)
}
