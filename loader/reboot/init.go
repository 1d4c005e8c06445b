package reboot

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// ErrNoReboot is an init system that cannot be asked for a reboot.
var ErrNoReboot = errors.New("the init system cannot be asked to reboot")

// ErrNoKexec is an init system that knows no way into a loaded kernel.
var ErrNoKexec = errors.New("the init system cannot reboot by kexec")

// An initSystem is how an init system is asked to stop everything and to reboot.
type initSystem struct {
	kexec  []string // into the loaded kernel; nil: there is no such way
	reboot []string // through the firmware
	// scripts are the files and directories of what it runs last, for one that
	// knows nothing of kexec itself: one of them has to jump.
	scripts []string
}

// initSystems are the init systems that are known.
func initSystems() map[host.Kind]initSystem {
	return map[host.Kind]initSystem{
		host.Systemd: {kexec: []string{"systemctl", "kexec"}},
		// It writes to openrc-init, which makes the system call itself; with
		// another PID 1 it does nothing, in silence.
		host.OpenRC: {kexec: []string{"openrc-shutdown", "--kexec", "now"}, reboot: []string{"openrc-shutdown", "--reboot", "now"}},
		host.Dinit:  {kexec: []string{"shutdown", "-k"}, reboot: []string{"shutdown", "-r"}}, // since 0.20; an older one refuses -k
		host.Runit: {
			kexec: []string{"reboot"}, reboot: []string{"reboot"},
			scripts: []string{"etc/runit/shutdown.d", "usr/lib/runit/shutdown.d", "etc/runit/3", "usr/lib/rc/shutdown.d"},
		},
		host.SysVinit: {
			kexec: []string{"shutdown", "-r", "now"}, reboot: []string{"shutdown", "-r", "now"},
			scripts: []string{"etc/inittab", "etc/rc6.d", "etc/rc.d/rc6.d", "etc/rc.d/rc.6", "etc/init.d/reboot"},
		},
		host.BusyBox: {
			kexec: []string{"reboot"}, reboot: []string{"reboot"},
			scripts: []string{"etc/inittab", "etc/rc.shutdown", "etc/init.d/rcK"},
		},
		host.S6: {reboot: []string{"reboot"}}, // s6-linux-init has no such stage
	}
}

// Command returns how an init system is asked to stop everything and to jump
// into the loaded kernel. The error is ErrNoKexec with the reason, and a hint
// where something would help.
func Command(m host.Machine, k host.Kind) ([]string, error) {
	system, known := initSystems()[k]
	switch {
	case !known:
		return nil, hint.Errorf(string(hint.ForceAtOnce), "%w: cannot determine which one it is", ErrNoKexec)
	case system.kexec == nil:
		return nil, hint.Errorf(string(hint.ForceAtOnce), "%w: %s has no such stage", ErrNoKexec, k)
	case system.scripts == nil:
		return system.kexec, nil
	}
	name, tool := jumpScript(m, system.scripts)
	switch {
	case name == "":
		return nil, hint.Errorf(string(hint.ForceAtOnce), "%w: no script of %s at the end of a shutdown does it (looked in /%s)", ErrNoKexec, k, strings.Join(system.scripts, ", /"))
	case tool && !hasKexec(m):
		return nil, hint.Errorf("install kexec-tools, or link kexec-bls to /usr/local/sbin/kexec", "%w: /%s needs the program kexec", ErrNoKexec, name)
	}
	return system.kexec, nil
}

func nativeKexec(ctx context.Context, m host.Machine, o Options) error {
	command, err := Command(m, m.InitSystem())
	if err != nil {
		return err
	}
	return o.run(ctx, command[0], command[1:]...)
}

func nativeReboot(ctx context.Context, k host.Kind, o Options) error {
	command := initSystems()[k].reboot
	if command == nil {
		return hint.Errorf("reboot with the init system's own command", "%w: cannot determine which one it is", ErrNoReboot)
	}
	return o.run(ctx, command[0], command[1:]...)
}

// jumpScript finds the first script that jumps, and whether it does with the
// program kexec.
func jumpScript(m host.Machine, places []string) (name string, tool bool) {
	const maxScript = 64 << 10 // bytes
	for _, place := range places {
		for _, name := range scripts(m, place) {
			text, err := m.ReadFile(name, maxScript)
			if err != nil {
				continue
			}
			for line := range strings.Lines(string(text)) {
				if jumps, tool := jumpLine(line); jumps {
					return name, tool
				}
			}
		}
	}
	return "", false
}

// scripts are the files of a directory, or the file itself.
func scripts(m host.Machine, place string) []string {
	names := m.Names(place)
	if names == nil {
		return []string{place}
	}
	for i := range names {
		names[i] = place + "/" + names[i]
	}
	return names
}

// jumpLine reports whether a line of a script, or of inittab(5), jumps: by
// kexec -e, for which kexec-tools have to be there (tool), or by sysvinit's
// reboot with -k among its flags.
func jumpLine(line string) (jumps, tool bool) {
	line, _, _ = strings.Cut(line, "#")
	parts := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r\n:;&|\"'()", r) })
	for i, p := range parts[:max(len(parts)-1, 0)] {
		option := parts[i+1]
		switch path.Base(p) {
		case "kexec":
			if slices.Contains([]string{"-e", "--exec"}, option) {
				return true, true
			}
		case "reboot":
			if strings.HasPrefix(option, "-") && !strings.HasPrefix(option, "--") && strings.Contains(option, "k") {
				return true, false
			}
		}
	}
	return false, false
}

// hasKexec looks for kexec(8) where shells do.
func hasKexec(m host.Machine) bool {
	for _, dir := range []string{"usr/sbin", "usr/bin", "sbin", "bin", "usr/local/sbin", "usr/local/bin"} {
		if m.IsProgram(dir + "/kexec") {
			return true
		}
	}
	return false
}
