//go:build tools

package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestManualsAreCleanMdoc leaves out what depends on the machine: manuals that
// are not installed here, and conventions of other systems' own pages.
func TestManualsAreCleanMdoc(t *testing.T) {
	mandoc, err := exec.LookPath("mandoc")
	require.NoError(t, err, "mandoc is missing; fixtures/setup.sh test brings it")
	pages, err := filepath.Glob("dist/man/*.[1-9]")
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	for _, page := range pages {
		out, _ := exec.Command(mandoc, "-T", "lint", page).Output() // exits with 2 for the slightest
		for line := range strings.Lines(string(out)) {
			if !strings.Contains(line, "referenced manual not found") && !strings.Contains(line, "operating system explicitly specified") {
				t.Errorf("%s", line)
			}
		}
	}
}
