package plan

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBanner(t *testing.T) {
	const text = "6.1.0-56-cloud-arm64 (debian@debian.org) (gcc-12) #1 SMP Debian 6.1.192-2 (2026-11-16)"
	far := strings.Repeat("\x01", 1<<20)
	for name, v := range map[string]struct{ image, want string }{
		"at the front":       {"Linux version " + text + "\n", text},
		"after the format":   {"Linux version %s (%s)\x00Linux version " + text + "\n\x00", text},
		"far in":             {far + far + "Linux version " + text + "\n", text},
		"on the boundary":    {far[:len(far)-5] + "Linux version " + text + "\n", text},
		"before the overlap": {far[:len(far)-1] + "Linux version " + text + "\n" + far, text},
		"in the overlap":     {far + strings.Repeat("x", 500) + "Linux version " + text + "\n" + far, text},
		"ends with NUL":      {"Linux version 6.1\x00rest", "6.1"},
		"not there":          {far, ""},
		"cut off":            {"Linux version 6.1", ""},
		"endless":            {"Linux version 6" + far, ""},
		"empty":              {"", ""},
	} {
		got, err := banner(strings.NewReader(v.image), int64(len(v.image)))
		require.NoError(t, err, name)
		assert.Equal(t, v.want, got, name)
	}
	broken := errors.New("broken")
	_, err := banner(readerAt{iotest.ErrReader(broken)}, 10)
	require.ErrorIs(t, err, broken)
}

// TestBannerLimits: 512 bytes with its first words, and a version begins with a digit.
func TestBannerLimits(t *testing.T) {
	longest := "6" + strings.Repeat("x", maxBanner-len(bannerPrefix)-2)
	for image, want := range map[string]string{
		longest + "\n": longest, longest + "y\n": "",
		"\n": "", "x6\n": "", "/1\n": "", ":1\n": "", "0\n": "0", "9\x00": "9", " 6\n": "",
		"x Linux version 6.2\n": "6.2", "6.1\nLinux version 6.2\n": "6.1",
	} {
		got, err := banner(strings.NewReader(bannerPrefix+image), int64(len(bannerPrefix+image)))
		require.NoError(t, err)
		assert.Equal(t, want, got, "%.40q", image)
	}
	got, err := banner(strings.NewReader(bannerPrefix+"6.1\n"), int64(len(bannerPrefix)+3))
	require.NoError(t, err)
	assert.Empty(t, got, "it ends where the image ends")
}

// TestBannerInAnyPieces: where a decompressor cuts does not matter, and nothing is read
// after it was found.
func TestBannerInAnyPieces(t *testing.T) {
	image := []byte(strings.Repeat("\x01", 700) + "Linux version %s\x00" + strings.Repeat("z", 600) + "Linux version 6.1 (a) #1\n" + strings.Repeat("e", 300))
	for size := 1; size <= len(image); size += 1 + size/50 {
		var w bannerWriter
		var err error
		at := 0
		for ; at < len(image) && err == nil; at += size {
			_, err = w.Write(image[at:min(at+size, len(image))])
		}
		require.ErrorIs(t, err, errFound, size)
		assert.Equal(t, "6.1 (a) #1", w.version, size)
		assert.LessOrEqual(t, at, len(image)-300+size, size)
		assert.LessOrEqual(t, len(w.window), maxBanner+size, "memory is bounded")
	}
}

type readerAt struct{ io.Reader }

func (r readerAt) ReadAt(b []byte, _ int64) (int, error) { return r.Read(b) }

// FuzzBanner holds that what is found is in the image, and one line.
func FuzzBanner(f *testing.F) {
	f.Add("Linux version 6.1 (x)\n")
	f.Add("Linux version Linux version 1\x00")
	f.Fuzz(func(t *testing.T, image string) {
		got, err := banner(strings.NewReader(image), int64(len(image)))
		require.NoError(t, err)
		assert.Contains(t, image, got)
		assert.NotContains(t, got, "\n")
	})
}
