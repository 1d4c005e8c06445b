package preflight

import (
	"bytes"
	"fmt"
	"io/fs"
)

// shutdown follows the last steps of a shutdown: kexec.target, then what
// systemd-shutdown hands over to in /run/initramfs.
func shutdown(l *look) []Finding {
	found := l.masked()
	if l.hasKexec() {
		return found
	}
	const mend = "install kexec-tools, or mask the unit for this boot (systemctl mask --runtime --now dracut-shutdown.service) and remove /run/initramfs/shutdown"
	const file = "run/initramfs/shutdown"
	script := l.root.read(file)
	switch {
	case script != nil && bytes.HasPrefix(script, []byte("\x7fELF")):
		return found // systemd-shutdown itself, which needs no binary
	case script != nil && bytes.Contains(script, []byte("kexec -e")), script != nil && bytes.Contains(script, []byte("dracut")):
		return append(found, Finding{"dracut-shutdown", Blocker, "dracut ends the shutdown (/run/initramfs/shutdown) with kexec -e, and there is no kexec binary: the machine would hang or halt", mend})
	case script != nil && !bytes.Contains(script, []byte("kexec")):
		return append(found, Finding{"shutdown-script", Warning, "/run/initramfs/shutdown ends the shutdown and does not seem to know kexec", "remove it before the reboot"})
	case script == nil && l.active("dracut-shutdown.service"):
		return append(found, Finding{"dracut-shutdown", Blocker, "dracut-shutdown.service will end the shutdown with kexec -e, and there is no kexec binary: the machine would hang or halt", mend})
	}
	return found
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
