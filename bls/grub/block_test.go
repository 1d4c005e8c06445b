package grub

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBlockVars(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       []Var
	}{
		{"plain", "a=1\nb=x y\n###", []Var{{"a", "1"}, {"b", "x y"}}},
		{"comment and blank line", "#a=0\n\na=1\n", []Var{{"a", "1"}}},
		{"junk spoils the next name", "junk\na=1\nb=2\n", []Var{{"junk\na", "1"}, {"b", "2"}}},
		{"blanks belong to both", "a = 1\n", []Var{{"a ", " 1"}}},
		{"backslash", "a=x\\\\y\\\nz\nb=2\n", []Var{{"a", "x\\y\nz"}, {"b", "2"}}},
		{"no line end before the padding", "a=1\nb=2###", []Var{{"a", "1"}}},
		{"a line without a =", "a=1\njunk\n###", []Var{{"a", "1"}}},
		{"CR stays", "a=1\r\n", []Var{{"a", "1\r"}}},
		{"twice", "a=1\na=2\n", []Var{{"a", "1"}, {"a", "2"}}},
		{"NUL padding", "a=1\n\x00\x00", []Var{{"a", "1"}}},
		{"padding of line ends", "a=1\n\n\n\n", []Var{{"a", "1"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			vars, err := Block(blockHeader + c.body).Vars()
			require.NoError(t, err)
			assert.Equal(t, c.want, vars)
		})
	}
}

func TestBlockVarsAnySize(t *testing.T) {
	for _, size := range []int{42, 512, 1023, 1024, 1025, 1029, 4096, 8192} {
		vars, err := pad("saved_entry=x\n", size).Vars()
		require.NoError(t, err)
		assert.Equal(t, []Var{{"saved_entry", "x"}}, vars, size)
	}
}

func TestBlockVarsRefuses(t *testing.T) {
	for _, text := range []string{"", "\x00\x00", "# GRUB Environment Block\r\na=1\n", "# GRUB Environment block\na=1\n", "\n# GRUB Environment Block\n"} {
		_, err := Block(text).Vars()
		assert.ErrorIs(t, err, ErrNoBlock, "%q", text)
	}
}

func TestBlockWrite(t *testing.T) {
	b := pad("next_entry=abc\nother=x\\\ny\n", 100)
	empty, err := b.Empty("next_entry")
	require.NoError(t, err)
	assert.Equal(t, string(pad("next_entry=\nother=x\\\ny\n", 100)), string(empty))

	set, err := empty.Set("boot_success", "a\\b\nc")
	require.NoError(t, err)
	assert.Equal(t, string(pad("next_entry=\nother=x\\\ny\nboot_success=a\\\\b\\\nc\n", 100)), string(set))

	gone, err := b.Delete("other")
	require.NoError(t, err)
	assert.Equal(t, string(pad("next_entry=abc\n", 100)), string(gone))

	same, err := b.Delete("absent")
	require.NoError(t, err)
	assert.Equal(t, string(b), string(same))
}

func TestBlockWriteRefuses(t *testing.T) {
	full := pad("a=1\n", len(blockHeader)+len("a=1\n"))
	_, err := full.Set("b", "")
	assert.ErrorIs(t, err, ErrBlockFull)
	_, err = full.Set("a", "12")
	assert.ErrorIs(t, err, ErrBlockFull)
	same, err := full.Set("a", "2")
	require.NoError(t, err)
	assert.Equal(t, blockHeader+"a=2\n", string(same))

	for _, padding := range []string{"\x00\x00\x00\x00", "b=2###"} {
		_, err = Block(blockHeader + "a=1\n" + padding).Empty("a")
		assert.ErrorIs(t, err, ErrBlockFull, "%q", padding)
	}
	_, err = Block("").Empty("a")
	assert.ErrorIs(t, err, ErrNoBlock)
}

func pad(body string, size int) Block {
	return Block(blockHeader + body + strings.Repeat("#", size-len(blockHeader)-len(body)))
}

func FuzzBlock(f *testing.F) {
	f.Add([]byte(blockHeader+"a=1\nnext_entry=x\\\ny\n########"), "next_entry", "v\n\\")
	f.Fuzz(func(t *testing.T, data []byte, name, value string) {
		if name == "" || strings.ContainsAny(name+value, "=#\n\x00\\") {
			return
		}
		b := Block(data)
		before, err := b.Vars()
		if err != nil && before != nil {
			t.Fatal("variables beside an error")
		}
		after, err := b.Set(name, value)
		if (err == nil) != (after != nil) {
			t.Fatal("a block exactly where there is no error")
		}
		if err != nil {
			return
		}
		if len(after) != len(b) {
			t.Fatal("the size changed")
		}
		again, err := after.Set(name, value)
		require.NoError(t, err)
		require.Equal(t, string(after), string(again))
	})
}

// TestBlockModel writes at random and compares with a list of variables: none is
// lost, none changes beside the one that is written, and the size stays.
func TestBlockModel(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	names, parts := []string{"a", "ab", "next_entry", "b"}, []string{"x", "\\", "\n", "#", "=", " ", "a=1", "\r", "é"}
	b, want, full := pad("", 70), []Var(nil), 0
	for range 5_000 {
		name, value := names[r.IntN(len(names))], ""
		for range r.IntN(6) {
			value += parts[r.IntN(len(parts))]
		}
		at := slices.IndexFunc(want, func(v Var) bool { return v.Name == name })
		var after Block
		var err error
		model := slices.Clone(want)
		switch op := r.IntN(4); {
		case op == 0:
			after, err = b.Delete(name)
			model = slices.DeleteFunc(model, func(v Var) bool { return v.Name == name })
		case at < 0:
			after, err = b.Set(name, value)
			model = append(model, Var{name, value})
		default:
			after, err = b.Set(name, value)
			model[at].Value = value
		}
		if err != nil {
			require.ErrorIs(t, err, ErrBlockFull)
			full++
			continue
		}
		require.Len(t, after, len(b))
		vars, err := after.Vars()
		require.NoError(t, err)
		require.Equal(t, len(model), len(vars))
		if len(model) > 0 {
			require.Equal(t, model, vars)
		}
		b, want = after, model
	}
	assert.Greater(t, full, 10)
}
