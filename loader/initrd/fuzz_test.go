package initrd_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
)

const fuzzLimit = 1 << 20

// Whatever the bytes are: no panic, segments in order inside of the blob, and the
// listing fails exactly when the walk found that files are lost.
func FuzzWalk(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b, uint16(len(b)/2))
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		if len(b) > 1<<16 {
			t.Skip("large inputs find nothing that small ones do not")
		}
		at := int(cut) % (len(b) + 1)
		_, layout := cat(b[:at], b[at:])
		opts := initrd.WalkOptions{Layout: layout, Verify: initrd.VerifyAll, Limit: fuzzLimit}
		rep, err := initrd.Walk(context.Background(), bytes.NewReader(b), int64(len(b)), opts)
		end := int64(0)
		for _, p := range rep.Segments {
			require.GreaterOrEqual(t, p.Offset, end)
			end = p.Offset + p.Size
			require.LessOrEqual(t, end, int64(len(b)))
		}
		if err == nil {
			again, err := initrd.Walk(context.Background(), bytes.NewReader(b), int64(len(b)), opts)
			require.NoError(t, err)
			require.Equal(t, rep, again)
		}
	})
}

// What is joined from sound segments stays sound, and junk stays where it is.
func FuzzJoin(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b, []byte("x"), b, false)
		f.Add(b, b, []byte{}, true)
	}
	f.Fuzz(func(t *testing.T, a, b, c []byte, stub bool) {
		var ms []initrd.Member
		sound := true
		for i, d := range [][]byte{a, b, c} {
			ms = append(ms, initrd.Member{Name: string(rune('a' + i)), Parts: []initrd.Part{{Data: d}}})
			rep, err := initrd.Walk(context.Background(), bytes.NewReader(d), int64(len(d)), initrd.WalkOptions{})
			require.NoError(t, err)
			// A damaged bootconfig is not moved, and harmless at the end only.
			sound = sound && len(rep.Errors()) == 0 && !strings.Contains(ids(rep), "bootconfig-damaged")
		}
		p, err := initrd.NewPlan(ms, initrd.JoinOptions{PadLast: stub})
		if err != nil {
			require.ErrorIs(t, err, initrd.ErrTwoConfigs)
			return
		}
		rep, err := initrd.Walk(context.Background(), p, p.Size(), initrd.WalkOptions{Layout: p.Layout})
		require.NoError(t, err)
		for _, f := range rep.Errors() {
			require.True(t, !sound || f.ID == "cpio-links", f)
		}
		got := make([]byte, p.Size())
		if len(got) > 0 {
			_, err = p.ReadAt(got, 0)
			require.NoError(t, err)
		}
		for _, m := range p.Layout.Members {
			require.True(t, m.Config || m.Offset%4 == 0)
			require.Equal(t, make([]byte, m.Padding), got[m.Offset-m.Padding:m.Offset])
		}
	})
}

func seeds(t testing.TB) [][]byte {
	var out [][]byte
	for _, f := range append([]initrd.Format{initrd.Newc}, compressed...) {
		out = append(out, pack(t, f, sampleArchive()))
	}
	lz4 := pack(t, compress.LZ4, sampleArchive())
	return append(out,
		append(bytes.Clone(ucodeIntel), lz4...),
		append(append(bytes.Clone(lz4), 0, 0, 0, 0), mainImage...),
		append(bytes.Clone(mainImage), bootconfig("x=1\n")...),
		newc(file{path: "a", data: "1", ino: 1, nlink: 2}, file{path: "b", ino: 1, nlink: 2}, file{path: "c", mode: 0o60600, rdev: [2]uint32{8, 1}}),
		newc(file{path: "a", data: "ab", crc: true, check: 'a' + 'b'}),
		[]byte("070707"), []byte("\x04\x22\x4d\x18"), make([]byte, 9),
	)
}
