package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDependencies holds that every module in the program is there for a verb,
// and that none brought a network client or a test tool along.
func TestDependencies(t *testing.T) {
	needs := map[string]string{
		"github.com/kexec-bls/kexec-bls":     "",
		"github.com/spf13/cobra":             "verbs and flags",
		"github.com/spf13/pflag":             "cobra",
		"github.com/BurntSushi/toml":         "the configuration",
		"github.com/google/renameio/v2":      "files written whole",
		"github.com/smallstep/pkcs7":         "signatures of images under Secure Boot",
		"golang.org/x/sys":                   "system calls",
		"golang.org/x/term":                  "progress, the menu",
		"golang.org/x/exp":                   "go-lzo",
		"github.com/klauspost/compress":      "gzip and zstd",
		"github.com/ulikunitz/xz":            "lzma",
		"github.com/therootcompany/xz":       "xz",
		"github.com/pierrec/lz4/v4":          "lz4",
		"github.com/anchore/go-lzo":          "lzo",
		"github.com/u-root/u-root":           "cpio, kexec_load",
		"github.com/u-root/uio":              "u-root",
		"github.com/dustin/go-humanize":      "u-root",
		"github.com/coreos/go-systemd/v22":   "the journal",
		"github.com/charmbracelet/x/ansi":    "the width of texts",
		"github.com/clipperhouse/":           "ansi",
		"github.com/lucasb-eyer/go-colorful": "ansi",
		"github.com/mattn/go-runewidth":      "ansi",
		"github.com/muesli/cancelreader":     "the menu",
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{else}}{{.ImportPath}}{{end}}", ".").Output()
	require.NoError(t, err)
	for dependency := range strings.FieldsSeq(string(out)) {
		first, _, _ := strings.Cut(dependency, "/")
		known := !strings.Contains(first, ".") // the standard library
		for module := range needs {
			known = known || dependency == module || strings.HasSuffix(module, "/") && strings.HasPrefix(dependency, module)
		}
		assert.True(t, known, "%s: which verb needs it?", dependency)
		for _, unwanted := range []string{"net/http", "crypto/tls", "testing", "html/template", "plugin", "go/ast"} {
			assert.NotEqual(t, unwanted, dependency)
		}
	}
}

// TestSizeOfTheProgram holds it under what version 1 had, as it is installed: a call
// of a method by name, as of text/template, adds 2 MB.
func TestSizeOfTheProgram(t *testing.T) {
	info, err := os.Stat(builtBinary(t))
	require.NoError(t, err)
	assert.Less(t, info.Size(), int64(10_100_000))
	t.Logf("%d bytes", info.Size())
}
