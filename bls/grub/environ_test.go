package grub

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSectors(t *testing.T) {
	for s, want := range map[string][2]int64{ // in bytes; nil where it is a path
		"1+1": {512, 512}, "0+2": {0, 1024}, "2048+8": {1 << 20, 4096}, "1+2048": {512, maxBlock}, "1099511627775+1": {(1<<40 - 1) * 512, 512},
	} {
		offset, size, ok := sectors(s)
		assert.True(t, ok, s)
		assert.Equal(t, want, [2]int64{offset, size}, s)
	}
	for _, s := range []string{"", "+", "1", "1+", "+1", "1+0", "-1+1", "1+-1", "1+2049", "1099511627776+1", "a+1", "1+a", "1+1+1", "/1+1", " 1+1", "1++1", "0x1+1", "99999999999999999999+1"} {
		_, _, ok := sectors(s)
		assert.False(t, ok, s)
	}
	assert.EqualValues(t, 1024, fileOffset(File{Path: "2+1"}))
	assert.EqualValues(t, -1, fileOffset(File{Path: "/2+1"}))
}

// TestLoadEnv: which file and which names the arguments mean.
func TestLoadEnv(t *testing.T) {
	d := disk{
		"grub2/grubenv": string(pad("a=1\nb=2\na=3\n", 512)), "other": string(pad("a=o\n", 128)),
		"bad": "# no block\na=9\n", "cut": blockHeader + "a=5\nb=6", "dir/x": "",
	}
	for script, want := range map[string]string{ // a, b and the status
		"load_env":                         "3 2 0",
		"load_env a":                       "3 - 0",
		"load_env b none":                  "- 2 0",
		"load_env --file /other":           "o - 0",
		"load_env --file=/other":           "o - 0",
		"load_env -f /other a":             "o - 0",
		"load_env b -f /other":             "- - 0",
		"load_env --skip-sig b":            "- 2 0",
		"load_env -f /none":                "- - 1",
		"load_env -f none":                 "- - 1",
		"load_env -f /bad":                 "- - 1",
		"load_env -f /dir":                 "- - 1",
		"load_env -f /cut":                 "5 - 0",
		"load_env -f":                      "3 2 0", // without a value it is no file
		"load_env; load_env -f /other":     "o 2 0",
		"load_env -f /other; load_env b":   "o 2 0",
		"set prefix=/none; load_env":       "- - 1",
		"set prefix=(none)/grub2;load_env": "- - 1",
		"list_env":                         "- - 0",
		"list_env -f /none":                "- - 0",
		"save_env -f /none a":              "- - 1",
		"save_env -f /bad a":               "- - 1",
	} {
		r := d.ran(t, "unset a\nunset b\n"+script)
		var got []string
		for _, name := range []string{"a", "b"} {
			value, set := r.get(name)
			if !set {
				value = "-"
			}
			got = append(got, value)
		}
		assert.Equal(t, want, strings.Join(got, " ")+" "+r.status.number(), script)
		assert.Empty(t, r.stored, script)
	}
}

// TestSaveEnv: the block after a script, and the status.
func TestSaveEnv(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, c := range []struct{ name, before, script, after string }{
		{"in its place", "a=1\nb=2\n", "a=9\nsave_env a", "a=9\nb=2\n"},
		{"after the others", "a=1\n", "b=2\nsave_env b", "a=1\nb=2\n"},
		{"in the order of the arguments", "", "a=1\nb=2\nsave_env b a", "b=2\na=1\n"},
		{"not set: deleted", "a=1\nb=2\n", "save_env a", "b=2\n"},
		{"not set, not there", "a=1\n", "save_env x", "a=1\n"},
		{"every line of a name that is deleted", "a=1\nb=2\na=3\n", "save_env a", "b=2\n"},
		{"the first line of one that is set", "a=1\nb=2\na=3\n", "a=9\nsave_env a", "a=9\nb=2\na=3\n"},
		{"set to nothing", "a=1\n", "a=\nsave_env a", "a=\n"},
		{"no names", "a=1\n", "save_env", "a=1\n"},
		{"twice", "a=1\n", "a=2\nsave_env a\nb=3\nsave_env b", "a=2\nb=3\n"},
		{"what was written is loaded", "a=1\n", "a=2\nsave_env a\na=x\nload_env\nb=$a\nsave_env b", "a=2\nb=2\n"},
		{"escapes", "", "a='x\\y\nz'\nsave_env a", "a=x\\\\y\\\nz\n"},
		{"all or nothing", "a=1\n", "a=2\nb=" + long + "\nsave_env a b", ""},
		{"and the other way round", "a=1\n", "a=2\nb=" + long + "\nsave_env b a", ""},
	} {
		d := disk{"grub2/grubenv": string(pad(c.before, 100))}
		r := d.ran(t, c.script)
		if c.after == "" {
			assert.Empty(t, r.stored, c.name)
			assert.Equal(t, failure, r.status, c.name)
			continue
		}
		require.Len(t, r.stored, 1, c.name)
		for f, block := range r.stored {
			assert.Equal(t, "/grub2/grubenv", f.Path)
			assert.Equal(t, string(pad(c.after, 100)), string(block), c.name)
		}
		assert.Equal(t, success, r.status, c.name)
	}
}

// TestNextEntryIsNoted: Next is the block with next_entry alone emptied, the first time
// that GRUB does so.
func TestNextEntryIsNoted(t *testing.T) {
	const env = "next_entry=n\na=1\n"
	for _, c := range []struct{ name, script, next, err string }{
		{"emptied", "a=2\nset next_entry=\nsave_env next_entry", "next_entry=\na=1\n", ""},
		{"with others", "a=2\nset next_entry=\nsave_env a next_entry", "next_entry=\na=1\n", ""},
		{"deleted is emptied, too", "unset next_entry\nsave_env next_entry", "next_entry=\na=1\n", ""},
		{"kept", "load_env\nsave_env next_entry", "", ""},
		{"another value", "next_entry=x\nsave_env next_entry", "", ""},
		{"another name", "a=2\nsave_env a", "", ""},
		{"the first time", "set next_entry=\nsave_env next_entry\nset next_entry=x\nsave_env next_entry\nset next_entry=\nsave_env next_entry", "next_entry=\na=1\n", ""},
		{"no room for another", "set next_entry=\nb=" + strings.Repeat("x", 200) + "\nsave_env next_entry b", "", ErrBlockFull.Error()},
	} {
		r := disk{"grub2/grubenv": string(pad(env, 200))}.ran(t, c.script)
		if c.err != "" {
			assert.EqualError(t, r.boot.NextErr, c.err, c.name)
			assert.Equal(t, "n", r.boot.next)
		} else {
			assert.NoError(t, r.boot.NextErr, c.name)
		}
		if c.next == "" {
			assert.Nil(t, r.boot.Next, c.name)
			continue
		}
		require.NotNil(t, r.boot.Next, c.name)
		assert.Equal(t, string(pad(c.next, 200)), string(r.boot.Next.Block), c.name)
		assert.Equal(t, "/grub2/grubenv", r.boot.Next.Path)
		assert.EqualValues(t, -1, r.boot.Next.Offset)
	}
	r := disk{"grub2/grubenv": string(pad("next_entry=\n", 200))}.ran(t, "set next_entry=\nsave_env next_entry")
	assert.Nil(t, r.boot.Next, "there is none to be emptied")
}

// TestReadOnlyDevice: GRUB reads there, and writes raw sectors only.
func TestReadOnlyDevice(t *testing.T) {
	d := disk{"grub2/grubenv": string(pad("a=1\n", 200))}
	m := d.machine("load_env\na=2\nsave_env a\nx=$?\nsave_env -f ($root)1+1 a\ny=$?")
	m.Start.ReadOnly = true
	m.Start.Disk = bytes.NewReader(append(make([]byte, sector), pad("", sector)...))
	r := newRunner(m)
	require.NoError(t, r.begin())
	assert.Equal(t, "1 0", r.value("x")+" "+r.value("y"))
	assert.Equal(t, []Write{{File{m.Start, "1+1"}, sector, pad("a=2\n", sector)}}, writes(r.stored))
	assert.EqualError(t, errReadOnly, "GRUB cannot write this file system")
}

// TestRawBlockReads: a block is read whole, from its offset; the end of the disk is
// GRUB's error, any other is not known.
func TestRawBlockReads(t *testing.T) {
	raw := append(make([]byte, 2*sector), pad("a=1\n", 2*sector)...)
	for place, want := range map[string]string{"2+2": "1 0", "2+1": "1 0", "1+1": " 1", "0+3": " 1", "3+2": " 1", "9+1": " 1"} {
		assert.Equal(t, want, disk{}.rawLoaded(t, bytes.NewReader(raw), place), place)
	}
	m := disk{}.machine("load_env -f ($root)1+1")
	m.Start.Disk = brokenDisk{}
	assert.EqualError(t, newRunner(m).begin(), "cannot determine what GRUB boots: /grub2/grub.cfg:1: the environment block at sectors 1+1: input/output error")
	m.Start.Disk = nil
	assert.EqualError(t, newRunner(m).begin(), "cannot determine what GRUB boots: /grub2/grub.cfg:1: the environment block at sectors 1+1 cannot be read")
}

type brokenDisk struct{}

func (brokenDisk) ReadAt([]byte, int64) (int, error) { return 0, errDisk }

// rawLoaded is the variable a and the status after the block at a place was loaded.
func (d disk) rawLoaded(t *testing.T, raw io.ReaderAt, place string) string {
	t.Helper()
	m := d.machine("load_env -f ($root)" + place + "\ns=$?")
	m.Start.Disk = raw
	r := newRunner(m)
	require.NoError(t, r.begin(), place)
	return r.value("a") + " " + r.value("s")
}

// TestEnvIsTheLastOneRead: the block that a caller may write next_entry into.
func TestEnvIsTheLastOneRead(t *testing.T) {
	d := disk{"grub2/grubenv": string(pad("a=1\n", 200)), "other": string(pad("b=1\n", 100)), "bad": "x"}
	r := d.ran(t, "load_env\nload_env -f /other\nload_env -f /bad\nload_env -f /none")
	assert.Equal(t, &Write{File{r.m.Start, "/other"}, -1, pad("b=1\n", 100)}, r.boot.Env)
	assert.Nil(t, d.ran(t, "load_env -f /bad").boot.Env)
}

// TestWritesAreSorted by their path.
func TestWritesAreSorted(t *testing.T) {
	d := entries("a")
	for _, name := range []string{"c", "b", "d", "a"} {
		d["env/"+name] = string(pad("", 100))
	}
	b := Next(d.machine("x=1\nfor f in c a d b; do save_env -f /env/$f x; done\nblscfg\n"))
	require.NoError(t, b.Err)
	var got []string
	for _, w := range b.Writes {
		got = append(got, w.Path)
	}
	assert.Equal(t, []string{"/env/a", "/env/b", "/env/c", "/env/d"}, got)
}
