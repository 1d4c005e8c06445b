package main

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/entries/esp"
)

// complete asks as the shells' scripts do; the last word is the one that is
// being typed. Its directive is cobra's line of ":" and a number.
func (f *fake) complete(t *testing.T, words ...string) (offered []string, directive cobra.ShellCompDirective) {
	t.Helper()
	got := f.run(append([]string{cobra.ShellCompRequestCmd}, words...)...)
	require.Equal(t, exitDone, got.code, got.stderr)
	require.NotContains(t, got.stderr, "kexec-bls: ", "nothing may be said while somebody types")
	lines := strings.Split(strings.TrimSuffix(got.stdout, "\n"), "\n")
	last := lines[len(lines)-1]
	require.True(t, strings.HasPrefix(last, ":"), last)
	for _, c := range last[1:] {
		directive = directive*10 + cobra.ShellCompDirective(c-'0')
	}
	return lines[:len(lines)-1], directive
}

func TestCompleteEntries(t *testing.T) {
	f, esp := newFake(t, archFiles())
	write(t, esp, map[string]string{
		"loader/entries/tab\tnewline\n.conf": otherConf, "loader/entries/two words.conf": otherConf,
		"loader/entries/windows.conf": "title Windows\nefi /win.efi\n", "win.efi": "MZ",
		"loader/entries/evil.conf": "title \x1b[31mred\ttab\nlinux /vmlinuz\n",
	})
	for _, verb := range []string{"show", "check", "load", "reboot", "export"} {
		got, directive := f.complete(t, verb, "--esp-path="+esp, "")
		assert.Equal(t, []string{
			"other.conf\tOther (other.conf)", "evil.conf\t\ufffd_31mred tab", "arch.conf\tArch Linux (default)", "@default\tarch.conf",
		}, got, verb+": in boot-loader order, without what cannot be loaded")
		assert.Equal(t, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveKeepOrder, directive)

		got, _ = f.complete(t, verb, "arch.conf", "--esp-path="+esp, "")
		assert.Empty(t, got, "there is only one ENTRY")
	}
	got, _ := f.complete(t, "load", "--linux=/vmlinuz", "--esp-path="+esp, "")
	assert.Empty(t, got, "a given kernel has no ENTRY")
	f.setVar(t, "LoaderEntryOneShot", "other.conf")
	got, _ = f.complete(t, "show", "--esp-path="+esp, "@")
	assert.Contains(t, got, "@oneshot\tother.conf")
}

// TestCompleteNothing holds that nobody is held up, or told anything, where
// there are no entries.
func TestCompleteNothing(t *testing.T) {
	f, _ := newFake(t, nil)
	write(t, f.dir, map[string]string{"etc/kexec-bls.toml": "this is = = no TOML"})
	f.openSystem = func(context.Context, entries.Options) (*entries.System, error) { return nil, esp.ErrNotFound }
	got, directive := f.complete(t, "reboot", "")
	assert.Empty(t, got)
	assert.Equal(t, cobra.ShellCompDirectiveNoFileComp, directive&cobra.ShellCompDirectiveNoFileComp)

	synctest.Test(t, func(t *testing.T) {
		hangs := make(chan struct{})
		f.openSystem = func(context.Context, entries.Options) (*entries.System, error) { <-hangs; return nil, esp.ErrNotFound }
		begun := time.Now()
		got, _ = f.complete(t, "reboot", "")
		assert.Empty(t, got)
		assert.Equal(t, completionTimeout, time.Since(begun))
		close(hangs)
	})

	script := f.run("completion", "bash")
	assert.Equal(t, exitDone, script.code, "a broken configuration is no reason: %s", script.stderr)
	assert.Contains(t, script.stdout, "__start_kexec-bls")
}

func TestCompleteFlags(t *testing.T) {
	f, _ := newFake(t, nil)
	write(t, filepath.Join(f.dir, "proc"), map[string]string{"cmdline": "BOOT_IMAGE=/v root=/dev/vda2 quiet root=again -- forinit\n"})
	for typed, want := range map[string]string{
		"reboot --syscall=":          "auto file classic",
		"load --syscall ":            "auto file classic",
		"list --json=":               "short pretty off",
		"reboot --check-inhibitors=": "auto yes no",
		"reboot --when=":             "show cancel +5min +1h tomorrow",
		"enable --policy=":           "auto reboot upgrade boot off",
		"show --remove=":             "BOOT_IMAGE root quiet",
		"show --kernel-cmdline=":     "",
		"reboot --message=":          "",
		"status ":                    "",
	} {
		got, directive := f.complete(t, strings.Split(typed, " ")...)
		for i := range got {
			got[i], _, _ = strings.Cut(got[i], "\t")
		}
		assert.Equal(t, want, strings.Join(got, " "), typed)
		assert.Equal(t, cobra.ShellCompDirectiveNoFileComp, directive, typed)
	}
	for typed, want := range map[string]cobra.ShellCompDirective{
		"load --linux=":      cobra.ShellCompDirectiveDefault,
		"load --initrd=":     cobra.ShellCompDirectiveDefault,
		"initrd merge -o ":   cobra.ShellCompDirectiveDefault,
		"initrd ls ":         cobra.ShellCompDirectiveDefault,
		"export --output=":   cobra.ShellCompDirectiveFilterDirs,
		"list --esp-path=":   cobra.ShellCompDirectiveFilterDirs,
		"reboot --root=":     cobra.ShellCompDirectiveFilterDirs,
		"reboot --boot-path": cobra.ShellCompDirectiveNoFileComp,
		"list --config=":     cobra.ShellCompDirectiveFilterFileExt,
	} {
		_, directive := f.complete(t, strings.Split(typed, " ")...)
		assert.Equal(t, want, directive, typed)
	}
}

// TestCompleteFlagNames: a description is the help's, without its markup.
func TestCompleteFlagNames(t *testing.T) {
	f, _ := newFake(t, nil)
	got, _ := f.complete(t, "list", "--")
	assert.Contains(t, got, "--help\tPrint this help")
	assert.Contains(t, got, "--config\tRead FILE instead of /etc/kexec-bls.toml and its drop-ins")
	assert.NotContains(t, strings.Join(got, ""), "`")
}

func TestCompleteIDs(t *testing.T) {
	f, _ := newFake(t, nil)
	got, _ := f.complete(t, "reboot", "--ignore=")
	assert.Len(t, got, len(loader.Topics())+1, "with all")
	assert.Contains(t, got, "tpm2-unlock\ta volume does not open by the TPM after the kexec and asks for its passphrase")
	assert.Contains(t, got, "all\tevery finding")
	got, _ = f.complete(t, "check", "--ignore=memory,j")
	assert.Contains(t, got, "memory,junk\ta file is not an initrd")
	assert.NotContains(t, strings.Join(got, "\n"), "memory,memory", "it is given already")
	assert.NotContains(t, strings.Join(got, "\n"), "memory,all")
}

// TestEveryFlagCompletes holds it for flags that will come.
func TestEveryFlagCompletes(t *testing.T) {
	f, _ := newFake(t, nil)
	a := &app{environment: f.environment, UI: &term.UI{Out: io.Discard, Err: io.Discard}}
	root := newRoot(a)
	require.NoError(t, a.completion(root))
	n := 0
	visitCommands(root, func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			_, has := cmd.GetFlagCompletionFunc(flag.Name)
			assert.True(t, has, "%s --%s", cmd.CommandPath(), flag.Name)
			n++
		})
		assert.True(t, cmd.ValidArgsFunction != nil || strings.Contains(cmd.Use, "FILE..."), cmd.CommandPath())
	})
	assert.Greater(t, n, 30)
}

// TestDescriptionsAreText: what describes a flag or a value has nothing that a shell
// runs.
func TestDescriptionsAreText(t *testing.T) {
	f, _ := newFake(t, archFiles())
	n := 0
	visitCommands(newRoot(&app{environment: f.environment}), func(cmd *cobra.Command) {
		words := strings.Fields(cmd.CommandPath())[1:]
		got, _ := f.complete(t, append(words, "--")...)
		for _, line := range got {
			_, about, _ := strings.Cut(line, "\t")
			assert.NotContains(t, about, "`", line)
			assert.NotContains(t, about, "$(", line)
			n++
		}
	})
	assert.Greater(t, n, 100)
	for _, verb := range []string{"check", "reboot"} {
		got, _ := f.complete(t, verb, "--ignore=")
		assert.NotContains(t, strings.Join(got, "\n"), "`", verb)
	}
}

func visitCommands(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, sub := range cmd.Commands() {
		visitCommands(sub, visit)
	}
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		var out, errs bytes.Buffer
		require.Equal(t, exitDone, run(context.Background(), []string{"completion", shell}, realEnvironment(), &out, &errs))
		assert.Contains(t, out.String(), cobra.ShellCompRequestCmd, shell)
		assert.Empty(t, errs.String())
	}
}
