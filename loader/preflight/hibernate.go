package preflight

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// hibernation finds an image of a hibernated system. The initrd of the new
// kernel, or the next boot, would go back to it, with file systems that have
// changed since.
func hibernation(l *look) []Finding {
	const hint = "resume it through the firmware, or give it up: make the swap space again (mkswap) and remove the variable (systemd-hibernate-clear.service)"
	if l.hasVariable("HibernateLocation", hibernateVendor) {
		return one(Error, IDHibernation, "a hibernation image exists (EFI variable HibernateLocation)", hint)
	}
	for _, swap := range l.swaps() {
		// The signature is at the end of the first page (kernel/power/swap.c,
		// struct swsusp_header): swap headers have their own there.
		b := l.host.ReadAt(swap.file, swap.offset+l.host.Page()-10, 10)
		if string(b) == "S1SUSPEND\x00" {
			return one(Error, IDHibernation, fmt.Sprintf("/%s holds a hibernation image", swap.file), hint)
		}
	}
	return nil
}

// A swap is where a hibernation image may begin.
type swap struct {
	file   string // below the root directory
	offset int64  // bytes
}

// swaps are the devices that resume= names, with resume_offset= for a swap
// file, and those of fstab that are not swapped to: the kernel refuses swapon
// of one with an image.
func (l *look) swaps() []swap {
	var found []swap
	add := func(spec, pages string) {
		n, err := strconv.ParseInt(pages, 10, 64)
		if err != nil || n < 0 || n > 1<<40 {
			n = 0
		}
		s := swap{deviceFile(spec), n * l.host.Page()}
		if s.file != "" && !slices.Contains(found, s) {
			found = append(found, s)
		}
	}
	for _, cmdline := range []string{l.Plan.Running, l.Plan.Cmdline} {
		add(parameter(cmdline, "resume"), parameter(cmdline, "resume_offset"))
	}
	for line := range strings.Lines(l.host.Text("etc/fstab")) {
		f := strings.Fields(line)
		if len(f) > 2 && !strings.HasPrefix(f[0], "#") && f[2] == "swap" {
			add(f[0], "")
		}
	}
	return found
}
