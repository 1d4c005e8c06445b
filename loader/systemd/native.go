package systemd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
)

// NativeKexec reboots into the loaded kernel through an init system other than
// systemd, as [Command] says. Of o only the writers count. Errors are Kexec's;
// [ErrNoNative] is in those of an init system that cannot do it.
func NativeKexec(ctx context.Context, o Options) error {
	return native(ctx, os.DirFS("/"), o)
}

func native(ctx context.Context, root fs.FS, o Options) error {
	command, err := Command(root, Detect(root))
	if err != nil {
		return err
	}
	return o.run(ctx, command[0], command[1:]...)
}

// NativeReboot reboots through the firmware, and through an init system other
// than systemd. The caller unloads what is loaded first: a script of some would
// jump there. Errors are NativeKexec's.
func NativeReboot(ctx context.Context, o Options) error {
	return nativeReboot(ctx, Init(), o)
}

func nativeReboot(ctx context.Context, k Kind, o Options) error {
	command, ok := map[Kind][]string{
		OpenRC:   {"openrc-shutdown", "--reboot", "now"},
		Dinit:    {"shutdown", "-r"},
		SysVinit: {"shutdown", "-r", "now"},
		Runit:    {"reboot"}, S6: {"reboot"}, BusyBox: {"reboot"},
	}[k]
	if !ok {
		return fmt.Errorf("%w: which one it is could not be told", ErrNoReboot)
	}
	return o.run(ctx, command[0], command[1:]...)
}

// ErrNoReboot is an init system that nobody knows how to ask for a reboot.
var ErrNoReboot = errors.New("the init system cannot be asked to reboot")

// ErrNoNative is an init system that knows no way into a loaded kernel.
var ErrNoNative = errors.New("the init system cannot reboot by kexec")

// Command is how an init system is asked to stop everything and to jump into
// the loaded kernel, on the machine with this root directory. The error tells
// why it cannot, and what would help.
func Command(root fs.FS, k Kind) ([]string, error) {
	switch k {
	case Systemd:
		return []string{"systemctl", "kexec"}, nil
	case OpenRC:
		// It writes to openrc-init, which does the system call itself; with
		// another PID 1 it does nothing and says nothing.
		return []string{"openrc-shutdown", "--kexec", "now"}, nil
	case Dinit:
		return []string{"shutdown", "-k"}, nil // since 0.20; an older one refuses
	case Runit:
		return byScript(root, k, []string{"reboot"}, "etc/runit/shutdown.d", "usr/lib/runit/shutdown.d", "etc/runit/3", "usr/lib/rc/shutdown.d")
	case SysVinit:
		return byScript(root, k, []string{"shutdown", "-r", "now"}, "etc/inittab", "etc/rc6.d", "etc/rc.d/rc6.d", "etc/rc.d/rc.6", "etc/init.d/reboot")
	case BusyBox:
		return byScript(root, k, []string{"reboot"}, "etc/inittab", "etc/rc.shutdown", "etc/init.d/rcK")
	case S6:
		return nil, fmt.Errorf("%w: s6-linux-init has no such stage", ErrNoNative)
	}
	return nil, fmt.Errorf("%w: which one it is could not be told", ErrNoNative)
}

// byScript is an init system that knows nothing of kexec, but whose last script
// may end in a jump: kexec -e, for which kexec-tools have to be there, or
// sysvinit's reboot with -k among its flags.
func byScript(root fs.FS, k Kind, command []string, places ...string) ([]string, error) {
	name, tool := jumpScript(root, places)
	switch {
	case name == "":
		return nil, fmt.Errorf("%w: no script of %s at the end of a shutdown does it (looked in /%s)", ErrNoNative, k, strings.Join(places, ", /"))
	case tool && !hasKexec(root):
		return nil, fmt.Errorf("%w: /%s needs the program kexec; install kexec-tools, or link kexec-bls to /usr/local/sbin/kexec", ErrNoNative, name)
	}
	return command, nil
}

// jumpLine is a line of a script, or of inittab(5), that jumps.
const jumpLine = `(?:^|[^#\w-])(?:(kexec)"?\s+(?:-e|--exec)|reboot\s+-[a-zA-Z]*k)`

// jumpScript finds the first script that jumps, and whether it does with kexec.
func jumpScript(root fs.FS, places []string) (name string, tool bool) {
	jump := regexp.MustCompile(jumpLine)
	for _, place := range places {
		for _, name := range scripts(root, place) {
			lines := bufio.NewScanner(bytes.NewReader(readScript(root, name)))
			for lines.Scan() {
				line := strings.TrimSpace(lines.Text())
				if m := jump.FindStringSubmatch(line); m != nil && !strings.HasPrefix(line, "#") {
					return name, m[1] != ""
				}
			}
		}
	}
	return "", false
}

// scripts are the files of a directory, or the file itself.
func scripts(root fs.FS, place string) []string {
	entries, err := fs.ReadDir(root, place)
	if err != nil {
		return []string{place}
	}
	var names []string
	for _, e := range entries {
		names = append(names, place+"/"+e.Name())
	}
	return names
}

// readScript reads at most 64 KiB of a regular file; nil if it cannot.
func readScript(root fs.FS, name string) []byte {
	info, err := fs.Stat(root, name)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := root.Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // read only
	b, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return nil
	}
	return b
}

func hasKexec(root fs.FS) bool {
	for _, dir := range []string{"usr/sbin", "usr/bin", "sbin", "bin", "usr/local/sbin", "usr/local/bin"} {
		if info, err := fs.Stat(root, dir+"/kexec"); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return true
		}
	}
	return false
}
