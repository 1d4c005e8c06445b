package initrd

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func scratch(t *testing.T, data []byte) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	_, err = f.Write(data)
	require.NoError(t, err)
	return f
}

func refuse(err error) copyFunc {
	return func(_, _ *os.File, _ int64, _ int) (int, error) { return 0, err }
}

// interrupted and short is what any of the system calls may do at any time.
func shortAndInterrupted() copyFunc {
	calls := 0
	return func(dst, src *os.File, off int64, n int) (int, error) {
		if calls++; calls%2 == 1 {
			return 0, unix.EINTR
		}
		return copyFileRange(dst, src, off, min(n, 7))
	}
}

func TestCopyWays(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 30_000)
	never := func(_, _ *os.File, _ int64, _ int) (int, error) { t.Error("tried"); return 0, nil }
	for name, ways := range map[string]func(plain copyFunc) []copyFunc{
		"copy_file_range":           func(copyFunc) []copyFunc { return []copyFunc{copyFileRange, never} },
		"sendfile":                  func(copyFunc) []copyFunc { return []copyFunc{sendfile, never} },
		"plain":                     func(p copyFunc) []copyFunc { return []copyFunc{p} },
		"short and interrupted":     func(copyFunc) []copyFunc { return []copyFunc{shortAndInterrupted()} },
		"another file system":       func(p copyFunc) []copyFunc { return []copyFunc{refuse(unix.EXDEV), refuse(unix.EINVAL), p} },
		"not supported":             func(p copyFunc) []copyFunc { return []copyFunc{refuse(unix.EOPNOTSUPP), refuse(unix.ENOSYS), p} },
		"pretends to be at the end": func(p copyFunc) []copyFunc { return []copyFunc{refuse(nil), sendfile, never} },
	} {
		t.Run(name, func(t *testing.T) {
			dst := scratch(t, nil)
			c := newCopier(dst, nil)
			c.ways = ways(c.plain)
			require.NoError(t, c.copyRange(scratch(t, data), 3, 250_001))
			got := make([]byte, 250_002)
			n, err := dst.ReadAt(got, 0)
			require.ErrorIs(t, err, io.EOF)
			assert.True(t, bytes.Equal(data[3:250_004], got[:n]))
		})
	}
}

// A way that fails half-way hands over to the next at the right place.
func TestCopyWayFailsLater(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 100)
	dst := scratch(t, nil)
	c := newCopier(dst, nil)
	calls := 0
	c.ways = []copyFunc{func(dst, src *os.File, off int64, n int) (int, error) {
		if calls++; calls > 3 {
			return -1, unix.EINVAL
		}
		return copyFileRange(dst, src, off, 100)
	}, c.plain}
	require.NoError(t, c.copyRange(scratch(t, data), 0, 1000))
	got, err := os.ReadFile(dst.Name())
	require.NoError(t, err)
	assert.Equal(t, data, got)
}

func TestCopyRealErrorsStay(t *testing.T) {
	for _, errno := range []error{unix.EIO, unix.ENOSPC, unix.EFBIG} {
		c := newCopier(scratch(t, nil), nil)
		c.ways = []copyFunc{refuse(errno), c.plain}
		require.ErrorIs(t, c.copyRange(scratch(t, []byte("x")), 0, 1), errno)
	}
	c := newCopier(scratch(t, nil), nil)
	c.ways = []copyFunc{refuse(unix.EINVAL)}
	require.ErrorIs(t, c.copyRange(scratch(t, []byte("x")), 0, 1), unix.EINVAL, "no way is left")
}

func TestCopyShorterThanSaid(t *testing.T) {
	c := newCopier(scratch(t, nil), nil)
	err := c.copyRange(scratch(t, []byte("12345")), 2, 10)
	require.ErrorIs(t, err, errChanged)
	assert.ErrorContains(t, err, "got 3 of 10 bytes")
}

func TestCopyIntoFullDevice(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = full.Close() })
	c := newCopier(full, nil)
	require.ErrorIs(t, c.copyRange(scratch(t, []byte("12345")), 0, 5), unix.ENOSPC)
	require.ErrorIs(t, c.zeros(10), unix.ENOSPC)
}

func TestOtherWay(t *testing.T) {
	assert.True(t, otherWay(os.NewSyscallError("x", unix.EXDEV)))
	assert.False(t, otherWay(errors.New("x")))
}

func TestZerosWithoutHoles(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	go func() {
		assert.NoError(t, newCopier(w, nil).zeros(200_000))
		assert.NoError(t, w.Close())
	}()
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.Equal(t, make([]byte, 200_000), b)
}
