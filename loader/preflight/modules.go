package preflight

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// modules looks for the new kernel's modules. A system that keeps none for the
// running kernel either has them elsewhere, or built in.
func modules(l *look) []Finding {
	release := l.Plan.Kernel.Release
	if release == "" || l.host.HasModules(release) || !l.host.HasModules(l.host.Release()) {
		return nil
	}
	return one(Warning, IDKernelModules, fmt.Sprintf("kernel %s has no modules in /lib/modules: what its initrd does not have will not work", release),
		"install the kernel's modules, or name an entry of an installed kernel")
}

// initrdVersion finds an initrd made for another kernel: by the modules in it
// where they were looked at, else by the names of its files.
func initrdVersion(l *look) []Finding {
	const hint = "make the initrd again for that kernel, or fix the entry"
	release := l.Plan.Kernel.Release
	if release == "" {
		return nil
	}
	if has := l.Plan.InitrdReleases; len(has) > 0 {
		if slices.Contains(has, release) {
			return nil
		}
		return one(Warning, IDInitrdVersion, fmt.Sprintf("the initrd has modules for %s, the kernel is %s", strings.Join(has, ", "), release), hint)
	}
	installed := l.host.InstalledReleases()
	for _, name := range l.Plan.InitrdNames {
		base := path.Base(name)
		for _, other := range installed {
			if names(base, other) && !names(base, release) {
				return one(Warning, IDInitrdVersion, fmt.Sprintf("%s is named for kernel %s, the kernel is %s", name, other, release), hint)
			}
		}
	}
	return nil
}

// names reports whether a file name has a release in it, as a whole.
func names(file, release string) bool {
	at := strings.Index(file, release)
	if release == "" || at < 0 {
		return false
	}
	rest := file[at+len(release):]
	if at > 0 && isDigit(file[at-1]) {
		return false
	}
	return rest == "" || rest == ".img" || !isDigit(rest[0]) && rest[0] != '-' && rest[0] != '_' && !(rest[0] == '.' && len(rest) > 1 && isDigit(rest[1]))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// kho is kexec handover (Documentation/core-api/kho): state that the
// running kernel keeps is lost when the next one is not told to take it.
func kho(l *look) []Finding {
	if !l.host.KHO() {
		return nil
	}
	const lost = ": the state to be passed on is lost"
	switch next := l.host.KernelConfig(l.Plan.Kernel.Release); {
	case next.Off("CONFIG_KEXEC_HANDOVER"):
		return one(Warning, IDKHOLost, "the running kernel hands state over (KHO), and the new one has no CONFIG_KEXEC_HANDOVER"+lost, "boot a kernel that has it")
	case !next.KHO(l.Plan.Cmdline):
		return one(Warning, IDKHOLost, "the running kernel hands state over (KHO), and the new command line has no kho=on"+lost, "add kho=on to the command line")
	}
	return nil
}

// khoRoom compares the largest segment with the only areas of memory that an image
// may be loaded into with KHO.
func khoRoom(l *look) []Finding {
	areas := l.host.KHOScratch()
	if len(areas) == 0 || !l.host.KHO() || l.Plan.Segment <= slices.Max(areas) {
		return nil
	}
	return one(Warning, IDMemory, fmt.Sprintf("the largest segment of the image has %s, and the largest area that KHO keeps for it %s", mebibytes(l.Plan.Segment), mebibytes(slices.Max(areas))),
		"boot with a larger kho_scratch=, or make the initrd smaller")
}
