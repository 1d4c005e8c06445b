package preflight_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

const (
	setup, capsule = "\x01\x00\x00\x00\x00\x00\x00\x00", "\x04\x00\x00\x00\x00\x00\x00\x00"
	nv             = "\x07\x00\x00\x00"
	fwupd          = "/efi/fwupd-01234567-89ab-cdef-0123-456789abcdef-0-0abba7dc-e516-4167-bbf5-4d9d1c739416"
)

func TestFirmware(t *testing.T) {
	play(t, map[string]scene{
		"setup": {
			func(b *box) {
				b.set("/efi/OsIndications-"+global, nv+setup)
			},
			[]string{"warning firmware-setup"},
			"setup is requested",
		},
		"capsule": {
			func(b *box) {
				b.set("/efi/OsIndications-"+global, nv+capsule)
			},
			[]string{"warning firmware-update"},
			"capsule",
		},
		"both": {
			func(b *box) {
				b.set("/efi/OsIndications-"+global, nv+"\x05\x00\x00\x00\x00\x00\x00\x00")
			},
			[]string{"warning firmware-setup", "warning firmware-update"},
			"",
		},
		"nothing wished": {
			func(b *box) {
				b.set("/efi/OsIndications-"+global, nv+strings.Repeat("\x00", 8))
			},
			nil,
			"",
		},
		"cut short": {func(b *box) { b.set("/efi/OsIndications-"+global, nv+"\x05") }, nil, ""},
		"boot next": {
			func(b *box) {
				b.set("/efi/BootNext-"+global, nv+"\x0a\x00")
			},
			[]string{"warning boot-next"},
			"Boot000A",
		},
		"fwupd waits": {
			func(b *box) {
				b.set(fwupd, nv+strings.Repeat("\x00", 48)+"\x01\x00\x00\x00")
			},
			[]string{"warning firmware-update"},
			"fwupd has prepared",
		},
		"fwupd tried": {
			func(b *box) {
				b.set(fwupd, nv+strings.Repeat("\x00", 48)+"\x02\x00\x00\x00")
			},
			nil,
			"",
		},
		"fwupd cut": {func(b *box) { b.set(fwupd, nv+strings.Repeat("\x01", 40)) }, nil, ""},
		"capsule file": {func(b *box) {
			b.set("/efi/x", "", "/efi/EFI/UpdateCapsule/fw.cap", "")
			b.plan.Boot = []string{"/boot"}
			b.set("/boot/EFI/UpdateCapsule/fw.cap", "")
		}, []string{"warning firmware-update"}, "/boot/EFI/UpdateCapsule holds a firmware update, fw.cap"},
		"empty folder": {func(b *box) { b.plan.Boot = []string{"/boot", "/"} }, nil, ""},
	})
}

func TestBoot(t *testing.T) {
	oneShot := func(b *box, text string) {
		b.set("/efi/LoaderEntryOneShot-"+loader, nv+strings.Join(strings.Split(text, ""), "\x00")+"\x00\x00\x00")
	}
	play(t, map[string]scene{
		"one-shot": {
			func(b *box) { oneShot(b, "other.conf") },
			[]string{"warning one-shot"},
			"other.conf is set to be booted once, and remains so",
		},
		"one-shot and efibc": {
			func(b *box) {
				oneShot(b, "other.conf")
				b.set("/sys/module/efibc/x", "")
			},
			[]string{"warning one-shot"},
			"will overwrite",
		},
		"one-shot and efibc as a module": {
			func(b *box) {
				oneShot(b, "other.conf")
				b.set("/sys/module/efibc/initstate", "live\n")
			},
			[]string{"warning one-shot"},
			"remains so for the next boot", // it is unloaded
		},
		"one-shot, efibc and the recorder": {
			func(b *box) {
				oneShot(b, "other.conf")
				b.set("/sys/module/efibc/x", "", "/run/systemd/units/invocation:kexec-bls-boot.service", "-> 0123")
			},
			[]string{"warning one-shot"},
			"remains so for the next boot", // it is restored
		},
		"efibc and the recorder": {
			func(b *box) {
				b.set("/sys/module/efibc/x", "", "/run/systemd/units/invocation:kexec-bls-boot.service", "-> 0123")
			},
			nil,
			"",
		},
		"one-shot is meant": {
			func(b *box) {
				oneShot(b, "other.conf")
				b.plan.OneShot = true
			},
			nil,
			"",
		},
		"junk of efibc": {func(b *box) { oneShot(b, "kexec reboot") }, nil, ""},
		"empty": {
			func(b *box) {
				b.set("/efi/LoaderEntryOneShot-"+loader, nv)
			},
			nil,
			"",
		},
		"efibc alone": {
			func(b *box) { b.set("/sys/module/efibc/x", "") },
			[]string{"info efibc"},
			"",
		},
		"efibc, no sd-boot": {
			func(b *box) {
				b.set("/sys/module/efibc/x", "").remove("/efi/LoaderInfo-"+loader).set("/efi/x", "")
			},
			nil,
			"",
		},
		"menu once": {
			func(b *box) {
				b.set("/efi/LoaderConfigTimeoutOneShot-"+loader, nv+"5\x00\x00\x00")
			},
			nil,
			"",
		},
		"counted": {
			func(b *box) { b.plan.Counted, b.plan.TriesLeft = true, 3 },
			[]string{"info boot-counter"},
			"arch.conf has 3 tries left",
		},
		"bad": {
			func(b *box) { b.plan.Counted = true },
			[]string{"warning entry-bad"},
			"no tries left",
		},
	})
}

func TestDevices(t *testing.T) {
	const dog = "/sys/class/watchdog/watchdog0/"
	play(t, map[string]scene{
		"watchdog": {
			func(b *box) { b.set(dog+"nowayout", "1\n") },
			[]string{"warning watchdog"},
			"in 30 s",
		},
		"slow watchdog": {
			func(b *box) {
				b.set(dog+"nowayout", "1\n", dog+"timeout", "600\n")
			},
			nil,
			"",
		},
		"no timeout": {
			func(b *box) {
				b.set(dog+"nowayout", "1\n").remove(dog + "timeout")
			},
			[]string{"warning watchdog"},
			"in time",
		},
		"inactive watchdog": {
			func(b *box) {
				b.set(dog+"nowayout", "1\n", dog+"state", "inactive\n")
			},
			nil,
			"",
		},

		"vfio": {func(b *box) {
			b.set("/sys/bus/pci/drivers/vfio-pci/0000:01:00.0/x", "", "/sys/bus/pci/drivers/vfio-pci/bind", "")
		}, []string{"warning vfio"}, "0000:01:00.0 assigned"},
		"vfio unused": {func(b *box) {
			b.set("/sys/bus/pci/drivers/vfio-pci/bind", "", "/sys/bus/pci/drivers/vfio-pci/new_id", "")
		}, nil, ""},

		"nvidia": {
			func(b *box) { b.set("/sys/module/nvidia/version", "580") },
			[]string{"warning gpu-nvidia"},
			"kexec-bls-gpu.service, which unloads nvidia_drm",
		},
		"nvidia by card": {
			func(b *box) {
				b.set("/sys/class/drm/card1/device/driver", "-> ../../bus/pci/drivers/nvidia")
			},
			[]string{"warning gpu-nvidia"},
			"",
		},
		"nouveau": {
			func(b *box) {
				b.set("/sys/class/drm/card1/device/driver", "-> ../../bus/pci/drivers/nouveau")
			},
			nil,
			"",
		},
		"amdgpu": {
			func(b *box) {
				b.set("/sys/class/drm/card0/device/driver", "-> ../../bus/pci/drivers/amdgpu")
			},
			[]string{"info gpu-amdgpu"},
			"",
		},
		"amdgpu not used": {func(b *box) { b.set("/sys/module/amdgpu/x", "") }, nil, ""},
		"hyperv twice": {func(b *box) {
			b.set("/sys/module/hyperv_fb/x", "", "/sys/class/drm/card0/device/driver", "-> ../hyperv_drm")
		}, []string{"warning gpu-hyperv"}, ""},
	})
}

func TestVirtual(t *testing.T) {
	const hv = "/sys/hypervisor/"
	play(t, map[string]scene{
		"nspawn": {
			func(b *box) {
				b.set("/run/systemd/container", "systemd-nspawn\n")
			},
			[]string{"error container"},
			"(systemd-nspawn)",
		},
		"podman": {
			func(b *box) { b.set("/run/.containerenv", "") },
			[]string{"error container"},
			"(podman)",
		},
		"docker": {
			func(b *box) { b.set("/.dockerenv", "") },
			[]string{"error container"},
			"(docker)",
		},
		"docker, by number": {
			func(b *box) {
				b.set("/.dockerenv", "", "/proc/self/ns/pid", "-> pid:[4026532247]")
			},
			[]string{"error container"},
			"",
		},
		"VM made of an image": {
			func(b *box) {
				b.set("/.dockerenv", "", "/proc/self/ns/pid", "-> pid:[4026531836]")
			},
			nil,
			"",
		},
		"lxc": {
			func(b *box) {
				b.set("/proc/1/environ", "TERM=linux\x00container=lxc\x00")
			},
			[]string{"error container"},
			"(lxc)",
		},
		"container is unset": {
			func(b *box) {
				b.set("/proc/1/environ", "container=\x00xcontainer=lxc\x00")
			},
			nil,
			"",
		},
		"WSL 2": {
			func(b *box) {
				b.set("/proc/sys/kernel/osrelease", "5.15.167.4-microsoft-standard-WSL2\n")
			},
			[]string{"error container"},
			"WSL",
		},

		"Xen host": {
			func(b *box) {
				b.set("/proc/xen/capabilities", "control_d\n", hv+"type", "xen")
			},
			[]string{"error xen"},
			"dom0",
		},
		"Xen guest, PV": {
			func(b *box) {
				b.set(hv+"type", "xen\n", hv+"guest_type", "PV\n")
			},
			[]string{"error xen"},
			"paravirtualised",
		},
		"Xen guest, old": {func(b *box) {
			b.set(hv+"type", "xen\n", hv+"guest_type", "HVM\n", hv+"version/major", "4\n", hv+"version/minor", "2\n")
		}, []string{"error xen"}, "Xen 4.2 destroys"},
		"Xen guest, new": {func(b *box) {
			b.set(hv+"type", "xen\n", hv+"guest_type", "HVM\n", hv+"version/major", "4\n", hv+"version/minor", "17\n")
		}, []string{"warning xen"}, "soft reset"},
		"Xen guest, PVH": {
			func(b *box) {
				b.set(hv+"type", "xen\n", hv+"guest_type", "PVH\n")
			},
			[]string{"warning xen"},
			"",
		},
		"another hypervisor": {
			func(b *box) {
				b.set(hv+"type", "kvm\n", "/proc/xen/capabilities", "")
			},
			nil,
			"",
		},

		"SEV-SNP": {
			func(b *box) {
				b.set("/sys/devices/virtual/misc/sev-guest/dev", "10:1")
			},
			[]string{"warning confidential-vm"},
			"(SEV-SNP)",
		},
		"TDX": {
			func(b *box) {
				b.set("/sys/devices/virtual/misc/tdx_guest/dev", "10:1")
			},
			[]string{"warning confidential-vm"},
			"(TDX)",
		},
		"TDX by flag": {
			func(b *box) {
				b.set("/proc/cpuinfo", "flags : fpu tdx_guest sse\n")
			},
			[]string{"warning confidential-vm"},
			"(TDX)",
		},
		"Secure Execution": {
			func(b *box) {
				b.set("/sys/firmware/uv/prot_virt_guest", "1")
			},
			[]string{"warning confidential-vm"},
			"IBM",
		},
		"SEV host": {func(b *box) {
			b.set("/sys/devices/virtual/misc/sev/dev", "10:1", "/sys/firmware/uv/prot_virt_guest", "0")
		}, nil, ""},
	})
}

// What mkinitcpio's hook shutdown ends with, in our words.
const (
	oldMkinitcpio = "#!/usr/bin/ash\ncase $1 in\n  reboot)\n    type kexec >/dev/null && kexec -e\n    reboot -f\n    ;;\n  poweroff|shutdown|halt)\n    \"$1\" -f\n    ;;\n  *)\n    poweroff -f\n    ;;\nesac\n"
	mkinitcpio    = "#!/usr/bin/ash\ncase $1 in\n  poweroff|shutdown|halt)\n    \"$1\" -f\n    ;;\n  *)\n    type kexec >/dev/null && kexec -e\n    reboot -f\n    ;;\nesac\n"
)

func TestShutdown(t *testing.T) {
	const script = "/run/initramfs/shutdown"
	play(t, map[string]scene{
		"dracut": {
			func(b *box) {
				b.set(script, "#!/bin/sh\n[ \"$1\" = kexec ] && kexec -e\n")
			},
			nil,
			"",
		},
		"dracut and kexec": {
			func(b *box) {
				b.set(script, "#!/bin/sh\nkexec -e\n", "/usr/sbin/kexec", "")
			},
			nil,
			"",
		},
		"dracut by its unit": {
			func(b *box) {
				b.set("/run/systemd/units/invocation:dracut-shutdown.service", "-> 0123")
			},
			nil,
			"",
		},
		"unit, but sd-shutdown": {func(b *box) {
			b.set(script, "\x7fELF kexec", "/run/systemd/units/invocation:dracut-shutdown.service", "-> 0123")
		}, nil, ""},
		"unit and kexec": {func(b *box) {
			b.set("/run/systemd/units/invocation:dracut-shutdown.service", "-> 0123", "/bin/kexec", "")
		}, nil, ""},
		"mkinitcpio": {
			func(b *box) {
				b.set(script, "#!/bin/ash\ncase $1 in kexec) exec_kexec ;; esac\n")
			},
			nil,
			"",
		},
		"mkinitcpio before 2022": {
			func(b *box) {
				b.set(script, oldMkinitcpio, "/usr/bin/kexec", "")
			},
			[]string{"error shutdown-script"},
			"would be switched off",
		},
		"mkinitcpio since":     {func(b *box) { b.set(script, mkinitcpio) }, nil, ""},
		"mkinitcpio and kexec": {func(b *box) { b.set(script, mkinitcpio, "/usr/bin/kexec", "") }, nil, ""},
		"only reboots": {
			func(b *box) { b.set(script, "case \"$1\" in\n  poweroff | halt) $1 -f ;;\n  *) reboot -f ;;\nesac\n") },
			[]string{"warning shutdown-script"},
			"through its firmware",
		},
		"script without it": {
			func(b *box) { b.set(script, "#!/bin/ash\nreboot -f\n") },
			[]string{"warning shutdown-script"},
			"",
		},
		"target is masked": {
			func(b *box) {
				b.set("/etc/systemd/system/kexec.target", "-> /dev/null")
			},
			[]string{"error kexec-target"},
			"kexec.target is masked",
		},
		"service is masked": {
			func(b *box) {
				b.set("/run/systemd/system/systemd-kexec.service", "-> /dev/null")
			},
			[]string{"error kexec-target"},
			"",
		},
		"target is replaced": {
			func(b *box) {
				b.set("/etc/systemd/system/kexec.target", "-> /opt/kexec.target")
			},
			nil,
			"",
		},
		"another init": {
			func(b *box) {
				b.remove("/run/systemd").set("/proc/1/comm", "runit\n")
			},
			[]string{"warning init"},
			"runit, not systemd",
		},
		"init is systemd": {func(b *box) { b.set("/proc/1/comm", "init\n") }, nil, ""},
	})
}

// TestNeedsKexec holds that a load puts a program kexec where the shutdown will
// look for one, and only there.
func TestNeedsKexec(t *testing.T) {
	const script = "/run/initramfs/shutdown"
	for name, c := range map[string]struct {
		files []string
		want  bool
	}{
		"nothing":            {nil, false},
		"dracut":             {[]string{script, "#!/bin/sh\n[ \"$1\" = kexec ] && kexec -e\n"}, true},
		"dracut and kexec":   {[]string{script, "kexec -e\n", "/usr/sbin/kexec", ""}, false},
		"dracut by its unit": {[]string{"/run/systemd/units/invocation:dracut-shutdown.service", "-> 0123"}, true},
		"unit and kexec":     {[]string{"/run/systemd/units/invocation:dracut-shutdown.service", "-> 0123", "/bin/kexec", ""}, false},
		"sd-shutdown":        {[]string{script, "\x7fELF kexec", "/run/systemd/units/invocation:dracut-shutdown.service", "-> 0123"}, false},
		"mkinitcpio":         {[]string{script, mkinitcpio}, true},
		"old mkinitcpio":     {[]string{script, oldMkinitcpio}, false},
	} {
		b := newBox()
		b.set(c.files...)
		assert.Equal(t, c.want, preflight.NeedsKexec(b.mount(t)), name)
	}
}

func TestMachines(t *testing.T) {
	const file = "/etc/kexec-bls/machines.toml"
	row := func(lines string) func(*box) { return func(b *box) { b.set(file, "[[machine]]\n"+lines) } }
	model := func(s string) func(*box) {
		return func(b *box) { b.set("/sys/firmware/devicetree/base/model", s+"\x00") }
	}
	qemu := func(arch, release string) func(*box) {
		return func(b *box) {
			b.env.Host.GOARCH = arch
			b.set("/sys/class/dmi/id/sys_vendor", "QEMU\n", "/proc/sys/kernel/osrelease", release+"\n").remove("/sys/firmware/devicetree")
			b.plan.Kernel.Release, b.plan.InitrdReleases = "", nil
		}
	}
	play(t, map[string]scene{
		"Hyper-V": {func(b *box) {
			b.set("/sys/class/dmi/id/sys_vendor", "Microsoft Corporation\n", "/sys/class/dmi/id/product_name", "Virtual Machine\n")
		}, []string{"warning machine"}, "Hyper-V and Azure"},
		"Surface": {func(b *box) {
			b.set("/sys/class/dmi/id/sys_vendor", "Microsoft Corporation\n", "/sys/class/dmi/id/product_name", "Surface Pro 7\n")
		}, nil, ""},
		"Raspberry Pi 4": {
			model("Raspberry Pi 4 Model B Rev 1.4"),
			[]string{"warning machine"},
			"Raspberry Pi 4: with many versions",
		},
		"Raspberry Pi 5": {model("Raspberry Pi 5 Model B Rev 1.0"), []string{"warning machine"}, ""},
		"CM4": {
			model("Raspberry Pi Compute Module 4 Rev 1.0"),
			[]string{"warning machine"},
			"",
		},
		"Raspberry Pi 3": {model("Raspberry Pi 3 Model B Rev 1.2"), nil, ""},
		"ROCK Pi 4":      {model("Radxa ROCK Pi 4B"), []string{"error machine"}, "ROCK Pi 4"},
		"ROCK 5":         {model("Radxa ROCK 5B"), nil, ""},
		"Jasper Lake": {
			func(b *box) {
				b.set("/proc/cpuinfo", "model name\t: Intel(R) Celeron(R) N5105 @ 2.00GHz\n")
			},
			[]string{"warning machine"},
			"black screen",
		},
		"Tiger Lake": {
			func(b *box) {
				b.set("/proc/cpuinfo", "model name\t: Intel(R) Celeron(R) 6305 @ 1.80GHz\n")
			},
			nil,
			"",
		},

		"Meteor Lake": {func(b *box) {
			b.set("/proc/cpuinfo", "model name\t: Intel(R) Core(TM) Ultra 7 155H\n", "/sys/module/i915/x", "")
		}, []string{"warning machine"}, "Meteor Lake"},
		"Meteor Lake, without its driver": {func(b *box) { b.set("/proc/cpuinfo", "model name\t: Intel(R) Core(TM) Ultra 7 155H\n") }, nil, ""},
		"Lunar Lake": {func(b *box) {
			b.set("/proc/cpuinfo", "model name\t: Intel(R) Core(TM) Ultra 7 258V\n", "/sys/module/i915/x", "")
		}, nil, ""},
		"Dell Precision 7780": {func(b *box) {
			b.set("/sys/class/dmi/id/sys_vendor", "Dell Inc.\n", "/sys/class/dmi/id/product_name", "Precision 7780\n", "/sys/module/i915/x", "")
		}, []string{"warning machine"}, "Precision 7780"},
		"Van Gogh": {func(b *box) {
			b.set("/sys/bus/pci/devices/0000:04:00.0/vendor", "0x1002\n", "/sys/bus/pci/devices/0000:04:00.0/device", "0x163f\n", "/sys/module/amdgpu/x", "")
		}, []string{"info machine"}, "until the new kernel has loaded amdgpu"},
		"Van Gogh, without amdgpu": {func(b *box) {
			b.set("/sys/bus/pci/devices/0000:04:00.0/vendor", "0x1002\n", "/sys/bus/pci/devices/0000:04:00.0/device", "0x163f\n")
		}, nil, ""},
		"QEMU/arm64":         {qemu("arm64", "6.12.57-talos"), []string{"warning machine"}, "QEMU/arm64"},
		"QEMU/arm64, before": {qemu("arm64", "6.12.53-talos"), nil, ""},
		"QEMU/arm64, 6.13":   {qemu("arm64", "6.13.0"), nil, ""},
		"QEMU/amd64":         {qemu("amd64", "6.12.57"), nil, ""},
		"PCI": {func(b *box) {
			row("pci = \"8086:7D5?\"\nseverity = \"info\"\nreason = \"r\"\n")(b)
			b.set("/sys/bus/pci/devices/0000:00:02.0/vendor", "0x8086\n", "/sys/bus/pci/devices/0000:00:02.0/device", "0x7d55\n")
		}, []string{"info machine"}, ""},
		"PCI, another": {func(b *box) {
			row("pci = \"8086:7d5?\"\nseverity = \"info\"\nreason = \"r\"\n")(b)
			b.set("/sys/bus/pci/devices/0000:00:02.0/vendor", "0x8086\n", "/sys/bus/pci/devices/0000:00:02.0/device", "0x9a49\n")
		}, nil, ""},
		"kernel alone": {row("kernel = \"..6.2\"\nseverity = \"info\"\nreason = \"r\"\n"), []string{"info machine"}, ""},
		"of the site": {
			row("vendor = \"dell*\"\nproduct = \"*R64?\"\nseverity = \"error\"\nreason = \"the RAID\\ncontroller hangs\"\nhint = \"wait\"\n"),
			[]string{"error machine"},
			"the RAID controller hangs; wait",
		},
		"fits in part": {
			row("vendor = \"Dell*\"\nproduct = \"R7*\"\nseverity = \"error\"\nreason = \"r\"\n"),
			nil,
			"",
		},
		"hypervisor": {func(b *box) {
			row("hypervisor = \"hyperv\"\nseverity = \"info\"\nreason = \"r\"\n")(b)
			b.set("/sys/bus/vmbus/devices/x/y", "")
		}, []string{"info machine"}, ""},
		"site goes first": {func(b *box) {
			row("model = \"*ROCK*\"\nseverity = \"info\"\nreason = \"ours works\"\n")(b)
			model("Radxa ROCK Pi 4B")(b)
		}, []string{"info machine"}, "ours works"},
		"fits everything": {
			row("severity = \"error\"\nreason = \"r\"\n"),
			[]string{"warning machines-file"},
			"fits everything",
		},
		"no reason": {
			row("vendor = \"x\"\nseverity = \"error\"\n"),
			[]string{"warning machines-file"},
			"machine 1 has no reason",
		},
		"no severity": {
			row("vendor = \"x\"\nreason = \"r\"\n"),
			[]string{"warning machines-file"},
			`severity "" is not`,
		},
		"unknown key": {
			row("vendro = \"x\"\n"),
			[]string{"warning machines-file"},
			"unknown key machine.vendro",
		},
		"not TOML": {
			func(b *box) { b.set(file, "= =") },
			[]string{"warning machines-file"},
			file,
		},
		"broken, and known": {
			func(b *box) {
				b.set(file, "= =")
				model("Raspberry Pi 5")(b)
			},
			[]string{"warning machines-file", "warning machine"},
			"",
		},
	})
}

// TestLoaded holds what is asked of an image that is loaded already.
func TestLoaded(t *testing.T) {
	b := newBox()
	b.plan = preflight.Plan{Loaded: true, Running: "kho=on crashkernel=1G", Memory: 1 << 50}
	b.set("/proc/sys/kernel/kexec_load_disabled", "1\n").set("/sys/kernel/security/lockdown", "none [integrity]\n")
	b.set("/sys/kernel/kexec_crash_size", "268435456\n").set("/boot/config-6.1.0", "CONFIG_KEXEC_FILE=n\nCONFIG_KEXEC_HANDOVER=y\n", "/proc/cmdline", "kho=on\n")
	assert.Empty(t, b.run(t), "nothing of the load, nothing of an unknown command line")
	b.plan.Cmdline, b.plan.Kernel.Release = "quiet", "9.9.9"
	b.set("/etc/systemd/system/kexec.target", "-> /dev/null")
	assert.Equal(t, []string{"error kexec-target", "warning kernel-modules", "warning kho-lost", "warning kdump-lost"}, ids(b.run(t)))
}
