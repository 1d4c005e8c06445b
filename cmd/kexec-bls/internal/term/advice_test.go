package term

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// TestAdvice: what the library advises to do has the flag for it.
func TestAdvice(t *testing.T) {
	for text, want := range map[string]string{
		"stop them yourself, then " + string(hint.Force):   "stop them yourself, then kexec-bls reboot --force",
		string(hint.ForceAtOnce):                           "kexec-bls reboot --force syncs and jumps at once",
		string(hint.KexecLoad) + ", which it has":          "use --syscall=classic, which it has",
		"until then " + string(hint.ByFirmware):            "until then reboot through firmware (kexec-bls reboot --firmware)",
		"use kexec_file_load":                              "use kexec_file_load",
		"wait until that ends, or " + string(hint.InSpite): "wait until that ends, or use --check-inhibitors=no",
	} {
		assert.Equal(t, want, Advice(text))
		assert.Equal(t, want, Advice(Advice(text)), "said twice")
	}
}

// TestAdviceForEveryAction reads the actions from their source.
func TestAdviceForEveryAction(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../../../bls/hint/action.go", nil, 0)
	require.NoError(t, err)
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		if lit, ok := node.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, err := strconv.Unquote(lit.Value)
			require.NoError(t, err)
			assert.NotContains(t, Advice(text), text)
			n++
		}
		return true
	})
	assert.Equal(t, len(advice())/2, n)
}
