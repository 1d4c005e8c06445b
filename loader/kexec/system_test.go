package kexec_test

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/kexec"
)

const (
	secureBoot = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
	release    = "6.12.117-amd64"
)

func machine(files map[string]string) fstest.MapFS {
	root := make(fstest.MapFS)
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

func zipped(t *testing.T, text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

// kernelOptions is what a configuration says that mentions all options but the
// changed ones as unset.
func kernelOptions(change map[string]string) map[string]string {
	options := map[string]string{
		"CONFIG_KEXEC": "n", "CONFIG_KEXEC_FILE": "n", "CONFIG_KEXEC_SIG": "n", "CONFIG_KEXEC_VERIFY_SIG": "n",
		"CONFIG_KEXEC_SIG_FORCE": "n", "CONFIG_KEXEC_BZIMAGE_VERIFY_SIG": "n", "CONFIG_KEXEC_IMAGE_VERIFY_SIG": "n",
	}
	for key, value := range change {
		options[key] = value
	}
	return options
}

func TestInspect(t *testing.T) {
	status := func(cap, uid, seccomp string) string {
		return "Name:\tkexec-bls\nUid:\t1000\t" + uid + "\t1000\t1000\nCapEff:\t" + cap + "\nSeccomp:\t" + seccomp + "\n"
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  kexec.System
	}{
		"nothing to see": {nil, kexec.System{}},
		"root": {
			map[string]string{"proc/self/status": status("000001ffffffffff", "0", "0"), "proc/self/uid_map": "         0          0 4294967295\n"},
			kexec.System{Capable: kexec.Yes, UserNS: kexec.No},
		},
		"user": {
			map[string]string{"proc/self/status": status("0000000000000000", "1000", "0")},
			kexec.System{Capable: kexec.No, UID: 1000},
		},
		"all but CAP_SYS_BOOT": {
			map[string]string{"proc/self/status": status("000001ffffbfffff", "0", "2")},
			kexec.System{Capable: kexec.No, Seccomp: true},
		},
		"container": {
			map[string]string{"proc/self/uid_map": "0 100000 65536\n"},
			kexec.System{UserNS: kexec.Yes},
		},
		"switched off": {
			map[string]string{
				"proc/sys/kernel/kexec_load_disabled": "1\n", "proc/sys/kernel/kexec_load_limit_reboot": "-1\n",
				"etc/sysctl.d/10-net.conf": "net.ipv4.ip_forward=1\n", "usr/lib/sysctl.d/50-harden.conf": "kernel.kexec_load_disabled = 1\n",
			},
			kexec.System{LoadDisabled: true, Sysctl: "/usr/lib/sysctl.d/50-harden.conf"},
		},
		"no load left": {
			map[string]string{"proc/sys/kernel/kexec_load_disabled": "0\n", "proc/sys/kernel/kexec_load_limit_reboot": "0\n"},
			kexec.System{LoadsLeft: 0},
		},
		"a load left": {
			map[string]string{"proc/sys/kernel/kexec_load_limit_reboot": "1\n", "etc/sysctl.conf": "kernel.kexec_load_limit_reboot=1"},
			kexec.System{LoadsLeft: 1},
		},
		"lockdown": {
			map[string]string{"sys/kernel/security/lockdown": "none [integrity] confidentiality\n", "sys/kernel/security/lsm": "capability,lockdown,ima"},
			kexec.System{Lockdown: "integrity", LSMs: []string{"capability", "lockdown", "ima"}},
		},
		"Secure Boot": {
			map[string]string{secureBoot: "\x06\x00\x00\x00\x01"},
			kexec.System{EFI: true, SecureBoot: kexec.Yes},
		},
		"EFI without Secure Boot": {
			map[string]string{secureBoot: "\x06\x00\x00\x00\x00", "sys/firmware/efi/systab": "ACPI20=0x7fb7e014\nACPI=0x7fb7e000\nSMBIOS=0x7fb3d000\n"},
			kexec.System{EFI: true, SecureBoot: kexec.No, RSDP: 0x7fb7e014},
		},
		"EFI with a cut variable": {
			map[string]string{secureBoot: "\x06\x00\x00\x00", "sys/firmware/efi/systab": "ACPI20=junk\nACPI=0x10"},
			kexec.System{EFI: true, RSDP: 0x10},
		},
		"keys": {
			map[string]string{"proc/keys": "" +
				"031a21e8 I------     1 perm 1f030000     0     0 asymmetri Debian Secure Boot CA: 6ccece7e4c6c0d1f6149f3dd27dfcc5cbb419ea1: X509.rsa bb419ea1 []\n" +
				"0dd8e9d2 I------     2 perm 1f0f0000     0     0 keyring   .builtin_trusted_keys: 2\n" +
				"1a8c6f5a I------     1 perm 1f030000     0     0 asymmetri Debian Secure Boot CA: 6ccece7e4c6c0d1f6149f3dd27dfcc5cbb419ea1: X509.rsa bb419ea1 []\n" +
				"cut\n2 I 1 perm 1 0 0 asymmetri\n"},
			kexec.System{Keys: []string{"Debian Secure Boot CA"}, KeysSeen: true},
		},
		"no keys": {
			map[string]string{"proc/keys": "0dd8e9d2 I------     2 perm 1f0f0000     0     0 keyring   .builtin_trusted_keys: empty\n"},
			kexec.System{KeysSeen: true},
		},
		"Xen host":      {map[string]string{"proc/xen/capabilities": "control_d\n"}, kexec.System{Xen0: true}},
		"Xen guest":     {map[string]string{"proc/xen/capabilities": "\n"}, kexec.System{}},
		"handover":      {map[string]string{"proc/cmdline": "quiet kho=on\n"}, kexec.System{Handover: true}},
		"handover, off": {map[string]string{"proc/cmdline": "quiet kho=onx\n"}, kexec.System{}},
		"memory": {
			map[string]string{"proc/meminfo": "MemTotal:        8000000 kB\nMemAvailable:    1048576 kB\nSwapFree:   2048 kB\nHugePages_Total:       0\n"},
			kexec.System{MemAvailable: 1 << 30},
		},
		"memory, junk": {
			map[string]string{"proc/meminfo": "MemAvailable: 99999999999999999999 kB\nSwapFree: -1 kB\nno colon\n"},
			kexec.System{},
		},
		"config in /proc": {
			map[string]string{"proc/config.gz": zipped(t, "CONFIG_X=m\nCONFIG_KEXEC=y\n# CONFIG_KEXEC_FILE is not set\n")},
			kexec.System{Config: kernelOptions(map[string]string{"CONFIG_KEXEC": "y"})},
		},
		"config in /boot": {
			map[string]string{
				"proc/sys/kernel/osrelease": release + "\n", "boot/config-" + release: "CONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_SIG_FORCE=y\n",
				"lib/modules/" + release + "/config": "CONFIG_KEXEC=y\n", "proc/config.gz": "not gzip",
			},
			kexec.System{Config: kernelOptions(map[string]string{"CONFIG_KEXEC_FILE": "y", "CONFIG_KEXEC_SIG_FORCE": "y"})},
		},
		"config with the modules": {
			map[string]string{"proc/sys/kernel/osrelease": release, "usr/lib/modules/" + release + "/config": "CONFIG_KEXEC=y\n"},
			kexec.System{Config: kernelOptions(map[string]string{"CONFIG_KEXEC": "y"})},
		},
		"config that is none": {
			map[string]string{"proc/sys/kernel/osrelease": release, "boot/config-" + release: "# CONFIG_KEXEC=y\n\x00\xff=\n"},
			kexec.System{},
		},
		"release that is a path": {
			map[string]string{"proc/sys/kernel/osrelease": "../../x", "x": "CONFIG_KEXEC=y"},
			kexec.System{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want.LoadsLeft == 0 && name != "no load left" {
				c.want.LoadsLeft = -1
			}
			if !c.want.EFI {
				c.want.SecureBoot = kexec.No
			}
			assert.Equal(t, c.want, kexec.Inspect(machine(c.files)))
		})
	}
}

// TestInspectDoesNotHangOrFollowJunk holds that only regular files are opened:
// a FIFO would hold us for good.
func TestInspectOpensRegularFilesOnly(t *testing.T) {
	root := machine(map[string]string{"proc/sys/kernel/osrelease": release, "proc/sys/kernel/kexec_load_disabled": "1"})
	for _, name := range []string{"etc/sysctl.d/fifo.conf", "boot/config-" + release, "proc/config.gz", "proc/keys"} {
		root[name] = &fstest.MapFile{Mode: fs.ModeNamedPipe | 0o644, Data: []byte("CONFIG_KEXEC=y kexec_load_disabled")}
	}
	s := kexec.Inspect(root)
	assert.Nil(t, s.Config)
	assert.False(t, s.KeysSeen)
	assert.Empty(t, s.Sysctl)
}

// TestInspectThisMachine holds that the real files are laid out as the fixtures
// are.
func TestInspectThisMachine(t *testing.T) {
	s := kexec.Inspect(os.DirFS("/"))
	assert.NotEqual(t, kexec.Unknown, s.Capable)
	assert.NotEqual(t, kexec.Unknown, s.UserNS)
	assert.Equal(t, os.Geteuid(), s.UID)
	assert.NotZero(t, s.MemAvailable)
}

func FuzzInspect(f *testing.F) {
	f.Add("Uid: 0 0\nCapEff: 1ffffffffff\n", "none [integrity]", "\x06\x00\x00\x00\x01", "1 I 1 perm 1 0 0 asymmetri A: b: X509", "CONFIG_KEXEC=y")
	f.Add("CapEff:", "[", "", "\n\n", "=\n=")
	f.Fuzz(func(t *testing.T, status, lockdown, variable, keys, config string) {
		s := kexec.Inspect(machine(map[string]string{
			"proc/self/status": status, "proc/meminfo": status, "proc/self/uid_map": status,
			"sys/kernel/security/lockdown": lockdown, "sys/kernel/security/lsm": lockdown,
			secureBoot: variable, "sys/firmware/efi/systab": variable, "proc/keys": keys,
			"proc/sys/kernel/osrelease": release, "boot/config-" + release: config, "proc/config.gz": config,
		}))
		if len(variable) == 0 {
			assert.Equal(t, kexec.Unknown, s.SecureBoot)
		}
		if s.Config != nil {
			assert.Len(t, s.Config, len(kernelOptions(nil)))
		}
		for _, errno := range errnos {
			assert.NotEmpty(t, kexec.Explain(errno, s).Mend)
		}
	})
}
