package term

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestJSONMode(t *testing.T) {
	m := JSONOff
	for _, s := range []string{"short", "pretty", "off"} {
		require.NoError(t, m.Set(s))
		assert.Equal(t, s, m.String())
	}
	assert.EqualError(t, m.Set("yaml"), `must be one of short, pretty, off; got "yaml"`)
	assert.Equal(t, JSONOff, m)
	assert.Equal(t, "MODE", m.Type())
}

func TestJSON(t *testing.T) {
	v := map[string]any{"a": "<\n", "b": []int{1}}
	for mode, want := range map[JSONMode]string{
		JSONShort:  "{\"a\":\"<\\n\",\"b\":[1]}\n",
		JSONPretty: "{\n\t\"a\": \"<\\n\",\n\t\"b\": [\n\t\t1\n\t]\n}\n",
	} {
		var out bytes.Buffer
		require.NoError(t, (&UI{Out: &out}).JSON(mode, v))
		assert.Equal(t, want, out.String())
	}
	assert.Error(t, (&UI{Out: &bytes.Buffer{}}).JSON(JSONShort, func() {}))
}

// TestJSONIsExactAndSafe: the value is read back as it was, and a terminal has
// nothing to obey.
func TestJSONIsExactAndSafe(t *testing.T) {
	value := "a\x1b\x7f\u009b\u0085\u202e\u2066\u061c\u200e\u2028\U000e0041\n日本 ü🐧\u200d"
	for _, mode := range []JSONMode{JSONShort, JSONPretty} {
		var out bytes.Buffer
		require.NoError(t, (&UI{Out: &out}).JSON(mode, map[string]string{value: value}))
		for _, r := range out.String() {
			assert.True(t, r == '\n' || r == '\t' || !obeyed(r), "%U", r)
		}
		assert.Contains(t, out.String(), `\u007f\u009b\u0085\u202e\u2066\u061c\u200e\u2028\udb40\udc41\n日本 ü🐧`)
		var again map[string]string
		require.NoError(t, json.Unmarshal(out.Bytes(), &again))
		assert.Equal(t, map[string]string{value: value}, again)
	}
}

// TestJSONArray: an array looks as JSON would write it.
func TestJSONArray(t *testing.T) {
	for _, list := range [][]map[string]any{{}, {{"a": "<"}}, {{"a": 1, "b": []int{1}}, {}, {"c": "\xff\u202e"}}} {
		for _, mode := range []JSONMode{JSONShort, JSONPretty} {
			var got, want bytes.Buffer
			require.NoError(t, JSONArray(&UI{Out: &got}, mode, slices.Values(list)))
			require.NoError(t, (&UI{Out: &want}).JSON(mode, list))
			assert.Equal(t, want.String(), got.String())
		}
	}
	var got bytes.Buffer
	assert.Error(t, JSONArray(&UI{Out: &got}, JSONShort, slices.Values([]json.Number{"x"})))
	assert.ErrorIs(t, JSONArray(&UI{Out: full{}}, JSONShort, slices.Values([]int{1})), errFull)
	assert.ErrorIs(t, (&UI{Out: full{}}).JSON(JSONShort, 1), errFull)
}

var errFull = errors.New("no space left")

// full is a device on which nothing can be written.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestJSONModeOf: a program that asks for JSON gets it, whatever else it got wrong.
func TestJSONModeOf(t *testing.T) {
	for args, want := range map[string]JSONMode{
		"": JSONOff, "list --nosuch --json": JSONPretty, "--json=short --nosuch": JSONShort, "--json=short --json=off": JSONOff,
		"--json=short --json=nosuch": JSONShort, "-- --json": JSONOff,
	} {
		assert.Equal(t, want, JSONModeOf(strings.Fields(args)), args)
	}
}
