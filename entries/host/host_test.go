package host_test

import (
	"os"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// machine has these files.
func machine(files ...string) host.Machine {
	root := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		root[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return host.Machine{FS: root, GOARCH: "amd64"}
}

// TestNothingIsKnown holds what each fact is on a machine without files.
func TestNothingIsKnown(t *testing.T) {
	for name, m := range map[string]host.Machine{"zero": {}, "empty": machine()} {
		assert.Empty(t, m.Cmdline()+m.Release()+m.KernelVersion()+m.BootID()+m.Lockdown()+m.CPUModel()+m.DeviceTreeCompatible()+m.Sysctl("kernel/x")+m.SysctlFile("x"), name)
		assert.Equal(t, host.Unknown, m.Kexeced(), name)
		assert.Equal(t, host.Unknown, m.SysBoot(), name)
		assert.Equal(t, host.Unknown, m.UserNamespace(), name)
		assert.Equal(t, host.Unknown, m.PIDNamespace(), name)
		assert.Equal(t, host.Unknown, m.Confidential(), name)
		assert.Equal(t, host.No, m.SecureBoot(), name)
		assert.Equal(t, host.Other, m.InitSystem(), name)
		assert.Zero(t, m.Started(), name)
		assert.Zero(t, m.Uptime(), name)
		assert.Zero(t, m.MemAvailable(), name)
		assert.Zero(t, m.RSDP(), name)
		assert.Nil(t, m.BootParams(), name)
		assert.Nil(t, m.LSMs(), name)
		assert.False(t, m.RunningConfig().Known(), name)
		assert.False(t, m.Seccomp() || m.KHO() || m.XenDom0() || m.EFI() || m.UnitActive("x.service") || m.ModuleLoaded("x") || m.ModulePresent("x") || m.HasModules("6.1"), name)
		_, known := m.TrustedKeys()
		assert.False(t, known, name)
		_, known = m.BootRSDP()
		assert.False(t, known, name)
		_, err := m.Mounts()
		assert.ErrorIs(t, err, os.ErrNotExist, name)
		oem, err := m.OEMStrings()
		assert.NoError(t, err, name)
		assert.Empty(t, oem, name)
	}
	assert.EqualValues(t, 4096, host.Machine{}.Page())
	assert.EqualValues(t, 65536, host.Machine{PageSize: 65536}.Page())
}

// TestRunningMachine holds that the real files are laid out as the recorded.
func TestRunningMachine(t *testing.T) {
	m := host.Running()
	assert.NotEmpty(t, m.Release())
	assert.NotEmpty(t, m.BootID())
	assert.NotEqual(t, host.Unknown, m.SysBoot())
	assert.NotEqual(t, host.Unknown, m.UserNamespace())
	assert.Equal(t, os.Geteuid(), m.UID)
	assert.NotZero(t, m.MemAvailable())
	assert.NotZero(t, m.Uptime())
	assert.WithinDuration(t, time.Now().Add(-m.Uptime()), m.Started(), time.Minute)
	mounts, err := m.Mounts()
	assert.NoError(t, err)
	assert.NotEmpty(t, mounts)
	info, err := os.Lstat("/run/systemd/system")
	assert.Equal(t, err == nil && info.IsDir(), m.InitSystem() == host.Systemd)
}

// TestConstants: what stays as it is while a kernel runs is read once, and read
// again from another root directory.
func TestConstants(t *testing.T) {
	root := fstest.MapFS{"proc/cmdline": {Data: []byte("quiet")}, "proc/meminfo": {Data: []byte("MemAvailable: 1 kB")}}
	m := host.Running().WithFS(root)
	assert.Equal(t, "quiet", m.Cmdline())
	assert.EqualValues(t, 1024, m.MemAvailable())
	root["proc/cmdline"], root["proc/meminfo"] = &fstest.MapFile{Data: []byte("debug")}, &fstest.MapFile{Data: []byte("MemAvailable: 2 kB")}
	assert.Equal(t, "quiet", m.Cmdline())
	assert.EqualValues(t, 2048, m.MemAvailable())
	assert.Equal(t, "debug", m.WithFS(root).Cmdline())
	assert.Equal(t, "debug", host.Machine{}.WithFS(root).Cmdline())
}

func TestTristate(t *testing.T) {
	for want, answer := range map[string]host.Tristate{"unknown": host.Unknown, "no": host.No, "yes": host.Yes} {
		assert.Equal(t, want, answer.String())
	}
}

func TestParseBoolean(t *testing.T) {
	for _, s := range []string{"1", "y", "Y", "yes", "Yes", "YES", "yEs", "t", "T", "true", "TRUE", "on", "ON"} {
		value, ok := host.ParseBoolean(s)
		assert.True(t, value && ok, s)
	}
	for _, s := range []string{"0", "n", "No", "f", "false", "OFF"} {
		value, ok := host.ParseBoolean(s)
		assert.True(t, !value && ok, s)
	}
	for _, s := range []string{"", " 1", "2", "enable"} {
		value, ok := host.ParseBoolean(s)
		assert.False(t, value || ok, s)
	}
}
