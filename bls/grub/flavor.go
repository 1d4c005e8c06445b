package grub

import (
	"path"
	"strings"
)

// decideFlavor falls back to what LoaderInfo and the folder of grub.cfg say.
func (r *runner) decideFlavor() {
	if r.flavor != Auto {
		return
	}
	r.flavor = Fedora
	version := strings.TrimPrefix(r.m.LoaderInfo, "GRUB ")
	dir := path.Base(r.value("prefix"))
	if version >= "2.14" && len(version) < len(r.m.LoaderInfo) || r.m.LoaderInfo == "" && dir == "grub" {
		r.flavor = Upstream
	}
}

// readsVariable reports whether openSUSE's GRUB reads LoaderEntryDefault: from
// 2.14 on, or where its version is not known.
func (m *Machine) readsVariable() bool {
	_, version, known := strings.Cut(m.LoaderInfo, " ")
	return !known || version >= "2.14"
}
