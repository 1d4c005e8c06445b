package initrd_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
)

const z = "\x00"

func TestJoinPadding(t *testing.T) {
	lz := string(pack(t, compress.LZ4, newc(text("lz", "1"))))
	lz0 := lz + strings.Repeat(z, -len(lz)&3) // ends at a multiple of 4
	for name, tc := range map[string]struct {
		in   []string
		opts initrd.JoinOptions
		want string
	}{
		"nothing":                   {nil, initrd.JoinOptions{}, ""},
		"one stays as it is":        {[]string{"abc"}, initrd.JoinOptions{}, "abc"},
		"zeros between":             {[]string{"a", "bb", "ccc", "dddd", "e"}, initrd.JoinOptions{}, "a\x00\x00\x00bb\x00\x00ccc\x00dddde"},
		"empty ones left out":       {[]string{"", "a", "", "b", ""}, initrd.JoinOptions{}, "a\x00\x00\x00b"},
		"stub pads the last":        {[]string{"a", "bb"}, initrd.JoinOptions{PadLast: true}, "a\x00\x00\x00bb\x00\x00"},
		"stub, only one":            {[]string{"a"}, initrd.JoinOptions{PadLast: true}, "a"},
		"stub, only one filled":     {[]string{"a", ""}, initrd.JoinOptions{PadLast: true}, "a"},
		"lz4 needs four":            {[]string{lz, "x"}, initrd.JoinOptions{}, lz + strings.Repeat(z, 4+-(len(lz)+4)&3) + "x"},
		"lz4 with zeros of its own": {[]string{lz0 + z + z + z + z, "x"}, initrd.JoinOptions{}, lz0 + z + z + z + z + "x"},
		"lz4 last":                  {[]string{"xxxx", lz}, initrd.JoinOptions{}, "xxxx" + lz},
	} {
		t.Run(name, func(t *testing.T) {
			var blobs [][]byte
			for _, s := range tc.in {
				blobs = append(blobs, []byte(s))
			}
			got, _ := join(t, tc.opts, members(t, blobs...))
			assert.Equal(t, tc.want, string(got))
		})
	}
}

// The tail of an image counts, not its head: distributions put microcode in
// front of an lz4 image.
func TestJoinLZ4BehindMicrocode(t *testing.T) {
	lz := pack(t, compress.LZ4, newc(text("init", "1")))
	mixed := append(newc(text("kernel/x86/microcode/GenuineIntel.bin", "u")), lz...)
	got, layout := join(t, initrd.JoinOptions{}, members(t, mixed, newc(text("x", "2"))))
	assert.GreaterOrEqual(t, layout.Members[1].Padding, int64(4))
	rep, err := initrd.Walk(context.Background(), bytes.NewReader(got), int64(len(got)), initrd.WalkOptions{Layout: layout})
	require.NoError(t, err)
	assert.Empty(t, rep.Findings)
}

func TestJoinLZ4DirectlyBehindEachOther(t *testing.T) {
	var lz []byte
	for i := 0; len(lz) == 0 || len(lz)%4 != 0; i++ {
		lz = pack(t, compress.LZ4, newc(text("init", strings.Repeat("x", i))))
	}
	got, _ := join(t, initrd.JoinOptions{}, members(t, lz, lz))
	assert.Equal(t, append(bytes.Clone(lz), lz...), got, "the decoder takes the second for a continuation")
}

func TestJoinLayout(t *testing.T) {
	ms := []initrd.Member{
		{Name: "a", Parts: []initrd.Part{{Data: []byte("aaaaa")}}},
		{Name: "empty"},
		{Name: "b", Parts: []initrd.Part{{Data: []byte("bb"), Zeros: 3}, {File: tempFile(t, []byte("0123456789")), Offset: 2, Size: 4, Zeros: 1}}},
	}
	got, layout := join(t, initrd.JoinOptions{}, ms)
	assert.Equal(t, "aaaaa\x00\x00\x00bb\x00\x00\x002345\x00", string(got))
	assert.Equal(t, initrd.Layout{Size: 18, Members: []initrd.Placed{
		{Name: "a", Size: 5}, {Name: "b", Padding: 3, Offset: 8, Size: 10},
	}}, layout)
	assert.EqualValues(t, 10, ms[2].Size())
}

func TestJoinBootconfig(t *testing.T) {
	a, b := string(newc(text("a", "1"))), string(newc(text("b", "2")))
	conf, other := string(bootconfig("x=1\n\x00")), string(bootconfig("y=1\n"))
	keep := initrd.JoinOptions{LastConfig: true}
	stub := initrd.JoinOptions{PadLast: true}
	for name, tc := range map[string]struct {
		in   []string
		opts initrd.JoinOptions
		want string
		err  string
	}{
		"last already":          {[]string{a, b + conf}, initrd.JoinOptions{}, a + b + conf, ""},
		"moved":                 {[]string{a + conf, b}, initrd.JoinOptions{}, a + b + conf, ""},
		"slack of GRUB dropped": {[]string{a + conf + "\x00\x00\x00", b}, initrd.JoinOptions{}, a + b + conf, ""},
		"end aligned":           {[]string{a + conf, b + "x"}, initrd.JoinOptions{}, a + b + "x\x00\x00\x00" + conf, ""},
		"alone in its file":     {[]string{conf, b}, initrd.JoinOptions{}, b + conf, ""},
		"two":                   {[]string{a + conf, b + other}, initrd.JoinOptions{}, "", "a, b: both end in a bootconfig"},
		"two, last kept":        {[]string{a + conf, b + other}, keep, a + b + other, ""},
		"wrong sum is data":     {[]string{a + conf[:4] + "!" + conf[5:], b}, initrd.JoinOptions{}, a + conf[:4] + "!" + conf[5:] + b, ""},
		"stub, padded":          {[]string{a, b + conf}, stub, a + b + conf, ""},
		"stub, too much slack":  {[]string{a, conf + "\x00\x00\x00"}, stub, a + conf, ""},
		"stub, slack suffices":  {[]string{a, "x" + conf}, stub, a + "x" + conf + "\x00\x00\x00", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var blobs [][]byte
			for _, s := range tc.in {
				blobs = append(blobs, []byte(s))
			}
			f, err := initrd.Create("test")
			require.NoError(t, err)
			defer closeAll(t, f)
			_, err = joinTo(f, members(t, blobs...), tc.opts)
			if tc.err != "" {
				require.ErrorIs(t, err, initrd.ErrTwoConfigs)
				assert.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			got := make([]byte, len(tc.want)+1)
			n, _ := f.ReadAt(got, 0)
			assert.Equal(t, tc.want, string(got[:n]))
		})
	}
}

func TestJoinBootconfigLayoutSaysWhose(t *testing.T) {
	_, layout := join(t, initrd.JoinOptions{}, members(t, append(newc(), bootconfig("x=1")...), newc()))
	require.Len(t, layout.Members, 3)
	assert.Equal(t, "a", layout.Members[2].Name)
	assert.True(t, layout.Members[2].Config)
}

func TestJoinFileChanges(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, f *os.File){
		"shrinks":  func(t *testing.T, f *os.File) { require.NoError(t, f.Truncate(3)) },
		"grows":    func(t *testing.T, f *os.File) { require.NoError(t, f.Truncate(3000)) },
		"modified": func(t *testing.T, f *os.File) { require.NoError(t, os.Chtimes(f.Name(), time.Time{}, time.Unix(1, 0))) },
	} {
		t.Run(name, func(t *testing.T) {
			f := tempFile(t, bytes.Repeat([]byte("x"), 2000))
			m, err := initrd.FileMember("img", f)
			require.NoError(t, err)
			p, err := initrd.NewPlan([]initrd.Member{m}, initrd.JoinOptions{})
			require.NoError(t, err)
			change(t, f)
			dst := tempFile(t, nil)
			err = p.Write(dst)
			require.ErrorContains(t, err, "img: changed while it was being read")
		})
	}
}

func TestFileMemberRefuses(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	for name, path := range map[string]string{"directory": dir, "device": "/dev/zero", "pipe": fifo} {
		t.Run(name, func(t *testing.T) {
			fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
			require.NoError(t, err)
			f := os.NewFile(uintptr(fd), path)
			defer closeAll(t, f)
			_, err = initrd.FileMember(path, f)
			require.ErrorContains(t, err, "is not a regular file")
		})
	}
}

func TestJoinRefusesWhatNoFileCanBe(t *testing.T) {
	f := tempFile(t, []byte("abc"))
	for name, tc := range map[string]struct {
		part initrd.Part
		err  string
	}{
		"negative offset": {initrd.Part{File: f, Offset: -1, Size: 1}, "out of range"},
		"negative size":   {initrd.Part{File: f, Size: -1}, "out of range"},
		"huge zeros":      {initrd.Part{Zeros: 1 << 62}, "out of range"},
		"past the end":    {initrd.Part{File: f, Offset: 2, Size: 2}, "shorter than expected"},
		"sum too large":   {initrd.Part{File: f, Size: 3, Zeros: initrd.MaxSize}, "larger than 4 GiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := initrd.NewPlan([]initrd.Member{{Name: "img", Parts: []initrd.Part{tc.part}}}, initrd.JoinOptions{})
			require.ErrorContains(t, err, tc.err)
			assert.ErrorContains(t, err, "img")
		})
	}
}

func TestJoinTogetherTooLarge(t *testing.T) {
	m := initrd.Member{Name: "big", Parts: []initrd.Part{{Data: []byte("x"), Zeros: 3 << 30}}}
	_, err := initrd.NewPlan([]initrd.Member{m, m}, initrd.JoinOptions{})
	require.ErrorContains(t, err, "larger than 4 GiB together")
}

// A section whose VirtualSize is huge costs no memory: the zeros are a hole.
func TestJoinManyZerosAreAHole(t *testing.T) {
	f, err := initrd.Create("test")
	require.NoError(t, err)
	defer closeAll(t, f)
	_, err = joinTo(f, []initrd.Member{
		{Name: "pe", Parts: []initrd.Part{{Data: []byte("x"), Zeros: 3 << 30}}},
		{Name: "b", Parts: []initrd.Part{{Data: []byte("y")}}},
	}, initrd.JoinOptions{})
	require.NoError(t, err)
	var st unix.Stat_t
	require.NoError(t, unix.Fstat(int(f.Fd()), &st))
	assert.EqualValues(t, 3<<30+5, st.Size)
	assert.Less(t, st.Blocks*512, int64(1<<20))
	last := make([]byte, 1)
	_, err = f.ReadAt(last, 3<<30+4)
	require.NoError(t, err)
	assert.Equal(t, "y", string(last))
}

func TestJoinIntoPipe(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	want := bytes.Repeat([]byte("0123456"), 50_000)
	got := make(chan []byte)
	go func() {
		var b bytes.Buffer
		_, _ = b.ReadFrom(r)
		got <- b.Bytes()
	}()
	_, err = joinTo(w, members(t, want[:200_001], want[200_004:]), initrd.JoinOptions{})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	copy(want[200_001:], z+z+z)
	assert.Equal(t, want, <-got)
}

func TestJoinProgress(t *testing.T) {
	var calls [][2]int64
	f := tempFile(t, nil)
	_, err := joinTo(f, members(t, make([]byte, 30<<20), []byte("x")), initrd.JoinOptions{
		Progress: func(done, total int64) { calls = append(calls, [2]int64{done, total}) },
	})
	require.NoError(t, err)
	require.NotEmpty(t, calls)
	assert.Equal(t, [2]int64{30<<20 + 1, 30<<20 + 1}, calls[len(calls)-1])
	for i := range calls[1:] {
		assert.Less(t, calls[i][0], calls[i+1][0])
	}
}

func TestPlanReadsLikeTheBlob(t *testing.T) {
	p, err := initrd.NewPlan(members(t, []byte("abcde"), []byte("fgh"), []byte("i")), initrd.JoinOptions{})
	require.NoError(t, err)
	want := "abcde\x00\x00\x00fgh\x00i"
	assert.EqualValues(t, len(want), p.Size())
	for from := range len(want) {
		for n := 1; from+n <= len(want); n++ {
			got := make([]byte, n)
			_, err := p.ReadAt(got, int64(from))
			require.NoError(t, err)
			require.Equal(t, want[from:from+n], string(got))
		}
	}
	n, err := p.ReadAt(make([]byte, 5), int64(len(want)-2))
	assert.Equal(t, 2, n)
	assert.Error(t, err)
}

func TestMemfdIsSealed(t *testing.T) {
	f, err := initrd.Create("test")
	require.NoError(t, err)
	defer closeAll(t, f)
	_, err = f.WriteString("x")
	require.NoError(t, err)
	require.NoError(t, initrd.Seal(f))
	_, err = f.WriteString("y")
	require.ErrorIs(t, err, unix.EPERM)
	require.ErrorIs(t, f.Truncate(0), unix.EPERM)
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)
	require.NoError(t, err)
	assert.NotZero(t, flags&unix.FD_CLOEXEC)
}

func TestSealOfAnOrdinaryFile(t *testing.T) {
	f := tempFile(t, []byte("x"))
	require.ErrorContains(t, initrd.Seal(f), f.Name())
}
