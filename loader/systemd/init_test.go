package systemd_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader/systemd"
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

func TestDetect(t *testing.T) {
	for name, c := range map[string]struct {
		root fstest.MapFS
		want systemd.Kind
	}{
		"systemd":                    {root("run/systemd/system/", "", "proc/1/comm", "systemd\n"), systemd.Systemd},
		"link where sd_booted looks": {root("run/systemd/system", "-> /tmp", "proc/1/comm", "init\n"), systemd.Other},
		"systemd's files only":       {root("run/systemd/seats/", "", "proc/1/comm", "runit\n"), systemd.Runit},
		"openrc-init":                {root("proc/1/comm", "openrc-init\n"), systemd.OpenRC},
		"OpenRC below sysvinit":      {root("run/openrc/", "", "proc/1/comm", "init\n", "run/initctl", ""), systemd.SysVinit},
		"sysvinit, old FIFO":         {root("proc/1/comm", "init\n", "dev/initctl", ""), systemd.SysVinit},
		"OpenRC below busybox":       {root("run/openrc/", "", "proc/1/comm", "init\n", "proc/1/exe", "-> /bin/busybox"), systemd.BusyBox},
		"busybox, seen as a user":    {root("proc/1/comm", "init\n", "sbin/init", "-> /bin/busybox"), systemd.BusyBox},
		"busybox, replaced":          {root("proc/1/comm", "init\n", "proc/1/exe", "-> /bin/busybox (deleted)"), systemd.BusyBox},
		"runit":                      {root("proc/1/comm", "runit\n"), systemd.Runit},
		"dinit":                      {root("proc/1/comm", "dinit\n"), systemd.Dinit},
		"dinit as init":              {root("proc/1/comm", "init\n", "proc/1/exe", "-> /usr/bin/dinit"), systemd.Dinit},
		"s6":                         {root("proc/1/comm", "s6-svscan\n"), systemd.S6},
		"an unknown init":            {root("proc/1/comm", "init\n", "proc/1/exe", "-> /sbin/init"), systemd.Other},
		"a program as PID 1":         {root("proc/1/comm", "bash\n", "run/initctl", ""), systemd.Other},
		"no procfs":                  {root(), systemd.Other},
		"sysvinit's link to itself":  {root("proc/1/comm", "init\n", "sbin/init", "-> /lib/sysvinit/init", "run/initctl", ""), systemd.SysVinit},
	} {
		assert.Equal(t, c.want, systemd.Detect(c.root), name)
	}
}

// TestInitOfThisMachine holds that the real files are where the fixtures have
// them.
func TestInitOfThisMachine(t *testing.T) {
	info, err := os.Lstat("/run/systemd/system")
	assert.Equal(t, err == nil && info.IsDir(), systemd.Booted())
	assert.Equal(t, systemd.Booted(), systemd.Init() == systemd.Systemd)
}

func TestCommand(t *testing.T) {
	const tool = "#!kexec"
	voidScript := "if [ -e /run/runit/reboot ]; then\n    # kexec -e\n    kexec -e 2>/dev/null\nfi\n"
	for name, c := range map[string]struct {
		kind systemd.Kind
		root fstest.MapFS
		want string
		err  string
	}{
		"systemd":    {systemd.Systemd, root(), "systemctl kexec", ""},
		"OpenRC":     {systemd.OpenRC, root(), "openrc-shutdown --kexec now", ""},
		"dinit":      {systemd.Dinit, root(), "shutdown -k", ""},
		"Void":       {systemd.Runit, root("etc/runit/shutdown.d/90-kexec.sh", voidScript, "usr/sbin/kexec", tool), "reboot", ""},
		"Void, bare": {systemd.Runit, root("etc/runit/shutdown.d/90-kexec.sh", voidScript), "", "/etc/runit/shutdown.d/90-kexec.sh needs the program kexec; install kexec-tools, or link kexec-bls to /usr/local/sbin/kexec"},
		"runit without": {
			systemd.Runit, root("etc/runit/3", "# kexec -e\numount -a\n", "usr/sbin/kexec", tool), "",
			"no script of runit at the end of a shutdown does it (looked in /etc/runit/shutdown.d, /usr/lib/runit/shutdown.d, /etc/runit/3, /usr/lib/rc/shutdown.d)",
		},
		"Debian": {
			systemd.SysVinit,
			root("etc/rc6.d/K01kexec", "# Short-Description: Execute the kexec -e command\ndo_stop () {\n        /sbin/kexec -e\n}\n", "sbin/kexec", tool),
			"shutdown -r now", "",
		},
		"Gentoo":             {systemd.SysVinit, root("etc/inittab", "l6:6:wait:/sbin/openrc reboot\nr6:6:wait:/sbin/reboot -dkn\n"), "shutdown -r now", ""},
		"Gentoo, turned off": {systemd.SysVinit, root("etc/inittab", "#r6:6:wait:/sbin/reboot -dkn\nr6:6:wait:/sbin/reboot -dn\n"), "", "no script of sysvinit"},
		"kexec that is no program": {
			systemd.SysVinit, root("etc/rc.d/rc.6", "/usr/sbin/kexec -e\n", "usr/sbin/kexec", "data"), "", "needs the program kexec",
		},
		"a script that only loads": {systemd.SysVinit, root("etc/rc6.d/K02kexec-load", "/sbin/kexec -l /vmlinuz\n", "sbin/kexec", tool), "", "no script"},
		"busybox":                  {systemd.BusyBox, root("etc/inittab", "::shutdown:/sbin/openrc shutdown\n"), "", "no script of busybox"},
		"busybox that was taught":  {systemd.BusyBox, root("etc/inittab", "::shutdown:/sbin/kexec -e\n", "sbin/kexec", tool), "reboot", ""},
		"s6":                       {systemd.S6, root(), "", "s6-linux-init has no such stage"},
		"unknown":                  {systemd.Other, root(), "", "which one it is could not be told"},
	} {
		command, err := systemd.Command(c.root, c.kind)
		assert.Equal(t, c.want, strings.Join(command, " "), name)
		assert.Equal(t, c.err != "", errors.Is(err, systemd.ErrNoNative), name)
		if c.err != "" {
			assert.ErrorContains(t, err, c.err, name)
			assert.ErrorContains(t, err, "cannot reboot by kexec", name)
		}
	}
}

// TestCommandDoesNotHang holds that a FIFO among the scripts is passed by.
func TestCommandDoesNotHang(t *testing.T) {
	m := root("etc/rc6.d/K02", "reboot -k\n")
	m["etc/rc6.d/K01"] = &fstest.MapFile{Mode: fs.ModeNamedPipe | 0o644, Data: []byte("kexec -e")}
	command, err := systemd.Command(m, systemd.SysVinit)
	assert.NoError(t, err)
	assert.Equal(t, []string{"shutdown", "-r", "now"}, command)
}

func FuzzCommand(f *testing.F) {
	f.Add("kexec -e")
	f.Add("#reboot -k\n\x00\xff")
	f.Add("r6:6:wait:/sbin/reboot -dkn\n")
	f.Fuzz(func(t *testing.T, script string) {
		m := root("sbin/kexec", "#!", "etc/inittab", script, "etc/runit/3", script)
		for _, kind := range []systemd.Kind{systemd.Runit, systemd.SysVinit, systemd.BusyBox} {
			command, err := systemd.Command(m, kind)
			assert.Equal(t, err != nil, len(command) == 0, "a command or a reason")
			if err == nil {
				assert.True(t, strings.Contains(script, "kexec") || strings.Contains(script, "reboot"), script)
			}
		}
	})
}
