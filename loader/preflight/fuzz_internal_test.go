package preflight

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzParseTokens(f *testing.F) {
	f.Add([]byte(`{"tokens":{"0":{"type":"systemd-tpm2","tpm2-pcrs":[7,7,1],"tpm2_pubkey_pcrs":[11],"tpm2_pcrlock":true}}}`))
	f.Add([]byte(`{"tokens":{"0":{"type":"clevis","jwe":{"protected":"eyJjbGV2aXMiOnsicGluIjoidHBtMiIsInRwbTIiOnsicGNyX2lkcyI6IjcsOCJ9fX0"}}}}` + "\x00\x00"))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, area []byte) {
		tokens, err := parseTokens(area)
		if err != nil {
			require.Empty(t, tokens)
			return
		}
		for _, token := range tokens {
			require.True(t, slices.IsSorted(token.PCRs))
			require.True(t, token.TPM || len(token.PCRs) == 0)
		}
		again, err := parseTokens(append(slices.Clone(area), 0, '{'))
		require.NoError(t, err)
		require.Equal(t, tokens, again, "what follows the NUL does not count")
	})
}

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
			require.NotEmpty(t, strings.Join(row.patterns(), ""))
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

func TestLuksSize(t *testing.T) {
	head := func(version byte, size ...byte) []byte {
		return append([]byte("LUKS\xba\xbe\x00"+string(rune(version))), size...)
	}
	require.EqualValues(t, 16384, luksSize(head(2, 0, 0, 0, 0, 0, 0, 0x40, 0)))
	for _, b := range [][]byte{
		nil, head(2), head(1, 0, 0, 0, 0, 0, 0, 0x40, 0), head(2, 0, 0, 0, 0, 0, 0, 0x10, 0),
		head(2, 0, 0, 0, 0, 0, 0x41, 0, 0), head(2, 255, 255, 255, 255, 255, 255, 255, 255), []byte("SKUL\xba\xbe\x00\x02\x00\x00\x00\x00\x00\x00\x40\x00"),
	} {
		require.Zero(t, luksSize(b), "%q", b)
	}
}

func TestPCRList(t *testing.T) {
	require.Equal(t, []int{7, 8}, pcrList("7,8"))
	require.Equal(t, []int{7, 11, 15}, pcrList("secure-boot-policy+11:sha256=abc+system-identity"))
	require.Empty(t, pcrList("nonsense"))
}
