package host_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

func TestKernel(t *testing.T) {
	m := machine("proc/cmdline", "quiet  a=b \n", "proc/sys/kernel/osrelease", "6.1.0\n", "proc/sys/kernel/version", "#1 SMP Debian\n", "proc/sys/kernel/random/boot_id", "1111\n",
		"proc/stat", "cpu 1\nbtime 1700000000\n", "proc/uptime", "12.50 3.00\n", "proc/cpuinfo", "model name\t: First\n\nmodel name\t: Second\n")
	assert.Equal(t, "quiet  a=b ", m.Cmdline(), "blanks are kept")
	assert.Equal(t, "6.1.0", m.Release())
	assert.Equal(t, "#1 SMP Debian", m.KernelVersion())
	assert.Equal(t, "1111", m.BootID())
	assert.Equal(t, time.Unix(1700000000, 0), m.Started())
	assert.Equal(t, 12500*time.Millisecond, m.Uptime())
	assert.Equal(t, "First", m.CPUModel())
	for _, junk := range []string{"", "x", "-1", "NaN", "1e300", "btime x", "btime -5"} {
		m := machine("proc/uptime", junk, "proc/stat", junk)
		assert.Zero(t, m.Uptime(), junk)
		assert.Zero(t, m.Started(), junk)
	}
}

func TestKexeced(t *testing.T) {
	const kind, chosen = "proc/sys/kernel/bootloader_type", "sys/firmware/devicetree/base/chosen/"
	for name, c := range map[string]struct {
		m    host.Machine
		want host.Tristate
	}{
		"kexec":               {machine(kind, "208\n"), host.Yes},
		"GRUB":                {machine(kind, "114\n"), host.No},
		"device tree":         {machine(chosen+"bootargs", "x"), host.No},
		"device tree, kexec":  {machine(chosen+"linux,booted-from-kexec", ""), host.Yes},
		"junk":                {machine(kind, "x"), host.Unknown},
		"junk, device tree":   {machine(kind, "x", chosen+"bootargs", ""), host.No},
		"neither can be seen": {machine("sys/firmware/acpi/tables/x", ""), host.Unknown},
	} {
		assert.Equal(t, c.want, c.m.Kexeced(), name)
	}
}

func TestKHO(t *testing.T) {
	assert.True(t, machine("proc/cmdline", "quiet kho=on\n").KHO())
	assert.False(t, machine("proc/cmdline", "quiet kho=onx\n").KHO())
	assert.False(t, machine("proc/cmdline", "kho=off").KHO())
}

func TestMeminfo(t *testing.T) {
	m := machine("proc/meminfo", "MemTotal:        8000000 kB\nMemAvailable:    1048576 kB\nSwapFree:   2048 kB\nHugePages_Total:       0\n")
	assert.EqualValues(t, 1<<30, m.MemAvailable())
	assert.EqualValues(t, 2<<20, m.Meminfo("SwapFree"))
	assert.Zero(t, m.Meminfo("None"))
	for _, junk := range []string{"99999999999999999999 kB", "-1 kB", "x", "9223372036854775807 kB"} {
		assert.Zero(t, machine("proc/meminfo", "MemAvailable: "+junk+"\nno colon\n").MemAvailable(), junk)
	}
}

func TestModules(t *testing.T) {
	m := machine("usr/lib/modules/6.1/modules.dep", "", "lib/modules/6.2/modules.dep", "", "sys/module/efibc/initstate", "live\n", "sys/module/nvme/parameters/x", "1")
	assert.True(t, m.HasModules("6.1") && m.HasModules("6.2"))
	for _, release := range []string{"", "6.3", ".", "..", "../modules/6.1", "6.1/."} {
		assert.False(t, m.HasModules(release), release)
	}
	assert.Equal(t, []string{"6.1", "6.2"}, m.InstalledReleases())
	assert.True(t, m.ModuleLoaded("efibc") && m.ModulePresent("efibc"))
	assert.False(t, m.ModuleLoaded("nvme"), "built in")
	assert.True(t, m.ModulePresent("nvme"))
	assert.False(t, m.ModulePresent("../module/nvme"))
	usr := root("usr/lib/modules/6.1/x", "", "lib", "-> usr/lib")
	assert.Equal(t, []string{"6.1"}, usr.InstalledReleases(), "each once")
}

func TestSysctl(t *testing.T) {
	m := machine("proc/sys/kernel/kexec_load_disabled", "1\n",
		"etc/sysctl.d/10-net.conf", "net.ipv4.ip_forward=1\n", "etc/sysctl.d/20-x.bak", "kexec_load_disabled", "usr/lib/sysctl.d/50-harden.conf", "kernel.kexec_load_disabled = 1\n", "etc/sysctl.conf", "kernel.kexec_load_limit_reboot=1")
	assert.Equal(t, "1", m.Sysctl("kernel/kexec_load_disabled"))
	assert.Equal(t, "/usr/lib/sysctl.d/50-harden.conf", m.SysctlFile("kexec_load_disabled", "kexec_load_limit_reboot"))
	assert.Equal(t, "/etc/sysctl.conf", m.SysctlFile("kexec_load_limit_reboot"))
	assert.Empty(t, m.SysctlFile("none"))
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func TestConfig(t *testing.T) {
	const release, rel, text = "proc/sys/kernel/osrelease", "6.12.1", "# CONFIG_A is not set\nCONFIG_X=m\nCONFIG_KEXEC=y\nCONFIG_N=n\nCONFIG_S=\"a=b\"\n"
	want := host.Config{"CONFIG_X": "m", "CONFIG_KEXEC": "y", "CONFIG_S": `"a=b"`}
	for name, m := range map[string]host.Machine{
		"proc":      machine("proc/config.gz", zipped(t, text)),
		"boot":      machine(release, rel+"\n", "boot/config-"+rel, text, "lib/modules/"+rel+"/config", "CONFIG_KEXEC=y\n", "proc/config.gz", "not gzip"),
		"modules":   machine(release, rel, "usr/lib/modules/"+rel+"/config", text),
		"lib":       machine(release, rel, "lib/modules/"+rel+"/config", text, "boot/config-"+rel, "no configuration"),
		"silverbl.": machine(release, rel, "usr/lib/ostree-boot/config-"+rel, text),
		"kernel":    machine(release, rel, "usr/lib/kernel/config-"+rel, text),
	} {
		assert.Equal(t, want, m.RunningConfig(), name)
	}
	for name, m := range map[string]host.Machine{
		"cut":        machine("proc/config.gz", zipped(t, text)[:20]),
		"no config":  machine(release, rel, "boot/config-"+rel, "hello=world\n"),
		"a bomb":     machine("proc/config.gz", zipped(t, text+strings.Repeat("#", 5<<20))),
		"too large":  machine(release, rel, "boot/config-"+rel, text+strings.Repeat("#", 5<<20)),
		"a traverse": machine(release, "../x", "boot/config-../x", text),
	} {
		assert.Nil(t, m.RunningConfig(), name)
	}
	assert.True(t, want.Known() && want.Off("CONFIG_A") && want.BuiltIn("CONFIG_KEXEC"))
	assert.False(t, want.Off("CONFIG_X") || want.BuiltIn("CONFIG_X"), "a module is neither")
	var unknown host.Config
	assert.False(t, unknown.Known() || unknown.Off("CONFIG_A") || unknown.BuiltIn("CONFIG_A"))
}

func FuzzKernelConfig(f *testing.F) {
	f.Add("CONFIG_KEXEC=y\n# CONFIG_X is not set\n")
	f.Add("=\n=\nCONFIG_=\x00\n")
	f.Fuzz(func(t *testing.T, text string) {
		m := host.Machine{FS: fstest.MapFS{"boot/config-1": {Data: []byte(text)}}}
		config := m.KernelConfig("1")
		again := ""
		for name, value := range config {
			assert.True(t, strings.HasPrefix(name, "CONFIG_"))
			again += name + "=" + value + "\n"
		}
		assert.Equal(t, config, machine("boot/config-1", again).KernelConfig("1"), "parses again to the same")
	})
}
func TestFiveLevel(t *testing.T) {
	for flags, want := range map[string]bool{"fpu la57 sse": true, "fpu sse": false, "fpu la571": false, "": false} {
		root := fstest.MapFS{"proc/cpuinfo": {Data: []byte("processor\t: 0\nflags\t\t: " + flags + "\n\n")}}
		assert.Equal(t, want, host.Machine{FS: root}.FiveLevel(), flags)
	}
}
