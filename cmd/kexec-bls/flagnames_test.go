package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLibraryNamesNoFlag: only the command names its flags. A text that begins with
// one is an argument of another program.
func TestLibraryNamesNoFlag(t *testing.T) {
	f, _ := newFake(t, nil)
	var names []string
	visitCommands(newRoot(&app{environment: f.environment}), func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
		cmd.PersistentFlags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	})
	require.Contains(t, names, "early-first")
	named := regexp.MustCompile(`[^-"\x60]--(` + strings.Join(names, "|") + `)\b`)
	texts := 0
	for _, dir := range []string{"bls", "entries", "loader"} {
		for _, text := range literals(t, "../../"+dir) {
			assert.NotRegexp(t, named, strings.ReplaceAll(text, "zstd --long", "zstd"))
			texts++
		}
	}
	assert.Greater(t, texts, 1000)
}

// literals are the texts in the packages below a directory.
func literals(t *testing.T, dir string) []string {
	t.Helper()
	var texts []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == "testdata":
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go"), strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		ast.Inspect(file, func(node ast.Node) bool {
			if text, ok := node.(*ast.BasicLit); ok && text.Kind == token.STRING {
				texts = append(texts, text.Value)
			}
			return true
		})
		return err
	}))
	return texts
}
