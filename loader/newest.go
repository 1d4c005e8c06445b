package loader

import (
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// NewestKernel returns the paths of the newest kernel in /boot and of its initrd,
// by the names that distributions give them: vmlinuz-VERSION. initrd is "" where
// it has none; ok is false without a kernel. Neither is looked into.
func NewestKernel(h host.Machine) (kernel, initrd string, ok bool) {
	version := ""
	for _, name := range h.Names("boot") {
		v, is := strings.CutPrefix(name, "vmlinuz-")
		if is && v != "" && !leftover(v) && (version == "" || bls.CompareVersions(v, version) > 0) {
			version = v
		}
	}
	if version == "" {
		return "", "", false
	}
	for _, name := range []string{"initrd.img-" + version, "initramfs-" + version + ".img", "initrd-" + version, "initrd-" + version + ".img"} {
		if h.Exists("boot/" + name) {
			return "/boot/vmlinuz-" + version, "/boot/" + name, true
		}
	}
	return "/boot/vmlinuz-" + version, "", true
}

// leftover reports whether a file is beside a kernel, or one that was replaced.
func leftover(version string) bool {
	for _, suffix := range []string{".old", ".bak", ".hmac", ".sig", ".dpkg-new", ".dpkg-tmp", ".dpkg-bak"} {
		if strings.HasSuffix(version, suffix) {
			return true
		}
	}
	return false
}
