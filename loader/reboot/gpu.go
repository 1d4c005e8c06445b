package reboot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// Graphics unloads drivers of graphics cards before a kexec: some do not take
// a card over from another kernel.
type Graphics struct {
	Host host.Machine // Dir is where sysfs is written
	// Modules are unloaded in this order; those that are not loaded are
	// skipped.
	Modules []string
	// Unload unloads a module: System.UnloadModule.
	Unload func(name string) error
}

// DefaultGPUModules are the modules that are unloaded by default: nvidia's own
// driver, top down.
func DefaultGPUModules() []string {
	return []string{"nvidia_drm", "nvidia_modeset", "nvidia_uvm", "nvidia"}
}

// A HolderError names the processes that have a graphics card open.
type HolderError []string

// Error lists them: name, process id, device.
func (e HolderError) Error() string {
	return "held by " + strings.Join(e, ", ")
}

// Release takes the text consoles off the graphics cards and unloads the
// drivers. While a process has a card open nothing is touched: that is a
// HolderError. Where a driver remains, the consoles get their screens again.
func (g Graphics) Release() (unloaded []string, err error) {
	var loaded []string
	for _, m := range g.Modules {
		if g.Host.ModuleLoaded(m) {
			loaded = append(loaded, m)
		}
	}
	if len(loaded) == 0 {
		return nil, nil
	}
	if held := g.holders(); len(held) > 0 {
		return nil, HolderError(held)
	}
	consoles, err := g.unbind()
	for _, m := range loaded {
		if err != nil {
			break
		}
		if err = g.Unload(m); err != nil {
			err = fmt.Errorf("%s: %w%s", m, err, g.users(m))
			break
		}
		unloaded = append(unloaded, m)
	}
	if err != nil {
		for _, c := range consoles {
			err = errors.Join(err, g.bind(c, "1"))
		}
	}
	return unloaded, err
}

// users names the modules that use one.
func (g Graphics) users(module string) string {
	names := g.Host.Names("sys/module/" + module + "/holders")
	if len(names) == 0 {
		return ""
	}
	return ": used by the modules " + strings.Join(names, " ") + ", which gpu.modules in kexec-bls.toml may name"
}

// unbind takes the consoles off framebuffers: they would keep a driver. It
// returns the files that control that.
func (g Graphics) unbind() (consoles []string, err error) {
	const dir = "sys/class/vtconsole/"
	for _, console := range g.Host.Names("sys/class/vtconsole") {
		file := dir + console + "/bind"
		if !strings.Contains(g.Host.Text(dir+console+"/name"), "frame buffer") || g.Host.Text(file) != "1" {
			continue // a dummy, or VGA text
		}
		if err := g.bind(file, "0"); err != nil {
			return consoles, err
		}
		consoles = append(consoles, file)
	}
	return consoles, nil
}

func (g Graphics) bind(file, value string) error {
	return os.WriteFile(filepath.Join(g.Host.Dir, file), []byte(value), 0)
}

// holders lists processes that have a device of the drivers open or mapped.
func (g Graphics) holders() []string {
	var held []string
	for _, pid := range g.Host.Names("proc") {
		if !isNumber(pid) {
			continue
		}
		if device := g.device("proc/" + pid); device != "" {
			held = append(held, fmt.Sprintf("%s (process %s, %s)", g.Host.Text("proc/"+pid+"/comm"), pid, device))
		}
	}
	return held
}

// device is one of the drivers' that a process has open or mapped, "" for
// none. A process that ends meanwhile has none.
func (g Graphics) device(process string) string {
	const maxMaps = 64 << 20 // bytes; a process has 65530 mappings at most by default
	for _, fd := range g.Host.Names(process + "/fd") {
		if file := g.Host.Link(process + "/fd/" + fd); file != "" && g.driven(file) {
			return file
		}
	}
	maps, _ := g.Host.ReadFile(process+"/maps", maxMaps) // it may have ended
	for line := range strings.Lines(string(maps)) {
		if i := strings.IndexByte(line, '/'); i >= 0 && strings.HasPrefix(line[i:], "/dev/") {
			if file := strings.TrimSpace(line[i:]); g.driven(file) {
				return file
			}
		}
	}
	return ""
}

// driven reports whether a device file belongs to one of the drivers. A card
// whose driver is not known may.
func (g Graphics) driven(path string) bool {
	if rest, ok := strings.CutPrefix(path, "/dev/nvidia"); ok {
		ours := slices.ContainsFunc(g.Modules, func(m string) bool { return strings.HasPrefix(m, "nvidia") })
		return ours && (rest == "" || rest[0] == '-' || isNumber(rest) || strings.HasPrefix(rest, "ctl"))
	}
	card, ok := strings.CutPrefix(path, "/dev/dri/")
	if !ok {
		return false
	}
	driver := g.Host.LinkName("sys/class/drm/" + card + "/device/driver")
	if driver == "" {
		return true
	}
	// The driver nvidia has its DRM part in nvidia_drm.
	name := strings.ReplaceAll(driver, "-", "_")
	return slices.Contains(g.Modules, name)
}

func isNumber(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}
