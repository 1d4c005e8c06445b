package preflight

import (
	"fmt"
	"io/fs"
)

// shutdown follows the last steps of a shutdown: kexec.target, then what
// systemd-shutdown hands over to in /run/initramfs.
func shutdown(l *look) []Finding {
	found := l.masked()
	step := l.lastStep()
	switch {
	case step == jumps && !l.hasKexec():
		return append(found, Finding{"dracut-shutdown", Note, "an initramfs ends the shutdown (/run/initramfs/shutdown) with kexec -e, and there is no such program", "nothing: a load puts kexec-bls there in its place; installing kexec-tools does it too"})
	case step == powersOff:
		return append(found, Finding{"shutdown-script", Blocker, "/run/initramfs/shutdown ends the shutdown, and knows no kexec: the machine would be switched off", "remove the file before the reboot; and in mkinitcpio.conf put sd-shutdown, or nothing, where the hook shutdown is"})
	case step == resets:
		return append(found, Finding{"shutdown-script", Warning, "/run/initramfs/shutdown ends the shutdown, and knows no kexec: the machine would reboot through its firmware", "remove the file before the reboot"})
	case step == unclear:
		return append(found, Finding{"shutdown-script", Warning, "/run/initramfs/shutdown ends the shutdown and does not seem to know kexec", "remove the file before the reboot"})
	}
	return found
}

// NeedsStandIn says whether the shutdown will end in an initramfs that looks
// for the program kexec, on a machine that has none.
func NeedsStandIn(env Env) bool {
	l := newLook(env, Plan{})
	return !l.hasKexec() && l.lastStep() == jumps
}

// hasKexec looks for kexec(8) where dracut's script does.
func (l *look) hasKexec() bool {
	for _, dir := range []string{"usr/sbin", "usr/bin", "sbin", "bin"} {
		if l.root.has(dir + "/kexec") {
			return true
		}
	}
	return false
}

// active says whether a unit has been started: systemd keeps a dangling link
// with its invocation.
func (l *look) active(unit string) bool {
	_, err := fs.ReadLink(l.root.fs, "run/systemd/units/invocation:"+unit)
	return err == nil
}

// masked finds a unit without which systemctl kexec does not end in a kexec.
func (l *look) masked() []Finding {
	for _, unit := range []string{"kexec.target", "systemd-kexec.service"} {
		for _, dir := range []string{"etc/systemd/system/", "run/systemd/system/"} {
			if target, err := fs.ReadLink(l.root.fs, dir+unit); err == nil && target == "/dev/null" {
				return []Finding{{"kexec-target", Blocker, fmt.Sprintf("%s is masked (/%s): systemd will not kexec", unit, dir+unit), "unmask it: systemctl unmask " + unit}}
			}
		}
	}
	return nil
}

// initSystem finds one that is not systemd, by sd_booted(3).
func initSystem(l *look) []Finding {
	name := l.proc.text("1/comm")
	if name == "" || name == "systemd" || l.root.has("run/systemd/system") {
		return nil
	}
	return []Finding{{"init", Warning, fmt.Sprintf("%s, not systemd, is process 1: nothing stops services cleanly for a kexec", name), "stop them yourself, then use kexec-bls reboot --force"}}
}
