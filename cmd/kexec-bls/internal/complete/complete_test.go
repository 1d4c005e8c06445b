package complete_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/complete"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader"
)

// system has these entry files, all of one kernel.
func system(t *testing.T, files map[string]string) *entries.System {
	t.Helper()
	dir := t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	put("esp/vmlinuz", "kernel")
	for name, text := range files {
		put("esp/loader/entries/"+name, text)
	}
	sys, err := entries.Open(context.Background(), entries.Options{
		ESP: filepath.Join(dir, "esp"), Host: host.At(dir), Vars: efivar.Vars{Dir: filepath.Join(dir, "vars")}, Getenv: func(string) string { return "" },
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sys.Close()) })
	return sys
}

// TestEntries: what can be loaded is offered, by a name and a description of which
// no shell runs anything.
func TestEntries(t *testing.T) {
	sys := system(t, map[string]string{
		"arch.conf":      "title Arch $(reboot) `x` \"a\"\nlinux /vmlinuz\n",
		"gone.conf":      "title Gone\nlinux /nosuch\n",
		"shell.conf":     "title Shell\nefi /shell.efi\n",
		"$(reboot).conf": "title Hostile\nlinux /vmlinuz\n",
		"-n.conf":        "title Flag\nlinux /vmlinuz\n",
		"~root.conf":     "title Home\nlinux /vmlinuz\n",
	})
	noted := func(e *entries.Entry) []string {
		if e.ID == "arch.conf" {
			return []string{"default", "running"}
		}
		return nil
	}
	assert.Equal(t, []cobra.Completion{"arch.conf\tArch _(reboot) _x_ _a_ (default, running)"}, firstOf(complete.Entries(sys, noted), "arch.conf"))
	for _, offered := range complete.Entries(sys, noted) {
		name, about, _ := strings.Cut(offered, "\t")
		assert.Contains(t, []string{"arch.conf", "@default"}, name)
		assert.NotContains(t, about, "$")
	}
}

func firstOf(offered []cobra.Completion, name string) []cobra.Completion {
	var found []cobra.Completion
	for _, o := range offered {
		if strings.HasPrefix(o, name+"\t") {
			found = append(found, o)
		}
	}
	return found
}

// TestEntriesByName: an @ name is offered where it is an entry on this machine.
func TestEntriesByName(t *testing.T) {
	sys := system(t, map[string]string{"arch.conf": "title Arch\nlinux /vmlinuz\n"})
	got := complete.Entries(sys, func(*entries.Entry) []string { return nil })
	assert.Equal(t, []cobra.Completion{"arch.conf\tArch", "@default\tarch.conf"}, got)
}

func TestIDs(t *testing.T) {
	got, directive := complete.IDs(nil, nil, "")
	assert.Equal(t, cobra.ShellCompDirectiveNoFileComp, directive)
	assert.Len(t, got, len(loader.Topics())+1)
	got, _ = complete.IDs(nil, nil, "memory,junk,x")
	assert.Len(t, got, len(loader.Topics())-2, "not what is given, and not all")
	for _, offered := range got {
		assert.True(t, strings.HasPrefix(offered, "memory,junk,"), offered)
	}
}

func TestKeys(t *testing.T) {
	for line, want := range map[string][]cobra.Completion{
		"":                                     nil,
		"quiet root=/dev/vda2 quiet root=x":    {"quiet", "root"},
		"a.b=1 console=ttyS0,115200 -- single": {"a.b", "console"},
		"$(reboot)=1 `x` -n ~ =1 ok":           {"ok"},
		"with;semicolon a|b rd.luks.uuid=1":    {"rd.luks.uuid"},
	} {
		assert.Equal(t, want, complete.Keys(line), line)
	}
}

func TestValue(t *testing.T) {
	for _, c := range []struct {
		flag, value string
		offered     string
		directive   cobra.ShellCompDirective
	}{
		{"json", "MODE", "short pretty off", cobra.ShellCompDirectiveNoFileComp},
		{"check-inhibitors", "WHEN", "auto yes no", cobra.ShellCompDirectiveNoFileComp},
		{"config", "FILE", "toml", cobra.ShellCompDirectiveFilterFileExt},
		{"esp-path", "DIR", "", cobra.ShellCompDirectiveFilterDirs},
		{"initrd", "FILE", "", cobra.ShellCompDirectiveDefault},
		{"output", "OUT", "", cobra.ShellCompDirectiveDefault},
		{"message", "TEXT", "", cobra.ShellCompDirectiveNoFileComp},
	} {
		got, directive := complete.Value(c.flag, c.value)(nil, nil, "")
		assert.Equal(t, c.offered, strings.Join(got, " "), c.flag)
		assert.Equal(t, c.directive, directive, c.flag)
	}
	got, _ := complete.Value("syscall", "CALL")(nil, nil, "")
	assert.Equal(t, []cobra.Completion{"auto\tfile, else classic", "file\tkexec_file_load(2)", "classic\tkexec_load(2)"}, got)
}
