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
	if release == "" || l.hasModules(release) || !l.hasModules(l.release()) {
		return nil
	}
	return []Finding{{"kernel-modules", Warning, fmt.Sprintf("kernel %s has no modules in /lib/modules: what its initrd does not bring will not work", release),
		"install the kernel's modules, or name an entry of an installed kernel"}}
}

func (l *look) hasModules(release string) bool {
	return release != "" && !strings.Contains(release, "/") &&
		(l.root.has("usr/lib/modules/"+release) || l.root.has("lib/modules/"+release))
}

// initrdVersion finds an initrd made for another kernel: by the modules in it
// where they were looked at, else by the names of its files.
func initrdVersion(l *look) []Finding {
	const id, mend = "initrd-version", "make the initrd again for that kernel, or mend the entry"
	release := l.Plan.Kernel.Release
	if release == "" {
		return nil
	}
	if has := l.Plan.InitrdReleases; len(has) > 0 {
		if slices.Contains(has, release) {
			return nil
		}
		return []Finding{{id, Warning, fmt.Sprintf("the initrd has modules for %s, the kernel is %s", strings.Join(has, ", "), release), mend}}
	}
	installed := append(l.root.names("usr/lib/modules"), l.root.names("lib/modules")...)
	for _, name := range l.Plan.InitrdNames {
		base := path.Base(name)
		for _, other := range installed {
			if names(base, other) && !names(base, release) {
				return []Finding{{id, Warning, fmt.Sprintf("%s is named for kernel %s, the kernel is %s", name, other, release), mend}}
			}
		}
	}
	return nil
}

// names says whether a file name has a release in it, as a whole.
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

// handover is kexec handover (Documentation/core-api/kho): state that the
// running kernel keeps is lost when the next one is not told to take it.
func handover(l *look) []Finding {
	on := []string{"on", "1", "y"}
	if !slices.Contains(on, word(l.Plan.Running, "kho")) || slices.Contains(on, word(l.Plan.Cmdline, "kho")) {
		return nil
	}
	return []Finding{{"kho-lost", Warning, "the running kernel has kho=on, the new command line has not: what was to be handed over is lost", "add kho=on (--append)"}}
}
