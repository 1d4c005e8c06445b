package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lossyFiles is an entry whose second initrd is in a format that the kernel
// takes for junk.
func lossyFiles() map[string]string {
	files := archFiles()
	files["b.img"] = "\x04\x22\x4d\x18 an lz4 frame"
	return files
}

func TestLossyInitrd(t *testing.T) {
	f, esp := newFake(t, lossyFiles())
	for _, verb := range []string{"load", "reboot"} {
		got := f.run(verb, "arch", "--esp-path="+esp)
		assert.Equal(t, exitFailed, got.code)
		assert.Contains(t, got.stderr, "b.img")
		assert.Contains(t, got.stderr, "--ignore=lz4-frame")
		assert.Empty(t, f.acts, "%s: nothing is loaded", verb)
	}
	assert.Equal(t, exitFailed, f.run("load", "arch", "--ignore=junk", "--esp-path="+esp).code, "another finding")
	assert.Equal(t, exitDone, f.run("load", "arch", "--ignore=junk,lz4-frame", "--esp-path="+esp).code)
	assert.Equal(t, exitDone, f.run("reboot", "arch", "--ignore=all", "--esp-path="+esp).code)
	assert.Equal(t, []string{"load", "load", "systemctl kexec into arch.conf"}, f.acts)

	out := t.TempDir()
	got := f.run("export", "arch", "--esp-path="+esp, "-o", out)
	assert.Equal(t, exitDone, got.code, "export only warns")
	assert.Contains(t, got.stderr, "[lz4-frame]")
	assert.Contains(t, f.run("show", "arch", "--esp-path="+esp).stdout, "[lz4-frame]")
}

// TestUnsupportedFormat reads the configuration of the very kernel.
func TestUnsupportedFormat(t *testing.T) {
	f, esp := newFake(t, archFiles())
	root := f.dir
	write(t, root, map[string]string{"boot/config-6.12.1": "CONFIG_RD_GZIP=y\n# CONFIG_RD_ZSTD is not set\n"})
	got := f.run("load", "--esp-path="+esp)
	assert.Equal(t, exitFailed, got.code, "the kernel would have nothing of it")
	assert.Contains(t, got.stderr, "[format-unsupported]")
	assert.Equal(t, exitDone, f.run("load", "--ignore=format-unsupported", "--esp-path="+esp).code)
	write(t, root, map[string]string{"boot/config-6.12.1": "CONFIG_RD_ZSTD=y\n"})
	assert.NotContains(t, f.run("load", "--esp-path="+esp).stderr, "format-unsupported")
}

func TestInitrdMerge(t *testing.T) {
	f, _ := newFake(t, nil)
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": zstdOf(archive("a")), "b": archive("b"), "ucode": archive("kernel/x86/microcode/GenuineIntel.bin"), "empty": ""})
	path := func(name string) string { return filepath.Join(dir, name) }
	got := f.run("initrd", "merge", "-o", path("out"), path("a"), path("empty"), path("b"))
	require.Equal(t, exitDone, got.code, got.stderr)
	merged, err := os.ReadFile(path("out"))
	require.NoError(t, err)
	a := zstdOf(archive("a"))
	assert.Equal(t, a+strings.Repeat("\x00", (4-len(a)%4)%4)+archive("b"), string(merged))

	got = f.run("initrd", "merge", "-o", path("out"), path("a"), path("ucode"))
	assert.Contains(t, got.stderr, "[microcode-late]")
	got = f.run("initrd", "merge", "--early-first", "-o", path("out"), path("a"), path("ucode"))
	assert.Empty(t, got.stderr)
	merged, err = os.ReadFile(path("out"))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(merged), archive("kernel/x86/microcode/GenuineIntel.bin")))

	before := string(merged)
	assert.Equal(t, exitFailed, f.run("initrd", "merge", "-o", path("out"), path("nosuch")).code)
	merged, err = os.ReadFile(path("out"))
	require.NoError(t, err)
	assert.Equal(t, before, string(merged), "a failed merge leaves the old file")
	left, err := filepath.Glob(path(".*"))
	require.NoError(t, err)
	assert.Empty(t, left)
	assert.Equal(t, exitDone, f.run("initrd", "merge", "-o", "/dev/null", path("a")).code)
	info, err := os.Stat("/dev/null")
	require.NoError(t, err)
	assert.False(t, info.Mode().IsRegular(), "a device is never replaced")
	assert.Equal(t, exitUsage, f.run("initrd", "merge", path("a")).code)
	assert.Equal(t, exitUsage, f.run("initrd", "merge", "-o", "x").code)
}

func TestInitrdLs(t *testing.T) {
	f, _ := newFake(t, nil)
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": zstdOf(archive("etc/a")), "ucode": archive("kernel/x86/microcode/AuthenticAMD.bin")})
	u, a := filepath.Join(dir, "ucode"), filepath.Join(dir, "a")
	got := f.run("initrd", "ls", u, a)
	require.Equal(t, exitDone, got.code, got.stderr)
	assert.Contains(t, got.stdout, "microcode AuthenticAMD")
	assert.Contains(t, got.stdout, "zstd")

	got = f.run("initrd", "ls", "-l", u, a)
	assert.Equal(t, 2, strings.Count(got.stdout, "\n"), got.stdout)
	assert.Regexp(t, `(?m)^-rw-r--r--\s+0\s+0\s+16 1970-01-01 00:00 etc/a$`, got.stdout)

	var blob report.Initrd
	require.NoError(t, json.Unmarshal([]byte(f.run("initrd", "ls", "-l", "--json=short", u, a).stdout), &blob))
	assert.Len(t, blob.Members, 2)
	assert.EqualValues(t, "kernel/x86/microcode/AuthenticAMD.bin", blob.Files[0].Path)
	assert.Equal(t, a, blob.Files[1].Member)
	assert.Equal(t, int64(len(archive("kernel/x86/microcode/AuthenticAMD.bin"))), blob.Members[1].Offset)
	assert.Equal(t, exitUsage, f.run("initrd", "ls").code)
	assert.Equal(t, exitFailed, f.run("initrd", "ls", dir).code)
}

// TestInitrdLsDropped: the listing shows which files the new kernel will not
// have.
func TestInitrdLsDropped(t *testing.T) {
	f, _ := newFake(t, nil)
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": archive("etc/a"), "junk": "not an initrd", "b": archive("etc/b")})
	paths := []string{filepath.Join(dir, "a"), filepath.Join(dir, "junk"), filepath.Join(dir, "b")}
	got := f.run(append([]string{"initrd", "ls", "-l"}, paths...)...)
	require.Equal(t, exitDone, got.code, got.stderr)
	assert.Regexp(t, `(?m) etc/a$`, got.stdout)
	assert.Regexp(t, `(?m) etc/b  \(dropped\)$`, got.stdout)
	assert.Contains(t, got.stderr, paths[1])
	var blob report.Initrd
	require.NoError(t, json.Unmarshal([]byte(f.run(append([]string{"initrd", "ls", "-l", "--json=short"}, paths...)...).stdout), &blob))
	assert.False(t, blob.Files[0].Dropped)
	assert.True(t, blob.Files[1].Dropped)
}

// TestInitrdMergeAsLoadWould holds merge to the configuration that load has.
func TestInitrdMergeAsLoadWould(t *testing.T) {
	f, _ := newFake(t, nil)
	dir := t.TempDir()
	ucode := archive("kernel/x86/microcode/GenuineIntel.bin")
	write(t, dir, map[string]string{"a": zstdOf(archive("a")), "ucode": ucode})
	write(t, f.dir, map[string]string{"etc/kexec-bls.toml": "[initrd]\nflat = true\nearly_first = true\n"})
	out := filepath.Join(dir, "out")
	got := f.run("initrd", "merge", "-o", out, filepath.Join(dir, "a"), filepath.Join(dir, "ucode"))
	require.Equal(t, exitDone, got.code, got.stderr)
	merged, err := os.ReadFile(out)
	require.NoError(t, err)
	assert.Regexp(t, `(?s)^070701.{104}kernel/x86/microcode/GenuineIntel\.bin\x00content of [^\x00]*070701.{104}TRAILER!!!\x00+070701`, string(merged))
}

// TestUnpackLimit: what unpacks to more than the configuration allows is an
// error where it is looked at, and joined where it would be flattened.
func TestUnpackLimit(t *testing.T) {
	files := archFiles()
	files["a.img"] = zstdOf(archive(strings.Repeat("n", 2000)))
	f, esp := newFake(t, files)
	path := filepath.Join(esp, "a.img")
	write(t, f.dir, map[string]string{"etc/kexec-bls.toml": "[initrd]\nlimit = \"1K\"\n"})
	got := f.run("initrd", "ls", "--verify", path)
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.stderr, path+": unpacks to more than the limit")
	got = f.run("load", "--flat", "--esp-path="+esp)
	require.Equal(t, exitDone, got.code, got.stderr)
	assert.Contains(t, got.stderr, "more than the limit; joined instead")
	write(t, f.dir, map[string]string{"etc/kexec-bls.toml": "[initrd]\nlimit = \"1M\"\n"})
	assert.Equal(t, exitDone, f.run("initrd", "ls", "--verify", path).code)
}

// listedNames are the files that initrd ls -l finds, in order.
func listedNames(t *testing.T, f *fake, path string) []string {
	t.Helper()
	var blob report.Initrd
	got := f.run("initrd", "ls", "-l", "--json=short", path)
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &blob), got.stderr)
	var names []string
	for _, file := range blob.Files {
		names = append(names, string(file.Path))
	}
	return names
}

func TestFlat(t *testing.T) {
	f, esp := newFake(t, archFiles())
	out := t.TempDir()
	path := filepath.Join(out, "initrd")
	require.Equal(t, exitDone, f.run("initrd", "merge", "--flat", "-o", path, filepath.Join(esp, "a.img"), filepath.Join(esp, "b.img")).code)
	merged, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(merged), "070701"), "nothing to decompress")
	assert.ElementsMatch(t, []string{"a", "b"}, listedNames(t, f, path))

	require.Equal(t, exitDone, f.run("load", "--flat", "--esp-path="+esp).code)
	assert.Equal(t, string(merged), f.initrd)
	require.Equal(t, exitDone, f.run("export", "--flat", "--esp-path="+esp, "-o", out).code)
	exported, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, f.initrd, string(exported))

	write(t, f.dir, map[string]string{"etc/kexec-bls.toml": "[initrd]\nflat = true\n"})
	require.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code)
	assert.Equal(t, string(merged), f.initrd, "the configuration asks for it too")
}

func TestFlatFallsBack(t *testing.T) {
	files := archFiles()
	files["a.img"] = zstdOf(archive(strings.Repeat("n", 2000)))
	f, esp := newFake(t, files)
	write(t, filepath.Join(f.dir, "proc"), map[string]string{"meminfo": "MemTotal: 9 kB\nMemAvailable:       1 kB\n"})
	got := f.run("load", "--flat", "--ignore=memory", "--esp-path="+esp)
	require.Equal(t, exitDone, got.code, got.stderr)
	assert.Contains(t, got.stderr, "joined instead")
	assert.True(t, strings.HasPrefix(f.initrd, files["a.img"]))
}
