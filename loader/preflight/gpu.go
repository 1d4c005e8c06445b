package preflight

import (
	"fmt"
	"slices"
	"strings"
)

// A driver is one of a graphics card that may not take a card over from
// another kernel.
type driver struct {
	name, id string
	severity Severity
	why      string
}

// drivers are the ones with reports of that, and no others.
func drivers() []driver {
	return []driver{
		{"nvidia", "gpu-nvidia", Warning, "the proprietary nvidia driver often does not start on a card that another kernel has used"},
		// nix-community/nixos-anywhere#400: "hyperv_fb: Time out on waiting vram
		// location ack" delays or hangs the boot after a kexec.
		{"hyperv_fb", "gpu-hyperv", Warning, "hyperv_fb may time out on the screen that another kernel has used"},
		{"hyperv_drm", "gpu-hyperv", Warning, "hyperv_drm may time out on the screen that another kernel has used"},
		{"amdgpu", "gpu-amdgpu", Note, "amdgpu does not start reliably on some cards that another kernel has used"},
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
		mend := "if the screen stays dark, " + byFirmware
		if d.name == "nvidia" {
			mend = "enable kexec-bls-gpu.service, which unloads nvidia_drm nvidia_modeset nvidia_uvm nvidia in the shutdown, or " + byFirmware
		}
		found = append(found, Finding{d.id, d.severity, d.why, mend})
	}
	return found
}

// cardDrivers are the drivers of the DRM devices; the proprietary nvidia
// driver works without one, so that its module counts.
func (l *look) cardDrivers() []string {
	var used []string
	for _, card := range l.sys.names("class/drm") {
		if strings.HasPrefix(card, "card") && !strings.Contains(card, "-") {
			used = append(used, l.sys.link(fmt.Sprintf("class/drm/%s/device/driver", card)))
		}
	}
	for _, module := range []string{"nvidia", "hyperv_fb"} {
		if l.sys.has("module/" + module) {
			used = append(used, module)
		}
	}
	return used
}

// console says where somebody could type: a serial console, a screen that is
// connected; "" where neither was seen.
func (l *look) console() string {
	for _, name := range strings.Fields(l.sys.text("class/tty/console/active")) {
		if !strings.HasPrefix(name, "tty") || strings.TrimLeft(name[len("tty"):], "0123456789") != "" {
			return "the console " + name
		}
	}
	for _, name := range l.sys.names("class/drm") {
		if l.sys.text("class/drm/"+name+"/status") == "connected" {
			return "the screen"
		}
	}
	return ""
}
