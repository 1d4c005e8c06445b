package initrd

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzBootconfig(f *testing.F) {
	f.Add([]byte("x\x01\x00\x00\x00x\x00\x00\x00#BOOTCONFIG\n\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, found, err := findBootconfig(bytes.NewReader(b), int64(len(b)), true)
		require.NoError(t, err)
		if !found {
			require.Zero(t, c)
			return
		}
		require.True(t, 0 <= c.start && c.start <= c.end-int64(configTail) && c.end <= int64(len(b)))
		require.Equal(t, configMagic, string(b[c.end-int64(len(configMagic)):c.end]))
	})
}
