// Package hook is what the hooks of package managers need to know of who runs
// them, and the notes that they leave for others.
package hook

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// Elsewhere reports that this is not the machine that will boot, but a directory
// that will be one (pacstrap, arch-chroot, pacman --root; systemd's rule: the root
// is not that of PID 1) or a container, which has PIDs of its own.
func Elsewhere(h host.Machine) bool {
	if h.PIDNamespace() == host.Yes {
		return true
	}
	first, err := os.Stat(filepath.Join(h.Dir, "proc/1/root"))
	if errors.Is(err, os.ErrPermission) {
		return false
	}
	own, ownErr := os.Stat("/")
	return err != nil || ownErr != nil || !os.SameFile(first, own)
}

// ReleaseGPU unloads modules, then those that survive no kexec; see
// [reboot.Graphics.Release].
func ReleaseGPU(m *loader.Machine, modules []string) (unloaded []string, err error) {
	modules = slices.Clone(modules)
	for _, known := range reboot.DefaultGPUModules() {
		if !slices.Contains(modules, known) {
			modules = append(modules, known)
		}
	}
	g := reboot.Graphics{Host: m.Host, Modules: modules, Unload: m.Init.UnloadModule}
	return g.Release()
}

// Changes reports whether a command of kernel-install changes what can be booted.
func Changes(args []string) bool {
	return len(args) > 0 && (args[0] == "add" || args[0] == "remove")
}

// OtherSystem reports that kernel-install wrote to none of the machine's own boot
// partitions, but to root: an image is built.
func OtherSystem(root string, volumes []*esp.Volume) bool {
	switch root {
	case "", "/efi", "/boot", "/boot/efi":
		return false
	}
	info, err := os.Stat(root)
	if err != nil {
		return true
	}
	return !slices.ContainsFunc(volumes, func(v *esp.Volume) bool {
		own, err := os.Stat(filepath.Clean(v.Dir))
		return err == nil && os.SameFile(own, info)
	})
}

// New reports whether a line is new to the run of a package manager above this
// process: five kernels call the hooks of kernel-install and dpkg five times and
// more. A file in the run directory remembers the lines of the last run.
func New(h host.Machine, runDir, line string) bool {
	who := packageManager(h)
	if who == "" {
		return true
	}
	path := filepath.Join(runDir, "printed")
	printed := strings.Split(strings.TrimSuffix(readSmall(path), "\n"), "\n")
	if printed[0] != who {
		printed = []string{who}
	}
	if slices.Contains(printed[1:], line) {
		return false
	}
	if os.MkdirAll(runDir, 0o755) == nil {
		_ = os.WriteFile(path, []byte(strings.Join(append(printed, line), "\n")+"\n"), 0o600) // else it is printed twice
	}
	return true
}

// packageManager names the outermost process above this one that is a package
// manager, by its PID and start time; "" when there is none.
func packageManager(h host.Machine) string {
	known := []string{"pacman", "dpkg", "apt", "apt-get", "aptitude", "unattended-upgr", "dnf", "dnf5", "yum", "rpm", "zypper", "packagekitd", "kernel-install"}
	found, pid := "", "self"
	for range 64 { // no chain is that long
		p, ok := h.Process(pid)
		if !ok {
			break
		}
		if slices.Contains(known, p.Name) {
			found = p.PID + " " + p.Start
		}
		pid = p.Parent
	}
	return found
}

// RequireReboot writes what Debian's and Ubuntu's tools look for:
// /run/reboot-required and, beside it, the packages that want it, as
// update-notifier's notify-reboot-required does. pkg may be "". Where nobody on the
// system writes that file it is not made.
func RequireReboot(h host.Machine, runDir, pkg string) error {
	path := filepath.Join(filepath.Dir(runDir), "reboot-required")
	if _, err := os.Lstat(path); err != nil && !usesRebootRequired(h) {
		return nil
	}
	err := appendLine(path, "*** System restart required ***")
	if err == nil && pkg != "" {
		err = appendLine(path+".pkgs", pkg)
	}
	return err
}

func usesRebootRequired(h host.Machine) bool {
	writers := []string{"usr/share/update-notifier/notify-reboot-required", "etc/kernel/postinst.d/unattended-upgrades", "usr/bin/unattended-upgrade"}
	return slices.ContainsFunc(writers, h.Exists)
}

// appendLine adds a line to a file that does not have it.
func appendLine(path, line string) error {
	if slices.Contains(strings.Split(readSmall(path), "\n"), line) {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, line)
	return errors.Join(err, f.Close())
}

// readSmall reads the start of a file of ours; "" where that is not possible.
func readSmall(path string) string {
	f, err := esp.OpenFile(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return ""
	}
	return string(b)
}
