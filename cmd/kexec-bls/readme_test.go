package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readme is the text of README.md.
func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	return string(text)
}

// TestReadmeIsShort, and begins with what to type.
func TestReadmeIsShort(t *testing.T) {
	lines := strings.Split(readme(t), "\n")
	assert.Less(t, len(lines), 200)
	assert.Equal(t, "```", lines[4], "a quick start on top")
	assert.Equal(t, "```", lines[8], "of three commands")
	for _, section := range []string{"What it adds", "Where it works", "Install", "The machine did not come back", "Where to report"} {
		assert.Contains(t, lines, "## "+section)
	}
}

// TestReadmeNamesWhatThereIs: each command and each flag in it exists.
func TestReadmeNamesWhatThereIs(t *testing.T) {
	f, _ := newFake(t, nil)
	verbs, flags := map[string]bool{}, map[string]bool{"kernel-cmdline": true, "kernel-cmdline-reuse": true, "type": true, "version": true} // systemctl's, kexec's, cobra's
	visitCommands(newRoot(&app{environment: f.environment}), func(cmd *cobra.Command) {
		verbs[cmd.Name()] = true
		cmd.Flags().VisitAll(func(flag *pflag.Flag) { flags[flag.Name] = true })
		cmd.PersistentFlags().VisitAll(func(flag *pflag.Flag) { flags[flag.Name] = true })
	})
	found := regexp.MustCompile("(?:`|sudo |# )kexec-bls\\s+([a-z][a-z-]*)").FindAllStringSubmatch(readme(t), -1)
	require.Greater(t, len(found), 10)
	for _, m := range found {
		assert.True(t, verbs[m[1]], "kexec-bls %s", m[1])
	}
	used := regexp.MustCompile(`--([a-z][a-z-]+)`).FindAllStringSubmatch(readme(t), -1)
	require.Greater(t, len(used), 10)
	for _, m := range used {
		assert.True(t, flags[m[1]], "--%s", m[1])
	}
}

// TestReadmeNamesEveryLayout: the table has each distribution among the fixtures.
func TestReadmeNamesEveryLayout(t *testing.T) {
	_, table, _ := strings.Cut(readme(t), "## Where it works")
	table, _, _ = strings.Cut(table, "\n## ")
	layouts, err := filepath.Glob(layoutDir + "/*/README")
	require.NoError(t, err)
	require.NotEmpty(t, layouts)
	names := map[string]string{"opensuse": "openSUSE", "pop": "Pop!", "nixos": "NixOS", "rhel8": "RHEL 8", "esp": "", "arch": "Arch", "debian": "Debian", "fedora": "Fedora", "proxmox": "Proxmox"}
	for _, layout := range layouts {
		prefix, _, _ := strings.Cut(filepath.Base(filepath.Dir(layout)), "-")
		name, known := names[prefix]
		assert.True(t, known, "%s: name it in README.md too", prefix)
		assert.Contains(t, table, name)
	}
}
