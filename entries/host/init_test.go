package host_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// root is a machine: a path ending in / is a directory, a text that begins with
// -> a link, and one with #! a program.
func root(files ...string) host.Machine {
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
	return host.Machine{FS: m}
}

func TestInitSystem(t *testing.T) {
	for name, c := range map[string]struct {
		root host.Machine
		want host.Kind
	}{
		"systemd":                    {root("run/systemd/system/", "", "proc/1/comm", "systemd\n"), host.Systemd},
		"link where sd_booted looks": {root("run/systemd/system", "-> /tmp", "proc/1/comm", "init\n"), host.Other},
		"systemd's files only":       {root("run/systemd/seats/", "", "proc/1/comm", "runit\n"), host.Runit},
		"openrc-init":                {root("proc/1/comm", "openrc-init\n"), host.OpenRC},
		"OpenRC below sysvinit":      {root("run/openrc/", "", "proc/1/comm", "init\n", "run/initctl", ""), host.SysVinit},
		"sysvinit, old FIFO":         {root("proc/1/comm", "init\n", "dev/initctl", ""), host.SysVinit},
		"OpenRC below busybox":       {root("run/openrc/", "", "proc/1/comm", "init\n", "proc/1/exe", "-> /bin/busybox"), host.BusyBox},
		"busybox, seen as a user":    {root("proc/1/comm", "init\n", "sbin/init", "-> /bin/busybox"), host.BusyBox},
		"busybox, replaced":          {root("proc/1/comm", "init\n", "proc/1/exe", "-> /bin/busybox (deleted)"), host.BusyBox},
		"runit":                      {root("proc/1/comm", "runit\n"), host.Runit},
		"dinit":                      {root("proc/1/comm", "dinit\n"), host.Dinit},
		"dinit as init":              {root("proc/1/comm", "init\n", "proc/1/exe", "-> /usr/bin/dinit"), host.Dinit},
		"s6":                         {root("proc/1/comm", "s6-svscan\n"), host.S6},
		"an unknown init":            {root("proc/1/comm", "init\n", "proc/1/exe", "-> /sbin/init"), host.Other},
		"a program as PID 1":         {root("proc/1/comm", "bash\n", "run/initctl", ""), host.Other},
		"no procfs":                  {root(), host.Other},
		"sysvinit's link to itself":  {root("proc/1/comm", "init\n", "sbin/init", "-> /lib/sysvinit/init", "run/initctl", ""), host.SysVinit},
	} {
		assert.Equal(t, c.want, c.root.InitSystem(), name)
	}
}
