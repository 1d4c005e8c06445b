package preflight

import (
	"slices"
	"strings"
)

// A driver is one of a graphics card that may not take a card over from
// another kernel.
type driver struct {
	name     string
	id       ID
	severity Severity
	text     string
}

// drivers are the ones with reports of that, and no others.
func drivers() []driver {
	return []driver{
		{"nvidia", IDGPUNVIDIA, Warning, "the proprietary nvidia driver often does not start on a card that another kernel has used"},
		// nix-community/nixos-anywhere#400: "hyperv_fb: Time out on waiting vram
		// location ack" delays or hangs the boot after a kexec.
		{"hyperv_fb", IDGPUHyperV, Warning, "hyperv_fb may time out on the screen that another kernel has used"},
		{"hyperv_drm", IDGPUHyperV, Warning, "hyperv_drm may time out on the screen that another kernel has used"},
		{"amdgpu", IDGPUAMD, Info, "amdgpu does not start reliably on some cards that another kernel has used"},
	}
}

// graphics finds drivers of graphics cards in use.
func graphics(l *look) []Finding {
	used := l.cardDrivers()
	var found []Finding
	for _, d := range drivers() {
		if !slices.Contains(used, d.name) || slices.ContainsFunc(found, func(f Finding) bool { return f.ID == d.id }) {
			continue
		}
		hint := "if the screen stays dark, " + byFirmware
		if d.name == "nvidia" {
			hint = "enable kexec-bls-gpu.service, which unloads nvidia_drm nvidia_modeset nvidia_uvm nvidia in the shutdown, or " + byFirmware
		}
		found = append(found, one(d.severity, d.id, d.text, hint)...)
	}
	return found
}

// cardDrivers are the drivers of the DRM devices; the proprietary nvidia
// driver works without one, so that its module counts.
func (l *look) cardDrivers() []string {
	var used []string
	for _, card := range l.host.Names("sys/class/drm") {
		if strings.HasPrefix(card, "card") && !strings.Contains(card, "-") {
			used = append(used, l.host.LinkName("sys/class/drm/"+card+"/device/driver"))
		}
	}
	for _, module := range []string{"nvidia", "hyperv_fb"} {
		if l.host.ModulePresent(module) {
			used = append(used, module)
		}
	}
	return used
}

// console returns where somebody could type: a serial console, a screen that is
// connected; "" where neither was seen.
func (l *look) console() string {
	for _, name := range strings.Fields(l.host.Text("sys/class/tty/console/active")) {
		if !strings.HasPrefix(name, "tty") || strings.TrimLeft(name[len("tty"):], "0123456789") != "" {
			return "the console " + name
		}
	}
	for _, name := range l.host.Names("sys/class/drm") {
		if l.host.Text("sys/class/drm/"+name+"/status") == "connected" {
			return "the screen"
		}
	}
	return ""
}
