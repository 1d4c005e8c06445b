package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNoKexecInOneLine: what prevents it, and that a named entry is not what boots.
func TestNoKexecInOneLine(t *testing.T) {
	f, esp := newFake(t, archFiles())
	write(t, f.dir, map[string]string{"proc/sys/kernel/kexec_load_disabled": "1\n"})
	a := f.run("reboot", "-n", "--or-firmware", "arch", "--esp-path="+esp)
	require.Equal(t, 0, a.code, a.stderr)
	assert.Contains(t, a.stderr, "kexec-bls: warning: no kexec: kexec is disabled until the next boot: kernel.kexec_load_disabled is 1 [kexec-disabled]; "+
		"firmware boots its own choice, not arch\n")
}

// TestEnableWithoutSystemd: the command line is not to blame.
func TestEnableWithoutSystemd(t *testing.T) {
	f, _ := newFake(t, archFiles())
	require.NoError(t, os.RemoveAll(filepath.Join(f.dir, "run/systemd/system")))
	for _, verb := range []string{"enable", "disable"} {
		a := f.run(verb)
		assert.Equal(t, exitFailed, a.code)
		assert.Equal(t, "kexec-bls: "+verb+" requires systemd as the init system; use kexec-bls reboot\n", a.stderr)
	}
}

func TestRebootAuto(t *testing.T) {
	const kexec = "kernel 6.1.0 runs, arch.conf would boot 6.12.1"
	f, esp := newFake(t, archFiles())
	at := "--esp-path=" + esp

	a := f.run("reboot", "--auto", "-n", at)
	require.Equal(t, 0, a.code, a.stderr)
	assert.Contains(t, a.stdout, "kexec: "+kexec)
	a = f.run("reboot", "--auto", "-n", "--json", at)
	assert.Contains(t, a.stdout, `"way": "kexec"`)
	assert.Contains(t, a.stdout, `"why": "`+kexec)
	assert.NotContains(t, a.stdout, "accepted")
	assert.Empty(t, f.acts)

	a = f.run("reboot", "--auto", at)
	require.Equal(t, 0, a.code, a.stderr)
	assert.Contains(t, a.stderr, "kexec: "+kexec)
	assert.Equal(t, []string{"load", "systemctl kexec into arch.conf"}, f.acts)

	f.acts = nil
	write(t, f.dir, map[string]string{"run/systemd/reboot-to-firmware-setup": ""})
	a = f.run("reboot", "--auto", at)
	require.Equal(t, 0, a.code, a.stderr)
	assert.Contains(t, a.stderr, "reboot through firmware: "+kexec)
	assert.Equal(t, []string{"unload", "reset"}, f.acts)
}

// TestRebootAutoLess: userspace alone, and nothing at all.
func TestRebootAutoLess(t *testing.T) {
	f, esp := newFake(t, archFiles())
	write(t, f.dir, map[string]string{
		"proc/sys/kernel/osrelease": "6.12.1\n", "proc/cmdline": "root=/dev/vda2 rw quiet\n", "usr/lib/systemd/system/soft-reboot.target": "",
	})
	a := f.run("reboot", "--auto", "--esp-path="+esp)
	require.Equal(t, 0, a.code, a.stderr)
	assert.Contains(t, a.stdout, "no reboot is needed: ")
	assert.Empty(t, f.acts)

	write(t, f.dir, map[string]string{"run/reboot-required": ""})
	a = f.run("reboot", "--auto", "--allow-soft-reboot", "--json", "--esp-path="+esp)
	require.Equal(t, 0, a.code, a.stderr)
	assert.Contains(t, a.stdout, `"way": "soft-reboot"`)
	assert.Equal(t, []string{"soft-reboot"}, f.acts)
}

func TestRebootAutoUsage(t *testing.T) {
	f, _ := newFake(t, archFiles())
	for _, args := range [][]string{
		{"arch", "--auto"}, {"--auto", "--loaded"}, {"--auto", "--firmware"}, {"--auto", "--menu"}, {"--auto", "--try"}, {"--auto", "--when=cancel"}, {"--allow-soft-reboot"},
	} {
		assert.Equal(t, exitUsage, f.run(append([]string{"reboot"}, args...)...).code, args)
	}
}
