package initrd

import (
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/initrd/cpio"
)

const (
	ucodeDir   = "kernel/x86/microcode/"
	acpiDir    = "kernel/firmware/acpi/"
	modulesDir = "lib/modules/"
)

// note looks at the names that the kernel or its init care about, and reports
// whether this is an early file.
func (w *walker) note(e cpio.Entry, p *segmentWalk) bool {
	name := strings.TrimLeft(strings.TrimPrefix(e.Path, "./"), "/")
	switch name {
	case "init", "sbin/init", "usr/lib/systemd/systemd":
		p.sum.init = true
	}
	w.release(name)
	inside := strings.HasPrefix(name, "kernel/")
	regular, dir := e.Kind() == unix.S_IFREG, e.Kind() == unix.S_IFDIR
	if !dir {
		p.sum.files++
	}
	if !(inside && (regular || dir) || name == "kernel" && dir) {
		p.sum.other++
	}
	if !inside || !regular {
		return false
	}
	p.sum.early++
	return p.earlyFile(w, e, name)
}

// release takes note of a file below lib/modules/RELEASE.
func (w *walker) release(name string) {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(name, "usr/"), modulesDir)
	if !ok || w.stopped != nil || len(w.releases) >= maxReleases {
		return
	}
	if release, file, ok := strings.Cut(rest, "/"); ok && file != "" && !w.releases[release] {
		if w.releases == nil {
			w.releases = map[string]bool{}
		}
		w.releases[strings.Clone(release)] = true
	}
}

func (w *walker) sortedReleases() []string {
	return slices.Sorted(maps.Keys(w.releases))
}

// earlyFile looks at a file below kernel/.
func (p *segmentWalk) earlyFile(w *walker, e cpio.Entry, name string) bool {
	vendor, ucode := strings.CutPrefix(name, ucodeDir)
	acpi := strings.HasPrefix(name, acpiDir)
	switch {
	case ucode:
		p.sum.ucode++
		vendor = cpio.Clip(strings.TrimSuffix(vendor, ".bin"))
		if len(p.Vendors) < maxVendors {
			p.Vendors = append(p.Vendors, vendor)
		}
		w.earlyPlace(e, p, vendor, MicrocodeLate)
	case acpi:
		p.sum.acpi++
		w.earlyPlace(e, p, "", ACPILate)
	}
	return ucode || acpi
}

// earlyPlace checks where an early file is: the kernel's scan ends at the first
// compressed byte, compares names literally, and takes the first microcode file
// of a vendor (lib/earlycpio.c).
func (w *walker) earlyPlace(e cpio.Entry, p *segmentWalk, vendor string, late ID) {
	what := "CPU microcode"
	if late == ACPILate {
		what = "ACPI tables"
	}
	ucode := late == MicrocodeLate
	switch {
	case p.Format != Newc:
		w.once(late, p.Member, p.Offset, "%s inside a compressed image, where the kernel does not look for it", what)
	case w.packed != "":
		w.once(late, p.Member, p.Offset, "%s after the compressed image %s, where the kernel does not look for it", what, w.packed)
	case !strings.HasPrefix(e.Path, "kernel/") && (w.ucode[vendor] != "" || !ucode && w.acpi):
		// The wanted one was found: Flat writes the others like this.
	case !strings.HasPrefix(e.Path, "kernel/"):
		w.once(EarlyName, p.Member, p.Offset, "%q is not found, the kernel compares the whole name", cpio.Clip(e.Path))
	case ucode && w.ucode[vendor] != "":
		w.once(MicrocodeTwice, p.Member, p.Offset, "%s microcode is in %s already, and the kernel takes the first", vendor, w.ucode[vendor])
	case ucode && len(w.ucode) < maxVendors:
		w.ucode[vendor] = p.Member
	case !ucode:
		w.acpi = true
	}
}
