package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// requireReboot leaves the word that Debian's and Ubuntu's tools look for:
// /run/reboot-required and, beside it, the packages that want it, as
// update-notifier's notify-reboot-required writes them.
func (a *app) requireReboot() {
	path := filepath.Join(filepath.Dir(a.runDir), "reboot-required")
	if !a.usesRebootRequired(path) {
		return
	}
	if err := appendLine(path, "*** System restart required ***"); err != nil {
		a.once(a.warn, "%v", err)
		return
	}
	if name := a.getenv("DPKG_MAINTSCRIPT_PACKAGE"); name != "" {
		if err := appendLine(path+".pkgs", name); err != nil {
			a.once(a.warn, "%v", err)
		}
	}
}

// usesRebootRequired: someone on this system writes the file. (Debian without
// these has nobody who reads it.)
func (a *app) usesRebootRequired(path string) bool {
	if _, err := os.Lstat(path); err == nil {
		return true
	}
	for _, user := range []string{"usr/share/update-notifier/notify-reboot-required", "etc/kernel/postinst.d/unattended-upgrades", "usr/bin/unattended-upgrade"} {
		if _, err := fs.Stat(a.rootFS, user); err == nil {
			return true
		}
	}
	return false
}

// appendLine adds a line to a file that does not have it.
func appendLine(path, line string) error {
	b, err := readSmall(path, 1<<20)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if slices.Contains(strings.Split(string(b), "\n"), line) {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, line)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
