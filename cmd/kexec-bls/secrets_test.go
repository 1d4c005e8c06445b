package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/fixtures"
)

// TestProcessIsNotDumped: a running program has protected its memory. The kernel
// gives the files in /proc of such a process to root (proc_pid_status(5)).
func TestProcessIsNotDumped(t *testing.T) {
	program, err := os.Open("/proc/self/exe") // in a folder that nobody else enters
	require.NoError(t, err)
	defer program.Close()
	cmd := exec.CommandContext(t.Context(), "/proc/self/fd/3", "-test.run=^TestMainOfAChild$")
	cmd.ExtraFiles = []*os.File{program}
	cmd.Env = append(os.Environ(), "KEXEC_BLS_TEST_MAIN=1")
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	_, err = unix.FcntlInt(out.(*os.File).Fd(), unix.F_SETPIPE_SZ, 4096)
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	first := make([]byte, 1)
	_, err = io.ReadFull(out, first) // it has begun to print, and waits as the pipe is full
	require.NoError(t, err)
	info, err := os.Stat(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	require.NoError(t, err)
	assert.Zero(t, info.Sys().(*syscall.Stat_t).Uid)
	rest, err := io.ReadAll(out)
	require.NoError(t, err)
	require.NoError(t, cmd.Wait())
	assert.Greater(t, len(rest), 8192, "it could not have ended before")
}

// TestMainOfAChild is the program in a process of its own, for TestProcessIsNotDumped.
func TestMainOfAChild(t *testing.T) {
	if os.Getenv("KEXEC_BLS_TEST_MAIN") != "" {
		os.Args = []string{"kexec-bls", "completion", "bash"}
		main()
	}
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
