package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDrawnBar(t *testing.T) {
	for want, v := range map[string]struct {
		done, total int64
		took        time.Duration
	}{
		"\r\x1b[Kx [                    ]   0% of 10 MiB":            {0, 10 << 20, 0},
		"\r\x1b[Kx [########            ]  40% of 10 MiB, 2.0 MiB/s": {4 << 20, 10 << 20, 2 * time.Second},
		"\r\x1b[Kx [####################] 100% of 10 MiB, 11 MiB/s":  {11 << 20, 10 << 20, time.Second},
		"\r\x1b[Kx 5 B, 10 B/s":                                      {5, 0, time.Second / 2}, // how much there will be is not known
	} {
		assert.Equal(t, want, drawn("x", v.done, v.total, v.took))
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
