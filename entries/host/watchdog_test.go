package host_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

func TestWatchdogs(t *testing.T) {
	const class = "sys/class/watchdog/"
	m := root(
		class+"watchdog0/identity", "i6300ESB timer\n", class+"watchdog0/device/driver/module", "-> ../../../../module/i6300esb",
		class+"watchdog0/state", "active\n", class+"watchdog0/nowayout", "1\n", class+"watchdog0/bootstatus", "32\n",
		class+"watchdog0/timeout", "30\n", class+"watchdog0/max_timeout", "2046\n",
		class+"watchdog1/identity", "Software Watchdog\n", class+"watchdog1/state", "inactive\n", class+"watchdog1/timeout", "x\n",
		class+"other/identity", "x\n",
	)
	assert.Equal(t, []host.Watchdog{
		{Name: "watchdog0", Identity: "i6300ESB timer", Driver: "i6300esb", Active: true, NoWayOut: true, Fired: true, Timeout: 30, MaxTimeout: 2046},
		{Name: "watchdog1", Identity: "Software Watchdog", Software: true},
	}, m.Watchdogs())
	assert.Empty(t, host.Machine{}.Watchdogs())
}

// TestWatchdogModule: i6300esb names no device.
func TestWatchdogModule(t *testing.T) {
	const identity, driver = "sys/class/watchdog/watchdog0/identity", "i6300ESB timer"
	for name, m := range map[string]host.Machine{
		"pci":      root(identity, driver, "sys/bus/pci/drivers/"+driver+"/module", "-> ../../../../module/i6300esb"),
		"platform": root(identity, driver, "sys/bus/platform/drivers/"+driver+"/module", "-> ../../../../module/i6300esb"),
		"user":     root(identity, driver, "sys/module/watchdog/holders/i6300esb/x", ""),
		"none":     root(identity, driver, "sys/module/watchdog/holders/i6300esb/x", "", "sys/module/watchdog/holders/b/x", ""),
		"hostile":  root(identity, "../../x"),
	} {
		want := "i6300esb"
		if name == "none" || name == "hostile" {
			want = ""
		}
		assert.Equal(t, want, m.Watchdogs()[0].Driver, name)
	}
}

func TestWatchdogsStop(t *testing.T) {
	for text, want := range map[string]bool{"0\n": false, "-1\n": true, "1\n": true, "": true} {
		assert.Equal(t, want, root("sys/module/watchdog/parameters/stop_on_reboot", text).WatchdogsStop(), text)
	}
	assert.True(t, host.Machine{}.WatchdogsStop(), "not known")
}

func TestModuleUsers(t *testing.T) {
	m := root("sys/module/watchdog/holders/iTCO_wdt/x", "", "sys/module/watchdog/holders/mei_wdt/x", "")
	assert.Equal(t, []string{"iTCO_wdt", "mei_wdt"}, m.ModuleUsers("watchdog"))
	assert.Empty(t, m.ModuleUsers("../x"))
	assert.Empty(t, m.ModuleUsers("none"))
}
