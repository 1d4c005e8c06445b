package initrd_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
)

// TestWalkDiskError: an image that cannot be read is not one that is damaged: its
// user would make it anew, or ignore the finding.
func TestWalkDiskError(t *testing.T) {
	blobs := [][]byte{ucodeIntel, pad4(pack(t, compress.Zstd, mainImage)), extraImage}
	for _, f := range []initrd.Format{compress.Gzip, compress.LZMA, compress.XZ, compress.LZO} {
		blobs = append(blobs, pad4(pack(t, f, extraImage)))
	}
	blobs = append(blobs, pack(t, compress.LZ4, mainImage), make([]byte, 8), bootconfig("a = b\n"))
	b, layout := cat(blobs...)
	for _, verify := range []initrd.WalkOptions{{Verify: initrd.VerifyAll}, {}} {
		verify.Layout = layout
		whole, err := initrd.Walk(context.Background(), bytes.NewReader(b), int64(len(b)), verify)
		require.NoError(t, err)
		failed := 0
		for n := 0; n < len(b); n += 5 {
			got, err := initrd.Walk(context.Background(), fixtures.BadDisk{ReaderAt: bytes.NewReader(b), From: n}, int64(len(b)), verify)
			if err != nil {
				failed++
				require.ErrorIs(t, err, fixtures.ErrDisk, "from byte %d", n)
				continue
			}
			require.Equal(t, ids(whole), ids(got), "from byte %d", n)
		}
		assert.Greater(t, failed, len(b)/5/2)
	}
}
