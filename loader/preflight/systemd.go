package preflight

import (
	"fmt"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// shutdown follows the last steps of a shutdown: kexec.target, then what
// systemd-shutdown passes control to in /run/initramfs.
func shutdown(l *look) []Finding {
	const script, remove = "/run/initramfs/shutdown ends the shutdown", "remove the file before the reboot"
	found := l.masked()
	switch l.lastStep() {
	case powersOff:
		return append(found, one(Error, IDShutdownScript, script+", and knows no kexec: the machine would be switched off",
			remove+"; in mkinitcpio.conf, put sd-shutdown, or nothing, in the place of the hook shutdown")...)
	case resets:
		return append(found, one(Warning, IDShutdownScript, script+", and knows no kexec: the machine would reboot through its firmware", remove)...)
	case unclear:
		return append(found, one(Warning, IDShutdownScript, script+" and does not seem to know kexec", remove)...)
	}
	return found
}

// NeedsKexec reports whether the shutdown will end in an initramfs that looks
// for the program kexec, on a machine that has none.
func NeedsKexec(env Env) bool {
	l := newLook(env, Plan{})
	return !l.hasKexec() && l.lastStep() == jumps
}

// hasKexec looks for kexec(8) where dracut's script does.
func (l *look) hasKexec() bool {
	for _, dir := range []string{"usr/sbin", "usr/bin", "sbin", "bin"} {
		if l.host.Exists(dir + "/kexec") {
			return true
		}
	}
	return false
}

// masked finds a unit without which systemctl kexec does not end in a kexec.
func (l *look) masked() []Finding {
	if f, is := Masked(l.host, "kexec.target", "systemd-kexec.service"); is {
		f.Text += ": systemd will not kexec"
		return []Finding{f}
	}
	return nil
}

// Masked returns the first of some units of systemd that is masked.
func Masked(h host.Machine, units ...string) (f Finding, is bool) {
	for _, unit := range units {
		for _, dir := range []string{"etc/systemd/system/", "run/systemd/system/"} {
			if h.Link(dir+unit) == "/dev/null" {
				return one(Error, IDKexecTarget, fmt.Sprintf("%s is masked (/%s)", unit, dir+unit), "unmask it: systemctl unmask "+unit)[0], true
			}
		}
	}
	return Finding{}, false
}

// initSystem finds one that is not systemd.
func initSystem(l *look) []Finding {
	name := l.host.Text("proc/1/comm")
	if name == "" || name == "systemd" || l.host.InitSystem() == host.Systemd {
		return nil
	}
	return one(Warning, IDInit, fmt.Sprintf("%s, not systemd, is process 1: nothing stops services cleanly for a kexec", name), "stop them yourself, then "+string(hint.Force))
}
