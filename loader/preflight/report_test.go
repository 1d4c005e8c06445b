package preflight_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

// TestMachineReport: a report is a row that fits the machine, and nothing in it
// names the machine or its user.
func TestMachineReport(t *testing.T) {
	b := newBox()
	b.set(
		"/sys/bus/pci/devices/0000:00:02.0/vendor", "0x8086\n", "/sys/bus/pci/devices/0000:00:02.0/device", "0x7d55\n",
		"/sys/bus/pci/devices/0000:00:02.0/class", "0x030000\n", "/sys/bus/pci/devices/0000:00:02.0/driver", "-> ../i915",
		"/sys/bus/pci/devices/0000:00:1f.0/vendor", "0x8086\n", "/sys/bus/pci/devices/0000:00:1f.0/class", "0x060100\n",
		"/sys/class/dmi/id/product_serial", "SERIAL\n", "/sys/class/dmi/id/product_uuid", "UUID\n", "/etc/hostname", "HOSTNAME\n", "/proc/sys/kernel/hostname", "HOSTNAME\n",
		"/sys/class/net/eth0/address", "ADDRESS\n", "/etc/machine-id", "MACHINE\n",
	)
	text := preflight.MachineReport(b.mount(t), []preflight.Finding{{ID: preflight.IDGPUAMD, Severity: preflight.Info, Text: "TEXT"}})
	assert.Contains(t, text, "# pci 8086:7d55, class 0x030000, driver i915\n# info gpu-amdgpu\n[[machine]]\n")
	for _, line := range []string{`vendor = "Dell Inc."`, `product = "PowerEdge R640"`, `cpu = "AMD EPYC 7B12"`, `arch = "amd64"`, `kernel = "6.1.0"`, `severity = "warning"`, `reason = "what happens, in one clause"`} {
		assert.Contains(t, text, line)
	}
	for _, private := range []string{"SERIAL", "UUID", "HOSTNAME", "ADDRESS", "MACHINE", "TEXT", "0000:00", "060100"} {
		assert.NotContains(t, text, private)
	}
	b.set(preflight.MachinesFile, text)
	assert.Contains(t, ids(b.run(t)), "warning machine", "it is a row, and fits")
}
