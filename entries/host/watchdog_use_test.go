package host_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// dog is a machine with one watchdog, with a driver where it has device/driver/module.
func dog(files ...string) host.Machine {
	all := []string{"sys/class/watchdog/watchdog0/identity", "timer"}
	for i := 0; i < len(files); i += 2 {
		name := "sys/class/watchdog/watchdog0/" + files[i]
		if len(files[i]) > 4 && files[i][:4] == "sys/" {
			name = files[i]
		}
		all = append(all, name, files[i+1])
	}
	return root(all...)
}

// TestWatchdogAttributes: each file of sysfs is read for its own, in the kernel's
// spelling.
func TestWatchdogAttributes(t *testing.T) {
	for name, c := range map[string]struct {
		m    host.Machine
		want host.Watchdog
	}{
		"nothing":             {dog(), host.Watchdog{}},
		"state":               {dog("state", "active\n"), host.Watchdog{Active: true}},
		"inactive":            {dog("state", "inactive\n"), host.Watchdog{}},
		"nowayout":            {dog("nowayout", "1\n"), host.Watchdog{NoWayOut: true}},
		"a way out":           {dog("nowayout", "0\n"), host.Watchdog{}},
		"the last reset":      {dog("bootstatus", "32\n"), host.Watchdog{Fired: true}},
		"among other bits":    {dog("bootstatus", "0x8021\n"), host.Watchdog{Fired: true}},
		"other bits alone":    {dog("bootstatus", "0x801f\n"), host.Watchdog{}},
		"timeout":             {dog("timeout", "60\n"), host.Watchdog{Timeout: 60}},
		"max_timeout":         {dog("max_timeout", "65535\n"), host.Watchdog{MaxTimeout: 65535}},
		"a timeout too large": {dog("timeout", "4294967296\n", "max_timeout", "2147483648\n"), host.Watchdog{}},
		"the largest timeout": {dog("timeout", "2147483647\n"), host.Watchdog{Timeout: 1<<31 - 1}},
	} {
		c.want.Name, c.want.Identity = "watchdog0", "timer"
		assert.Equal(t, []host.Watchdog{c.want}, c.m.Watchdogs(), name)
	}
}

// TestWatchdogInUse: a module with users cannot be unloaded; a driver that is built in
// has none.
func TestWatchdogInUse(t *testing.T) {
	const refcnt, module = "sys/module/iTCO_wdt/refcnt", "device/driver/module"
	for name, c := range map[string]struct {
		m    host.Machine
		want bool
	}{
		"one user":        {dog(module, "-> ../../module/iTCO_wdt", refcnt, "1\n"), true},
		"being unloaded":  {dog(module, "-> ../../module/iTCO_wdt", refcnt, "-1\n"), true},
		"no user":         {dog(module, "-> ../../module/iTCO_wdt", refcnt, "0\n"), false},
		"no count":        {dog(module, "-> ../../module/iTCO_wdt"), false},
		"built in":        {dog(refcnt, "1\n"), false},
		"another's count": {dog(module, "-> ../../module/wdat_wdt", refcnt, "1\n"), false},
	} {
		assert.Equal(t, c.want, c.m.Watchdogs()[0].InUse, name)
	}
}

// TestWatchdogModuleOrder: what the device says goes before what its identity says, and
// that before what its users say.
func TestWatchdogModuleOrder(t *testing.T) {
	all := [][2]string{
		{"device/driver/module", "-> ../../module/a"}, {"sys/bus/pci/drivers/timer/module", "-> ../../../../module/b"},
		{"sys/bus/platform/drivers/timer/module", "-> ../../../../module/c"}, {"sys/module/watchdog/holders/d", "-> ../../d"},
	}
	for i, want := range []string{"a", "b", "c", "d"} {
		var files []string
		for _, f := range all[i:] {
			files = append(files, f[0], f[1])
		}
		assert.Equal(t, want, dog(files...).Watchdogs()[0].Driver)
	}
	assert.Empty(t, dog().Watchdogs()[0].Driver, "built in")
}

// TestWatchdogNames: /sys/class/watchdog in the order of its names.
func TestWatchdogNames(t *testing.T) {
	m := root("sys/class/watchdog/watchdog1/state", "", "sys/class/watchdog/watchdog0/state", "", "sys/class/watchdog/watchdog10/state", "", "sys/class/watchdog/xwatchdog/state", "")
	var names []string
	for _, w := range m.Watchdogs() {
		names = append(names, w.Name)
	}
	assert.Equal(t, []string{"watchdog0", "watchdog1", "watchdog10"}, names)
}

// TestDiskNames: udev escapes what may not be in the name of a link, and what is no
// escape stays.
func TestDiskNames(t *testing.T) {
	for link, want := range map[string]string{
		`a\x41`: "aA", `\x2f`: "/", `\x5cx20`: `\x20`, `\xe2\x82\xac`: "€", `\x2F\x2f`: "//", `a\x4`: `a\x4`, `\x`: `\x`, `\xg1`: `\xg1`, `\x+1`: `\x+1`, `\x\x41`: `\xA`, "plain": "plain",
	} {
		assert.Equal(t, want, root("dev/disk/by-label/"+link, "-> ../../vda1").FileSystemLabel("/dev/vda1"), link)
	}
	m := root("dev/disk/by-label/b", "-> ../../vda1", "dev/disk/by-label/a", "-> ../../vda1", "dev/disk/by-label/here", "-> .", "dev/disk/by-uuid/here", "-> .", "dev/disk/by-uuid/file", "vda1")
	assert.Equal(t, "a", m.FileSystemLabel("/dev/vda1"), "the first of two")
	assert.Empty(t, m.FileSystemUUID("/dev/vda1"), "no link")
	assert.Empty(t, m.FileSystemLabel("")+m.FileSystemUUID(""), "no device is not the directory itself")
}
