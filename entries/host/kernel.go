package host

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cmdline returns the command line of the running kernel, /proc/cmdline.
func (m Machine) Cmdline() string { return m.constant("proc/cmdline") }

// Release returns the release of the running kernel, as uname -r.
func (m Machine) Release() string { return m.constant("proc/sys/kernel/osrelease") }

// KernelVersion returns the build text of the running kernel, as uname -v.
func (m Machine) KernelVersion() string { return m.constant("proc/sys/kernel/version") }

// BootID returns the random UUID of this boot.
func (m Machine) BootID() string { return m.constant("proc/sys/kernel/random/boot_id") }

// constant is line of a file that is the same while the kernel runs.
func (m Machine) constant(name string) string {
	if m.constants == nil {
		return m.line(name)
	}
	text, known := m.constants.Load(name)
	if !known {
		text, _ = m.constants.LoadOrStore(name, m.line(name))
	}
	return text.(string)
}

// line returns the text of a small file without its newline. Blanks are kept.
func (m Machine) line(name string) string {
	b, err := m.ReadFile(name, maxText)
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(b), "\n")
}

// Kexeced reports whether the running kernel was started by kexec. x86 has the
// type of the boot loader (Documentation/arch/x86/boot.rst: 0xD), machines with
// a device tree a property (drivers/of/kexec.c). Unknown elsewhere.
func (m Machine) Kexeced() Tristate {
	const chosen = "sys/firmware/devicetree/base/chosen"
	if kind, err := strconv.Atoi(m.constant("proc/sys/kernel/bootloader_type")); err == nil {
		return tristate(kind>>4 == 0xd)
	}
	if !m.Exists(chosen) {
		return Unknown
	}
	return tristate(m.Exists(chosen + "/linux,booted-from-kexec"))
}

// Started returns when the running kernel was started, to the second, by the
// system's clock (btime in /proc/stat); the zero time where it is not known.
func (m Machine) Started() time.Time {
	for line := range strings.Lines(m.Text("proc/stat")) {
		text, ok := strings.CutPrefix(line, "btime ")
		if s, err := strconv.ParseInt(strings.TrimSpace(text), 10, 62); ok && err == nil && s > 0 {
			return time.Unix(s, 0)
		}
	}
	return time.Time{}
}

// Uptime returns how long the running kernel runs; 0 where it is not known.
func (m Machine) Uptime() time.Duration {
	text, _, _ := strings.Cut(m.Text("proc/uptime"), " ")
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || !(s > 0 && s < 1e9) {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

// Meminfo returns a field of /proc/meminfo that is in kB, in bytes; 0 where it
// is not known.
func (m Machine) Meminfo(field string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(m.fields("proc/meminfo")[field], " kB"), 10, 53)
	if err != nil || n < 0 {
		return 0
	}
	return n << 10
}

// MemAvailable returns how much memory can be taken without swapping, in bytes;
// 0 where it is not known.
func (m Machine) MemAvailable() int64 { return m.Meminfo("MemAvailable") }

// HasModules reports whether modules of a kernel are installed.
func (m Machine) HasModules(release string) bool {
	return isRelease(release) && (m.Exists("usr/lib/modules/"+release) || m.Exists("lib/modules/"+release))
}

// InstalledReleases returns the kernels whose modules are installed.
func (m Machine) InstalledReleases() []string {
	releases := m.Names("usr/lib/modules")
	if m.Link("lib") != "" {
		return releases
	}
	return append(releases, m.Names("lib/modules")...)
}

// isRelease reports whether a text may be a part of a path.
func isRelease(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.Contains(s, "/")
}

// ModuleLoaded reports whether a kernel module is loaded and could be unloaded:
// what is built into the kernel has no initstate.
func (m Machine) ModuleLoaded(name string) bool {
	return isRelease(name) && m.Exists("sys/module/"+name+"/initstate")
}

// ModulePresent reports whether a kernel module is loaded, or built in with
// parameters.
func (m Machine) ModulePresent(name string) bool {
	return isRelease(name) && m.Exists("sys/module/"+name)
}

// Sysctl returns the value of a kernel parameter by its path below /proc/sys,
// as "kernel/kexec_load_disabled"; "" where it is not known.
func (m Machine) Sysctl(name string) string { return m.Text("proc/sys/" + name) }

// SysctlFile returns the first file of sysctl.d(5) that mentions one of the
// names, as "/etc/sysctl.d/99-hardening.conf"; "" for none.
func (m Machine) SysctlFile(names ...string) string {
	for _, dir := range []string{"etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "etc"} {
		for _, file := range m.Names(dir) {
			if !strings.HasSuffix(file, ".conf") {
				continue
			}
			text := m.Text(dir + "/" + file)
			for _, name := range names {
				if strings.Contains(text, name) {
					return "/" + dir + "/" + file
				}
			}
		}
	}
	return ""
}

// FiveLevel reports whether the running kernel uses page tables of five levels:
// the flag la57 of an x86 processor, which the kernel clears where it does not.
func (m Machine) FiveLevel() bool {
	return slices.Contains(strings.Fields(m.fields("proc/cpuinfo")["flags"]), "la57")
}

// CPUModel returns "model name" of the first processor; "" where there is none.
func (m Machine) CPUModel() string { return m.fields("proc/cpuinfo")["model name"] }
