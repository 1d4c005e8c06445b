package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/fixtures"
)

// TestProcessIsNotDumped: the program protects its memory from the start.
func TestProcessIsNotDumped(t *testing.T) {
	source, err := os.ReadFile("main.go")
	require.NoError(t, err)
	assert.Contains(t, string(source), "func main() {\n\t_ = kexec.ProtectMemory()")
}

// What a credential holds goes to the kernel in a sealed file, and nowhere else.
func TestCredentialGoesToTheKernelOnly(t *testing.T) {
	const secret = "hunter2hunter2"
	f, esp := newFake(t, map[string]string{
		"EFI/Linux/u.efi": string(fixtures.PE{Sections: []fixtures.Section{
			fixtures.Text(".osrel", "ID=u\nNAME=U\nVERSION_ID=1\n"), fixtures.Text(".cmdline", "quiet"),
			{Name: ".linux", Data: fixtures.BzImage{Version: "6.12.1 (test)"}.Bytes()}, {Name: ".initrd", Data: []byte(archive("a"))},
		}}.Bytes()),
		"EFI/Linux/u.efi.extra.d/key.cred": secret,
	})
	seals := -1
	f.loading = func() { seals = sealsOf(t, "initrd") }
	for _, args := range [][]string{{"show", "--json"}, {"show", "--pcrs"}, {"check", "--json"}, {"load", "--json", "--no-verify"}, {"status", "--json"}, {"unload", "--json"}, {"load", "-vv"}} {
		got := f.run(append(args, "--esp-path="+esp)...)
		assert.NotContains(t, got.stdout+got.stderr, secret, args)
	}
	assert.Contains(t, f.initrd, secret, "the kernel has it")
	const all = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	assert.Equal(t, all, seals&all)
	for _, entry := range f.entries {
		for key, value := range entry {
			assert.NotContains(t, value, secret, key)
		}
	}
	for _, dir := range []string{"run", "var"} {
		err := filepath.Walk(filepath.Join(f.dir, dir), func(path string, info os.FileInfo, err error) error {
			if err != nil || !info.Mode().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			assert.NotContains(t, string(b), secret, path)
			return err
		})
		require.NoError(t, err)
	}
}

// sealsOf are the seals of our file in memory that has a name; it must be one that
// nobody else inherits or executes.
func sealsOf(t *testing.T, name string) int {
	t.Helper()
	links, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, link := range links {
		target, err := os.Readlink("/proc/self/fd/" + link.Name())
		if err != nil || !strings.HasPrefix(target, "/memfd:"+name) {
			continue
		}
		file, err := os.Open("/proc/self/fd/" + link.Name())
		require.NoError(t, err)
		defer file.Close()
		info, err := file.Stat()
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o111, "not executable")
		b, err := io.ReadAll(file)
		require.NoError(t, err)
		assert.NotEmpty(t, b)
		seals, err := unix.FcntlInt(file.Fd(), unix.F_GET_SEALS, 0)
		require.NoError(t, err)
		return seals
	}
	return -1
}
