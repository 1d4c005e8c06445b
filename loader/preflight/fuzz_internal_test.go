package preflight

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzParseMachines(f *testing.F) {
	f.Add(builtinMachines)
	f.Add("[[machine]]\nvendor = \"x\"\nseverity = \"info\"\nreason = \"r\"\n")
	f.Add("machine = 1")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := parseMachines(text)
		if err != nil {
			require.Empty(t, rows)
			return
		}
		for _, row := range rows {
			require.NotEmpty(t, row.Reason)
			require.Contains(t, []Severity{Error, Warning, Info}, row.Severity)
			require.NotEmpty(t, strings.Join(append(row.patterns(), row.Module, row.PCI, row.Kernel), ""), "it does not fit everything")
		}
	})
}

func FuzzScriptStep(f *testing.F) {
	f.Add("case $1 in\n kexec) kexec -e;;\n*) halt;;\nesac")
	f.Add("case x in case y in esac esac")
	f.Add("case \"$ACTION\" in\n    reboot | poweroff | halt)\n ;;\n  (kexec)\n        kexec -e\n esac")
	f.Fuzz(func(t *testing.T, script string) {
		got := scriptStep(script)
		require.Contains(t, []lastStep{calls, jumps, powersOff, resets, unclear}, got)
		if !strings.Contains(script, "kexec") {
			require.NotContains(t, []lastStep{calls, jumps}, got)
		}
		if strings.Contains(script, "case") || strings.Contains(script, "esac") {
			return
		}
		require.Equal(t, jumps, scriptStep(script+"\ncase $1 in\nreboot) reboot;;\nkexec) kexec -e\n;;\nesac\n"), "the last case counts")
	})
}

func FuzzLike(f *testing.F) {
	f.Add("ROCK Pi 4B", "*Pi 4?")
	f.Add("", "*")
	f.Fuzz(func(t *testing.T, text, pattern string) {
		got := like(text, pattern)
		if !strings.ContainsAny(pattern, "*?") {
			require.Equal(t, text == pattern, got)
		}
		require.True(t, like(text, "*"))
		if got {
			require.True(t, like("x"+text+"y", "*"+pattern+"*"))
		}
	})
}

// TestBuiltinMachines holds the built-in table to its own rules.
func TestBuiltinMachines(t *testing.T) {
	rows, err := parseMachines(builtinMachines)
	require.NoError(t, err)
	require.NotEmpty(t, rows)
	for _, row := range rows {
		require.NotEmpty(t, row.Name)
	}
	blocks := strings.Split(builtinMachines, "[[machine]]")
	require.Len(t, rows, len(blocks)-1)
}
