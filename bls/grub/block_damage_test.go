package grub

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBlockCutAnywhere: of a block that ends too early, the variables whose line end is
// there count, and nothing is written into one without its header or line end.
func TestBlockCutAnywhere(t *testing.T) {
	body := "a=1\nlong_name=two words\nx=\\\\\n#c\nz=\n"
	all := []Var{{"a", "1"}, {"long_name", "two words"}, {"x", "\\"}, {"z", ""}}
	ends := []int{len("a=1\n"), len("a=1\nlong_name=two words\n"), len("a=1\nlong_name=two words\nx=\\\\\n"), len(body)}
	whole := blockHeader + body
	for n := range len(whole) + 1 {
		cut := Block(whole[:n])
		vars, err := cut.Vars()
		if n < len(blockHeader) {
			require.ErrorIs(t, err, ErrNoBlock, n)
			_, err = cut.Set("a", "2")
			require.ErrorIs(t, err, ErrNoBlock, n)
			_, err = cut.Delete("a")
			require.ErrorIs(t, err, ErrNoBlock, n)
			continue
		}
		require.NoError(t, err, n)
		complete := 0
		for _, end := range ends {
			if n >= len(blockHeader)+end {
				complete++
			}
		}
		require.Equal(t, all[:complete], append([]Var{}, vars...), "%d bytes", n)
	}
}

func TestBlockUnterminated(t *testing.T) {
	for body, full := range map[string]bool{"a=1": true, "a=1###": true, "a=1\n": false, "a=1\n###": false, "": false, "###": false, "a=1\n \n": false, "a=1\n ": true, "a=1\n#\n#x": true} {
		_, err := Block(blockHeader + body).Delete("b")
		if full {
			assert.ErrorIs(t, err, ErrBlockFull, "%q", body)
		} else {
			assert.NoError(t, err, "%q", body)
		}
	}
}

// TestBlockRoom: a line that fits to the last byte, and one that does not.
func TestBlockRoom(t *testing.T) {
	for room := range 8 {
		b := pad("a=1\n", len(blockHeader)+4+room)
		got, err := b.Set("bb", strings.Repeat("x", 2))
		if room < len("bb=xx\n") {
			require.ErrorIs(t, err, ErrBlockFull, room)
			continue
		}
		require.NoError(t, err, room)
		assert.Equal(t, string(pad("a=1\nbb=xx\n", len(b))), string(got))
	}
	b := pad("a=12345\nb=2\n", 40)
	got, err := b.Set("a", "1")
	require.NoError(t, err)
	assert.Equal(t, string(pad("a=1\nb=2\n", 40)), string(got), "what becomes free is padding")
	assert.Equal(t, string(pad("a=12345\nb=2\n", 40)), string(b), "the old block is as it was")
}

// TestBlockNames: a name is found at the begin of a line only, and whole.
func TestBlockNames(t *testing.T) {
	b := pad("xa=1\na=2\nab=3\n#a=4\nc=\\\na=5\n", 100)
	got, err := b.Set("a", "9")
	require.NoError(t, err)
	assert.Equal(t, string(pad("xa=1\na=9\nab=3\n#a=4\nc=\\\na=5\n", 100)), string(got))
	got, err = b.Delete("a")
	require.NoError(t, err)
	assert.Equal(t, string(pad("xa=1\nab=3\n#a=4\nc=\\\na=5\n", 100)), string(got))
	got, err = b.Delete("b")
	require.NoError(t, err)
	assert.Equal(t, string(b), string(got))
}

// TestBlockErrors: the texts that a user reads.
func TestBlockErrors(t *testing.T) {
	assert.EqualError(t, ErrNoBlock, "not a GRUB environment block")
	assert.EqualError(t, ErrBlockFull, "GRUB environment block has no room")
}

func TestLineLen(t *testing.T) {
	for s, want := range map[string]int{"": 0, "a": 1, "a\n": 2, "\n\n": 1, "a\\\nb\nc": 5, "a\\\\\nb": 4, `a\`: 2, "\\\n": 2, "\\\\\\\n\n": 5} {
		assert.Equal(t, want, lineLen([]byte(s)), "%q", s)
	}
}

func TestEscape(t *testing.T) {
	for value, want := range map[string]string{"": "", "a b": "a b", `a\b`: `a\\b`, "a\nb": "a\\\nb", `\`: `\\`, "\\\n": "\\\\\\\n", "#=\r": "#=\r"} {
		assert.Equal(t, want, escape(value), "%q", value)
		assert.Equal(t, value, string(unescape([]byte(want))), "and back")
	}
	for data, want := range map[string]string{`a\bc`: "abc", `a\`: `a\`, `\#`: "#"} {
		assert.Equal(t, want, string(unescape([]byte(data))), "%q", data)
	}
}

// TestBlockNUL: GRUB's texts end at a NUL, its lines do not.
func TestBlockNUL(t *testing.T) {
	vars, err := Block(blockHeader + "a\x00b=1\x002\nc=\x00\n\x00d=4\n").Vars()
	require.NoError(t, err)
	assert.Equal(t, []Var{{"a", "1"}, {"c", ""}, {"", "4"}}, vars)
}
