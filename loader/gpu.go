package loader

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Graphics unloads drivers of graphics cards before a kexec: some do not take
// a card over from another kernel.
type Graphics struct {
	Proc, Sys string // where procfs and sysfs are
	// Modules are unloaded in this order; those that are not loaded are
	// skipped.
	Modules []string
	// Unload unloads a module: [UnloadModule].
	Unload func(name string) error
}

// StubbornDrivers are the modules that are unloaded unasked: nvidia's own
// driver, top down.
func StubbornDrivers() []string {
	return []string{"nvidia_drm", "nvidia_modeset", "nvidia_uvm", "nvidia"}
}

// A HolderError names the processes that have a graphics card open.
type HolderError []string

// Error lists them: name, process id, device.
func (e HolderError) Error() string {
	return fmt.Sprintf("held by %s; end that first", strings.Join(e, ", "))
}

// Release takes the text consoles off the graphics cards and unloads the
// drivers. While a process has a card open nothing is touched: that is a
// HolderError. Where a driver stays, the consoles get their screens back.
func (g Graphics) Release() (unloaded []string, err error) {
	var loaded []string
	for _, m := range g.Modules {
		if ModuleLoaded(g.Sys, m) {
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
			err = errors.Join(err, os.WriteFile(c, []byte("1"), 0))
		}
	}
	return unloaded, err
}

// users names the modules that use one.
func (g Graphics) users(module string) string {
	names, err := os.ReadDir(g.Sys + "/module/" + module + "/holders")
	if err != nil || len(names) == 0 {
		return ""
	}
	var users []string
	for _, n := range names {
		users = append(users, n.Name())
	}
	return ": used by the modules " + strings.Join(users, " ") + ", which gpu.modules in kexec-bls.toml may name"
}

// unbind takes the consoles off framebuffers: they would keep a driver. It
// returns the files that say so.
func (g Graphics) unbind() (consoles []string, err error) {
	files, err := filepath.Glob(g.Sys + "/class/vtconsole/vtcon*/bind")
	if err != nil {
		return nil, err
	}
	for _, bind := range files {
		name, nameErr := os.ReadFile(filepath.Dir(bind) + "/name")
		bound, boundErr := os.ReadFile(bind)
		if nameErr != nil || boundErr != nil || !strings.Contains(string(name), "frame buffer") || strings.TrimSpace(string(bound)) != "1" {
			continue // a dummy, or VGA text
		}
		if err := os.WriteFile(bind, []byte("0"), 0); err != nil {
			return consoles, err
		}
		consoles = append(consoles, bind)
	}
	return consoles, nil
}

// holders lists processes that have a device of the drivers open or mapped.
func (g Graphics) holders() []string {
	var held []string
	processes, _ := filepath.Glob(g.Proc + "/[0-9]*") // the pattern is well-formed
	for _, p := range processes {
		if device := g.device(p); device != "" {
			comm, _ := os.ReadFile(p + "/comm") // it may have ended
			held = append(held, fmt.Sprintf("%s (process %s, %s)", strings.TrimSpace(string(comm)), filepath.Base(p), device))
		}
	}
	return held
}

// device is one of the drivers' that a process has open or mapped, "" for
// none. A process that ends meanwhile has none.
func (g Graphics) device(process string) string {
	files, _ := filepath.Glob(process + "/fd/[0-9]*")
	for _, fd := range files {
		if path, err := os.Readlink(fd); err == nil && g.driven(path) {
			return path
		}
	}
	maps, _ := os.ReadFile(process + "/maps")
	for line := range strings.Lines(string(maps)) {
		if i := strings.IndexByte(line, '/'); i >= 0 && strings.HasPrefix(line[i:], "/dev/") {
			if path := strings.TrimSpace(line[i:]); g.driven(path) {
				return path
			}
		}
	}
	return ""
}

// driven says whether a device file belongs to one of the drivers. A card
// whose driver is not known may.
func (g Graphics) driven(path string) bool {
	if rest, ok := strings.CutPrefix(path, "/dev/nvidia"); ok {
		return rest == "" || rest[0] == '-' || isNumber(rest) || strings.HasPrefix(rest, "ctl")
	}
	card, ok := strings.CutPrefix(path, "/dev/dri/")
	if !ok {
		return false
	}
	driver, err := os.Readlink(g.Sys + "/class/drm/" + card + "/device/driver")
	if err != nil {
		return true
	}
	// The driver nvidia has its DRM part in nvidia_drm.
	name := strings.ReplaceAll(filepath.Base(driver), "-", "_")
	return slices.Contains(g.Modules, name)
}

func isNumber(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}
