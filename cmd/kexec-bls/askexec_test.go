package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/kexec-bls/kexec-bls/loader/reboot"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const dracutScript = "case \"$ACTION\" in\nreboot | poweroff | halt) $ACTION -f -d -n ;;\nkexec) kexec -e ;;\nesac\n"

// TestKexecIsInstalled where a shutdown would end in a missing program.
func TestKexecIsInstalled(t *testing.T) {
	f, esp := newFake(t, archFiles())
	at := filepath.Join(f.dir, "run/initramfs", reboot.KexecPath)
	require.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code)
	assert.NoFileExists(t, at, "nobody needs it")

	write(t, f.dir, map[string]string{"run/initramfs/shutdown": dracutScript})
	require.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code)
	b, err := os.ReadFile(at)
	require.NoError(t, err)
	assert.Equal(t, "kexec-bls itself", string(b))
	info, err := os.Stat(at)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o755), info.Mode().Perm())
	require.Equal(t, exitDone, f.run("unload").code)
	assert.NoFileExists(t, at)

	write(t, f.dir, map[string]string{"usr/sbin/kexec": "kexec-tools"})
	require.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code)
	assert.NoFileExists(t, at)

	require.NoError(t, os.Remove(filepath.Join(f.dir, "usr/sbin/kexec")))
	write(t, f.dir, map[string]string{"run/initramfs/usr/bin/kexec": "of the image"})
	require.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code)
	require.Equal(t, exitDone, f.run("unload").code)
	assert.FileExists(t, at, "not ours")
}

// TestNoPlaceForKexec is a reboot that would hang at its very end.
func TestNoPlaceForKexec(t *testing.T) {
	f, esp := newFake(t, archFiles())
	write(t, f.dir, map[string]string{"run/initramfs/shutdown": dracutScript, "run/initramfs/usr": "a file"})
	got := f.run("reboot", "--esp-path="+esp)
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.stderr, "the shutdown needs a program kexec: ")
	assert.Equal(t, []string{"load", "unload"}, f.acts)
}

func TestCalledAsKexec(t *testing.T) {
	assert.True(t, calledAsKexec("/usr/sbin/kexec"))
	assert.True(t, calledAsKexec("kexec"))
	assert.False(t, calledAsKexec("/usr/bin/kexec-bls"))
	f, _ := newFake(t, nil)
	for _, v := range []struct {
		args []string
		code int
		acts []string
	}{
		{[]string{"-e"}, exitFailed, []string{"jump"}},
		{[]string{"--exec", "-x", "-y"}, exitFailed, []string{"jump"}},
		{nil, exitUsage, nil},
		{[]string{"-x"}, exitUsage, nil},
		{[]string{"-l", "/boot/vmlinuz"}, exitUsage, nil},
		{[]string{"-e", "--nosuch"}, exitUsage, nil},
	} {
		var stderr bytes.Buffer
		f.acts, f.fail["jump"] = nil, errors.New("no image")
		assert.Equal(t, v.code, runAsKexec(f.machine, v.args, &stderr), "%v", v.args)
		assert.Equal(t, v.acts, f.acts)
		assert.Contains(t, stderr.String(), "kexec: ")
	}
}
