package preflight_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

func gz(t *testing.T, text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func TestKernel(t *testing.T) {
	play(t, map[string]scene{
		"user": {func(b *box) { b.env.Host.UID = 1000; b.set("/proc/self/status", "CapEff:\t0\n") },
			[]string{"error capability"}, "this is user 1000; run it as root"},
		"user with capability": {
			func(b *box) {
				b.env.Host.UID = 1000
				b.set("/proc/self/status", "CapEff:\t0000000000400000\n")
			},
			nil,
			"",
		},
		"root without capability": {func(b *box) { b.set("/proc/self/status", "CapEff:\t000001ffffbfffff\n") },
			[]string{"error capability"}, "CapabilityBoundingSet="},
		"user namespace": {
			func(b *box) { b.set("/proc/self/uid_map", "0 1000 1\n") },
			[]string{"error capability"},
			"run it on the host",
		},

		"kexec disabled": {
			func(b *box) {
				b.set("/proc/sys/kernel/kexec_load_disabled", "1\n")
			},
			[]string{"error kexec-disabled"},
			"until the next boot",
		},
		"no load left": {
			func(b *box) {
				b.set("/proc/sys/kernel/kexec_load_limit_reboot", "0\n")
			},
			[]string{"error kexec-limit"},
			"no load is left",
		},
		"one load left": {
			func(b *box) {
				b.set("/proc/sys/kernel/kexec_load_limit_reboot", "1\n")
			},
			[]string{"warning kexec-limit"},
			"one load is left",
		},
		"many left": {
			func(b *box) {
				b.set("/proc/sys/kernel/kexec_load_limit_reboot", "2\n")
			},
			nil,
			"",
		},
		"before 6.3": {
			func(b *box) {
				b.remove("/proc/sys/kernel/kexec_load_limit_reboot")
			},
			nil,
			"",
		},

		"built without kexec": {
			func(b *box) { b.remove("/sys/kernel/kexec_loaded") },
			[]string{"error kexec-config"},
			"without kexec",
		},
		"sysfs of 7.2": {
			func(b *box) {
				b.remove("/sys/kernel/kexec_loaded").set("/sys/kernel/kexec/loaded", "0")
			},
			nil,
			"",
		},
		"sysfs is not mounted": {func(b *box) { b.remove("/sys/kernel") }, nil, ""},
		"no architecture of it": {
			func(b *box) { b.env.Host.GOARCH = "386" },
			[]string{"error kexec-config"},
			"on 386",
		},
		"only the classic call": {
			func(b *box) {
				b.set("/boot/config-6.1.0", "CONFIG_KEXEC=y\n")
			},
			[]string{"info kexec-config"},
			"kexec_load(2)",
		},
		"no call at all": {
			func(b *box) {
				b.set("/boot/config-6.1.0", "CONFIG_X86=y\n")
			},
			[]string{"error kexec-config"},
			"CONFIG_KEXEC_FILE",
		},
		"config elsewhere": {
			func(b *box) {
				b.remove("/boot").set("/usr/lib/modules/6.1.0/config", "CONFIG_X86=y\n")
			},
			[]string{"error kexec-config"},
			"",
		},
		"config in proc": {
			func(b *box) {
				b.set("/proc/config.gz", gz(t, "CONFIG_X86=y\n"))
			},
			[]string{"error kexec-config"},
			"",
		},
		"config.gz cut short": {
			func(b *box) {
				b.set("/proc/config.gz", gz(t, "CONFIG_X86=y\n")[:12])
			},
			nil,
			"",
		},
		"config unknown": {func(b *box) { b.remove("/boot") }, nil, ""},
		"config is no config": {
			func(b *box) { b.set("/boot/config-6.1.0", "hello=world") },
			nil,
			"",
		},

		"spin table": {
			func(b *box) { arm(b, "spin-table\x00", "spin-table\x00") },
			[]string{"error cpu-stuck"},
			"PSCI",
		},
		"psci":  {func(b *box) { arm(b, "psci\x00", "psci\x00") }, nil, ""},
		"mixed": {func(b *box) { arm(b, "spin-table\x00", "psci\x00") }, nil, ""},
		"one processor": {func(b *box) {
			arm(b, "spin-table\x00", "spin-table\x00")
			b.set("/sys/devices/system/cpu/possible", "0\n")
		}, nil, ""},
		"protected KVM": {
			func(b *box) {
				arm(b, "psci", "psci")
				b.plan.Running += " kvm-arm.mode=protected"
			},
			[]string{"warning cpu-stuck"},
			"kvm-arm.mode",
		},
	})
}

// arm makes the machine one with two processors started so.
func arm(b *box, methods ...string) {
	b.env.Host.GOARCH = "arm64"
	b.set("/sys/devices/system/cpu/possible", "0-1\n")
	for i, m := range methods {
		b.set("/sys/firmware/devicetree/base/cpus/cpu@"+string(rune('0'+i))+"/enable-method", m)
	}
}

func TestSignatures(t *testing.T) {
	locked := func(b *box) { b.set("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n") }
	signed := func(b *box, keys ...string) {
		b.plan.Kernel.Signature = preflight.Signature{Known: true, Signed: true, Signer: "Distribution Signer", Keys: keys}
	}
	const trusted, other = "aabbccddeeff00112233445566778899aabbccdd", "00000000000000000000000000000000000000ff"
	play(t, map[string]scene{
		"unsigned, no lockdown": {func(*box) {}, nil, ""},
		"unsigned in lockdown": {
			func(b *box) { locked(b) },
			[]string{"error kernel-signature"},
			"lockdown is on (integrity), and the kernel file is not signed",
		},
		"unsigned, enforced": {
			func(b *box) {
				b.set("/boot/config-6.1.0", config+"CONFIG_KEXEC_SIG_FORCE=y\n")
			},
			[]string{"error kernel-signature"},
			"loads only signed kernels",
		},
		"confidentiality": {
			func(b *box) {
				b.set("/sys/kernel/security/lockdown", "none integrity [confidentiality]")
			},
			[]string{"error kernel-signature"},
			"(confidentiality)",
		},
		"unsigned in an image": {
			func(b *box) { locked(b); b.plan.Kernel.Inner = true },
			[]string{"error kernel-signature"},
			"does not count for kexec",
		},
		"signed by a known key": {func(b *box) { locked(b); signed(b, other, trusted) }, nil, ""},
		"signed by another": {
			func(b *box) { locked(b); signed(b, other) },
			[]string{"error kernel-signature"},
			"signed by Distribution Signer, whose key the running kernel does not trust",
		},
		"signed, keys partial": {
			func(b *box) {
				locked(b)
				signed(b, other)
				b.plan.Kernel.Signature.Partial = true
			},
			[]string{"warning kernel-signature"},
			"cannot determine whether the kernel trusts the key",
		},
		"partial but known": {
			func(b *box) {
				locked(b)
				signed(b, trusted)
				b.plan.Kernel.Signature.Partial = true
			},
			nil,
			"",
		},
		"keys not readable": {
			func(b *box) {
				locked(b)
				signed(b, trusted)
				b.remove("/proc/keys")
			},
			[]string{"warning kernel-signature", "info unseen"},
			"run it as root",
		},
		"keys hidden from users": {
			func(b *box) {
				locked(b)
				signed(b, trusted)
				b.env.Host.UID = 1000
			},
			[]string{"warning kernel-signature", "info unseen"},
			"",
		},
		"kernel not readable": {
			func(b *box) {
				locked(b)
				b.plan.Kernel.Signature = preflight.Signature{}
			},
			[]string{"warning kernel-signature"},
			"cannot determine whether the kernel file is signed",
		},
		"another type of key": {func(b *box) {
			locked(b)
			signed(b, other)
			b.set("/proc/keys", strings.ReplaceAll(keysFile("x: "+other), "asymmetri", "blacklist"))
		}, []string{"error kernel-signature"}, ""},
		"no verifier": {func(b *box) {
			locked(b)
			signed(b, trusted)
			b.set("/boot/config-6.1.0", "CONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_SIG=y\n")
		}, []string{"error kernel-signature"}, "CONFIG_KEXEC_BZIMAGE_VERIFY_SIG"},
		"no verification": {
			func(b *box) {
				locked(b)
				b.set("/boot/config-6.1.0", "CONFIG_KEXEC_FILE=y\n")
			},
			[]string{"warning kernel-signature"},
			"CONFIG_KEXEC_SIG",
		},
		"before 5.4": {func(b *box) {
			locked(b)
			signed(b, trusted)
			b.set("/boot/config-6.1.0", strings.Replace(config, "KEXEC_SIG", "KEXEC_VERIFY_SIG", 1))
		}, nil, ""},
		"Secure Boot": {
			func(b *box) {
				b.set("/efi/SecureBoot-"+global, "\x06\x00\x00\x00\x01")
			},
			[]string{"warning secure-boot"},
			"the next boot through the firmware may not",
		},
		"Secure Boot, signed": {
			func(b *box) {
				b.set("/efi/SecureBoot-"+global, "\x06\x00\x00\x00\x01")
				signed(b, other)
			},
			nil,
			"",
		},
		"Secure Boot, image": {
			func(b *box) {
				b.set("/efi/SecureBoot-"+global, "\x06\x00\x00\x00\x01")
				b.plan.Kernel.Inner = true
			},
			nil,
			"",
		},
		"Secure Boot off": {
			func(b *box) {
				b.set("/efi/SecureBoot-"+global, "\x06\x00\x00\x00\x00")
			},
			nil,
			"",
		},
		"Secure Boot cut": {
			func(b *box) {
				b.set("/efi/SecureBoot-"+global, "\x06\x00")
			},
			nil,
			"",
		},
		"efivarfs not mounted": {
			func(b *box) { b.remove("/efi") },
			[]string{"info unseen"},
			"/sys/firmware/efi/efivars",
		},
	})
}

func TestModules(t *testing.T) {
	play(t, map[string]scene{
		"gone": {
			func(b *box) { b.remove("/usr/lib/modules/6.12.1") },
			[]string{"warning kernel-modules"},
			"6.12.1 has no modules",
		},
		"in /lib": {
			func(b *box) {
				b.remove("/usr/lib/modules/6.12.1").set("/lib/modules/6.12.1/x", "")
			},
			nil,
			"",
		},
		"none for any kernel": {func(b *box) { b.remove("/usr/lib/modules") }, nil, ""},
		"release unknown":     {func(b *box) { b.plan.Kernel.Release = "" }, nil, ""},
		"release of a liar": {
			func(b *box) {
				b.plan.Kernel.Release, b.plan.InitrdNames = "../6.1.0", nil
			},
			[]string{"warning kernel-modules"},
			"",
		},
		"initrd has others": {
			func(b *box) {
				b.plan.InitrdReleases = []string{"6.1.0", "6.6.6"}
			},
			[]string{"warning initrd-version"},
			"has modules for 6.1.0, 6.6.6, the kernel is 6.12.1",
		},
		"initrd has them": {
			func(b *box) {
				b.plan.InitrdReleases = []string{"6.1.0", "6.12.1"}
			},
			nil,
			"",
		},
		"initrd of another name": {
			func(b *box) {
				b.plan.InitrdNames = []string{"/efi/initrd.img-6.1.0"}
			},
			[]string{"warning initrd-version"},
			"/efi/initrd.img-6.1.0 is named for kernel 6.1.0",
		},
		"initrd without a number": {
			func(b *box) {
				b.plan.InitrdNames = []string{"/efi/intel-ucode.img", "/efi/initramfs-linux.img"}
			},
			nil,
			"",
		},
		"longer release": {func(b *box) {
			b.set("/usr/lib/modules/6.12.1-13/x", "")
			b.plan.Kernel.Release, b.plan.InitrdNames = "6.12.1-13", []string{"/efi/initrd.img-6.12.1-13"}
		}, nil, ""},
		"shorter release": {func(b *box) {
			b.set("/usr/lib/modules/6.12.1-13/x", "")
			b.plan.InitrdNames = []string{"/efi/initrd.img-6.12.1-13"}
		}, []string{"warning initrd-version"}, "kernel 6.12.1-13"},
		"digits in front": {
			func(b *box) {
				b.plan.InitrdNames = []string{"/efi/initrd-16.1.0"}
			},
			nil,
			"",
		},

		"handover lost": {handover, []string{"warning kho-lost"}, "has no kho=on"},
		"handover kept": {
			func(b *box) {
				handover(b)
				b.plan.Cmdline += " kho=1"
			},
			nil,
			"",
		},
		"handover by default": {
			func(b *box) {
				handover(b)
				b.set("/boot/config-6.12.1", "CONFIG_KEXEC_HANDOVER=y\nCONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT=y\n")
			},
			nil,
			"",
		},
		"handover unknown to the new kernel": {
			func(b *box) {
				handover(b)
				b.plan.Cmdline += " kho=1"
				b.set("/boot/config-6.12.1", "CONFIG_KEXEC=y\n")
			},
			[]string{"warning kho-lost"}, "no CONFIG_KEXEC_HANDOVER",
		},
		"handover off": {func(b *box) { handover(b); b.set("/proc/cmdline", "kho=off\n") }, nil, ""},
		"handover without room": {
			func(b *box) {
				handover(b)
				b.plan.Cmdline += " kho=on"
				b.plan.Segment = 65 << 20
				b.set("/sys/kernel/debug/kho/out/scratch_len", "0x1000000\n0x4000000\n")
			},
			[]string{"warning memory"}, "has 65 MiB, and the largest area that KHO keeps for it 64 MiB",
		},
		"handover with room": {
			func(b *box) {
				handover(b)
				b.plan.Cmdline += " kho=on"
				b.plan.Segment = 64 << 20
				b.set("/sys/kernel/debug/kho/out/scratch_len", "0x1000000\n0x4000000\n")
			},
			nil, "",
		},
	})
}

// handover makes the running kernel one that hands state over.
func handover(b *box) {
	b.set("/proc/cmdline", "quiet kho=on\n", "/boot/config-6.1.0", config+"CONFIG_KEXEC_HANDOVER=y\n")
}

func TestMemory(t *testing.T) {
	free := func(b *box, available, swap string) {
		b.set("/proc/meminfo", "MemAvailable: "+available+" kB\nSwapFree: "+swap+" kB\n")
	}
	play(t, map[string]scene{
		"huge initrd": {
			func(b *box) { b.plan.Memory = 2072 << 20 },
			[]string{"error memory"},
			"loading needs 2072 MiB of memory, and 1024 MiB are available",
		},
		"just enough":         {func(b *box) { free(b, "155648", "0") }, nil, ""},
		"one page too little": {func(b *box) { free(b, "155644", "0") }, []string{"error memory"}, ""},
		"swap does not count": {func(b *box) { free(b, "155644", "1048576") }, []string{"error memory"}, ""},
		"meminfo is missing": {
			func(b *box) {
				b.remove("/proc/meminfo")
				b.plan.Memory = 1 << 40
			},
			nil,
			"",
		},
		"sizes unknown": {
			func(b *box) {
				b.plan.Memory = 0
				free(b, "1", "0")
			},
			nil,
			"",
		},

		"kdump lost": {func(b *box) {
			b.set("/sys/kernel/kexec_crash_size", "268435456\n")
			b.plan.Running += " crashkernel=256M"
		}, []string{"warning kdump-lost"}, "256 MiB are reserved for a crash kernel, and the new command line has no crashkernel=: there will be no kdump; add crashkernel=256M"},
		"kdump kept": {func(b *box) {
			b.set("/sys/kernel/kexec_crash_size", "268435456\n")
			b.plan.Cmdline += " crashkernel=256M"
		}, nil, ""},
		"kdump, 7.2": {
			func(b *box) {
				b.remove("/sys/kernel/kexec_crash_size").set("/sys/kernel/kexec/crash_size", "4096")
			},
			[]string{"warning kdump-lost"},
			"add crashkernel= ",
		},
		"kdump nonsense": {func(b *box) { b.set("/sys/kernel/kexec_crash_size", "x") }, nil, ""},
	})
}
