package reboot_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// root is a machine: a path ending in / is a directory, a text that begins with
// -> a link, and one with #! a program.
func root(files ...string) fstest.MapFS {
	m := make(fstest.MapFS)
	for i := 0; i < len(files); i += 2 {
		name, text := files[i], files[i+1]
		f := &fstest.MapFile{Data: []byte(text), Mode: 0o644}
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			f = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
		} else if strings.HasPrefix(text, "#!") {
			f.Mode = 0o755
		}
		if dir, ok := strings.CutSuffix(name, "/"); ok {
			name, f = dir, &fstest.MapFile{Mode: fs.ModeDir | 0o755}
		}
		m[name] = f
	}
	return m
}

func TestCommand(t *testing.T) {
	const tool = "#!kexec"
	voidScript := "if [ -e /run/runit/reboot ]; then\n    # kexec -e\n    kexec -e 2>/dev/null\nfi\n"
	for name, c := range map[string]struct {
		kind host.Kind
		root fstest.MapFS
		want string
		err  string
	}{
		"systemd":    {host.Systemd, root(), "systemctl kexec", ""},
		"OpenRC":     {host.OpenRC, root(), "openrc-shutdown --kexec now", ""},
		"dinit":      {host.Dinit, root(), "shutdown -k", ""},
		"Void":       {host.Runit, root("etc/runit/shutdown.d/90-kexec.sh", voidScript, "usr/sbin/kexec", tool), "reboot", ""},
		"Void, bare": {host.Runit, root("etc/runit/shutdown.d/90-kexec.sh", voidScript), "", "/etc/runit/shutdown.d/90-kexec.sh needs the program kexec"},
		"runit without": {
			host.Runit, root("etc/runit/3", "# kexec -e\numount -a\n", "usr/sbin/kexec", tool), "",
			"no script of runit at the end of a shutdown does it (looked in /etc/runit/shutdown.d, /usr/lib/runit/shutdown.d, /etc/runit/3, /usr/lib/rc/shutdown.d)",
		},
		"Debian": {
			host.SysVinit,
			root("etc/rc6.d/K01kexec", "# Short-Description: Execute the kexec -e command\ndo_stop () {\n        /sbin/kexec -e\n}\n", "sbin/kexec", tool),
			"shutdown -r now", "",
		},
		"Gentoo":             {host.SysVinit, root("etc/inittab", "l6:6:wait:/sbin/openrc reboot\nr6:6:wait:/sbin/reboot -dkn\n"), "shutdown -r now", ""},
		"Gentoo, turned off": {host.SysVinit, root("etc/inittab", "#r6:6:wait:/sbin/reboot -dkn\nr6:6:wait:/sbin/reboot -dn\n"), "", "no script of sysvinit"},
		"kexec that is no program": {
			host.SysVinit, root("etc/rc.d/rc.6", "/usr/sbin/kexec -e\n", "usr/sbin/kexec", "data"), "", "needs the program kexec",
		},
		"a script that only loads": {host.SysVinit, root("etc/rc6.d/K02kexec-load", "/sbin/kexec -l /vmlinuz\n", "sbin/kexec", tool), "", "no script"},
		"busybox":                  {host.BusyBox, root("etc/inittab", "::shutdown:/sbin/openrc shutdown\n"), "", "no script of busybox"},
		"busybox that was taught":  {host.BusyBox, root("etc/inittab", "::shutdown:/sbin/kexec -e\n", "sbin/kexec", tool), "reboot", ""},
		"s6":                       {host.S6, root(), "", "s6 has no such stage"},
		"unknown":                  {host.Other, root(), "", "cannot determine which one it is"},
	} {
		command, err := reboot.Command(host.Machine{FS: c.root}, c.kind)
		assert.Equal(t, c.want, strings.Join(command, " "), name)
		assert.Equal(t, c.err != "", errors.Is(err, reboot.ErrNoKexec), name)
		if c.err != "" {
			assert.ErrorContains(t, err, c.err, name)
			assert.ErrorContains(t, err, "cannot reboot by kexec", name)
			assert.NotEmpty(t, hint.Of(err), name)
			assert.Equal(t, strings.Contains(c.err, "needs the program"), strings.Contains(hint.Of(err), "install kexec-tools, or link kexec-bls to /usr/local/sbin/kexec"), name)
		}
	}
}

// TestCommandDoesNotHang holds that a FIFO among the scripts is passed by.
func TestCommandDoesNotHang(t *testing.T) {
	m := root("etc/rc6.d/K02", "reboot -k\n")
	m["etc/rc6.d/K01"] = &fstest.MapFile{Mode: fs.ModeNamedPipe | 0o644, Data: []byte("kexec -e")}
	command, err := reboot.Command(host.Machine{FS: m}, host.SysVinit)
	assert.NoError(t, err)
	assert.Equal(t, []string{"shutdown", "-r", "now"}, command)
}

func FuzzCommand(f *testing.F) {
	f.Add("kexec -e")
	f.Add("#reboot -k\n\x00\xff")
	f.Add("r6:6:wait:/sbin/reboot -dkn\n")
	f.Fuzz(func(t *testing.T, script string) {
		m := root("sbin/kexec", "#!", "etc/inittab", script, "etc/runit/3", script)
		for _, kind := range []host.Kind{host.Runit, host.SysVinit, host.BusyBox} {
			command, err := reboot.Command(host.Machine{FS: m}, kind)
			assert.Equal(t, err != nil, len(command) == 0, "a command or a reason")
			if err == nil {
				assert.True(t, strings.Contains(script, "kexec") || strings.Contains(script, "reboot"), script)
			}
		}
	})
}
