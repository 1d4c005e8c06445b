package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDrawnBar(t *testing.T) {
	for want, v := range map[string][2]int64{
		"\r\x1b[Kx [                    ]   0% of 10 MiB": {0, 10 << 20},
		"\r\x1b[Kx [########            ]  40% of 10 MiB": {4 << 20, 10 << 20},
		"\r\x1b[Kx [####################] 100% of 10 MiB": {11 << 20, 10 << 20},
		"\r\x1b[Kx 5 B": {5, 0}, // how much there will be is not known
	} {
		assert.Equal(t, want, drawn("x", v[0], v[1]))
	}
}

func TestNoBarButOnATerminal(t *testing.T) {
	var out bytes.Buffer
	b := (&ui{err: &out}).progress("x")
	b.next = b.next.Add(-2 * patienceBeforeBar)
	b.tick(1, 2)
	b.done()
	assert.Empty(t, out.String())
}

// TestJSONArray holds that an array looks as the encoder would write it.
func TestJSONArray(t *testing.T) {
	for _, list := range [][]map[string]any{{}, {{"a": "<"}}, {{"a": 1, "b": []int{1}}, {}, {"c": "\xff"}}} {
		for _, mode := range []jsonMode{jsonShort, jsonPretty} {
			var got, want bytes.Buffer
			require.NoError(t, jsonArray(&ui{out: &got}, mode, slices.Values(list)))
			require.NoError(t, (&ui{out: &want}).json(mode, list))
			assert.Equal(t, want.String(), got.String())
		}
	}
	var got bytes.Buffer
	assert.Error(t, jsonArray(&ui{out: &got}, jsonShort, slices.Values([]json.Number{"x"})))
}
