package preflight_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

// headers is an Unlock that finds something about a volume, and tokens in the headers
// of those with these names.
func headers(about string, names ...string) preflight.Unlock {
	return func(fs.FS, []preflight.Crypt) preflight.Unlocking {
		u := preflight.Unlocking{Tokens: names}
		if about != "" {
			u.Findings = []preflight.Finding{{ID: preflight.IDUnseen, Severity: preflight.Warning, Text: about, Hint: "look", Volume: "root"}}
		}
		return u
	}
}

// What the headers show comes first; a passphrase is asked for of the others.
func TestUnlockAsksAboutOpenVolumes(t *testing.T) {
	b := newBox().remove("/etc/crypttab")
	b.plan.Unlock = func(root fs.FS, open []preflight.Crypt) preflight.Unlocking {
		assert.Equal(t, []preflight.Crypt{{Name: "root", UUID: "01234567-89ab-cdef-0123-456789abcdef", Device: "vda2"}}, open)
		_, err := fs.Stat(root, "dev/vda2")
		assert.NoError(t, err)
		return preflight.Unlocking{}
	}
	assert.Equal(t, []string{"info luks-passphrase"}, ids(b.run(t)))
	assert.Equal(t, "root", preflight.BootCrypts(b.mount(t).Host)[0].Name)
	assert.Empty(t, preflight.Run(preflight.Env{}, preflight.Plan{Unlock: b.plan.Unlock}), "there are no files to look at")
}

func TestUnlock(t *testing.T) {
	const line = "root UUID=01234567-89ab-cdef-0123-456789abcdef none "
	asked := []string{"info luks-passphrase"}
	play(t, map[string]scene{
		"finding": {func(b *box) { b.remove("/etc/crypttab").plan.Unlock = headers("the TPM does it", "root") }, []string{"warning unseen"}, "the TPM does it"},
		"token":   {func(b *box) { b.remove("/etc/crypttab").plan.Unlock = headers("", "root") }, nil, ""},
		"another": {func(b *box) { b.remove("/etc/crypttab").plan.Unlock = headers("", "data") }, asked, ""},
		"option":  {func(b *box) { b.set("/etc/crypttab", line+"tpm2-device=auto\n") }, nil, ""},
		"option without a token": {func(b *box) {
			b.set("/etc/crypttab", line+"tpm2-device=auto\n").plan.Unlock = func(fs.FS, []preflight.Crypt) preflight.Unlocking { return preflight.Unlocking{Bare: []string{"root"}} }
		}, asked, ""},
		"on the cmdline": {func(b *box) {
			b.remove("/etc/crypttab").plan.Cmdline += " rd.luks.options=01234567-89ab-cdef-0123-456789abcdef=fido2-device=auto"
		}, nil, ""},
		"for all on the cmdline": {func(b *box) { b.remove("/etc/crypttab").plan.Cmdline += " rd.luks.options=discard,tpm2-device=auto" }, nil, ""},

		"passphrase": {
			func(b *box) { b.set("/etc/crypttab", line) },
			asked,
			"the passphrase of root will be asked for, as at every boot; be there to type it: there is the screen",
		},
		"no line":           {func(b *box) { b.remove("/etc/crypttab") }, asked, ""},
		"a line of another": {func(b *box) { b.set("/etc/crypttab", "data UUID=x /key") }, asked, ""},
		"by UUID": {
			func(b *box) {
				b.set("/etc/crypttab", "luks UUID=01234567-89AB-cdef-0123-456789abcdef /key")
			},
			nil,
			"",
		},
		"key on cmdline": {
			func(b *box) {
				b.remove("/etc/crypttab").plan.Cmdline += " rd.luks.key=/key"
			},
			nil,
			"",
		},
		"keyscript": {
			func(b *box) {
				b.set("/etc/crypttab", line+"luks,keyscript=decrypt_keyctl")
			},
			nil,
			"",
		},
		"LUKS1": {
			func(b *box) {
				b.remove("/etc/crypttab").set("/dev/vda2", pad("LUKS\xba\xbe\x00\x01", 8192))
			},
			asked,
			"",
		},
		"serial console": {func(b *box) {
			b.remove("/etc/crypttab").set("/sys/class/tty/console/active", "tty0 ttyS0", "/sys/class/drm/card0-HDMI-A-1/status", "disconnected")
		}, asked, "there is the console ttyS0"},
		"no console": {func(b *box) {
			b.remove("/etc/crypttab").set("/sys/class/drm/card0-HDMI-A-1/status", "disconnected")
		}, []string{"warning luks-passphrase"}, "no serial console and no connected screen was seen"},
	})
}

func TestDisks(t *testing.T) {
	asked := []string{"info luks-passphrase"}
	play(t, map[string]scene{
		"not encrypted": {
			func(b *box) {
				b.remove("/etc/crypttab").set("/sys/class/block/dm-0/dm/uuid", "LVM-abc")
			},
			nil,
			"",
		},
		"only /home": {func(b *box) {
			b.remove("/etc/crypttab").set("/proc/self/mountinfo", strings.Replace(mountinfo, " / / ", " / /home ", 1))
		}, nil, ""},
		"LVM on LUKS": {func(b *box) {
			b.remove("/etc/crypttab").set("/sys/dev/block/254:0", "-> ../../devices/virtual/block/dm-7",
				"/sys/class/block/dm-7/dm/uuid", "LVM-abc", "/sys/class/block/dm-7/slaves/dm-0/x", "")
		}, asked, ""},
		"btrfs, by its source": {func(b *box) {
			b.remove("/etc/crypttab").set("/proc/self/mountinfo", "25 1 0:31 /@ / rw - btrfs /dev/mapper/root rw,subvol=/@\n")
		}, asked, ""},
		"partition of a RAID on LUKS": {func(b *box) {
			b.remove("/etc/crypttab").set("/sys/dev/block/254:0", "-> ../../devices/virtual/block/md0/md0p1",
				"/sys/class/block/md0p1", "-> ../../devices/virtual/block/md0/md0p1", "/sys/devices/virtual/block/md0/md0p1/partition", "1",
				"/sys/class/block/md0/slaves/dm-0/x", "")
		}, asked, ""},
		"plain dm-crypt": {func(b *box) {
			b.remove("/etc/crypttab", "/dev/vda2").set("/sys/class/block/dm-0/dm/uuid", "CRYPT-PLAIN-root")
		}, asked, ""},
		"network root": {func(b *box) {
			b.set("/proc/self/mountinfo", "25 1 0:31 / / rw - nfs4 server:/root rw\n")
		}, nil, ""},
	})
}

func TestHibernation(t *testing.T) {
	const device = "/dev/disk/by-uuid/5a5a"
	image := strings.Repeat("\x00", 4086) + "S1SUSPEND\x00"
	blocked := []string{"error hibernation"}
	play(t, map[string]scene{
		"variable": {func(b *box) {
			b.set("/efi/HibernateLocation-8cf2644b-4b0b-428f-9387-6d876050dc67", "\x07\x00\x00\x00{}")
		}, blocked, "HibernateLocation"},
		"in fstab": {
			func(b *box) { b.set(device, image) },
			blocked,
			device + " holds a hibernation image",
		},
		"commented": {
			func(b *box) {
				b.set(device, image, "/etc/fstab", "# UUID=5A5A none swap sw 0 0\n")
			},
			nil,
			"",
		},
		"not swap": {
			func(b *box) {
				b.set(device, image, "/etc/fstab", "UUID=5A5A /mnt ext4 defaults 0 0\n")
			},
			nil,
			"",
		},
		"resume=": {
			func(b *box) {
				b.remove("/etc/fstab").set("/dev/vda3", image).plan.Running += " resume=/dev/vda3"
			},
			blocked,
			"/dev/vda3",
		},
		"new resume=": {func(b *box) {
			b.remove("/etc/fstab").set("/dev/vda3", image).plan.Cmdline += " resume=PARTUUID=ABC"
			b.set("/dev/disk/by-partuuid/abc", image)
		}, blocked, "by-partuuid/abc"},
		"swap file": {func(b *box) {
			b.set("/dev/vda3", strings.Repeat("\x00", 8192)+image).plan.Running += " resume=/dev/vda3 resume_offset=2"
		}, blocked, "/dev/vda3"},
		"large pages": {
			func(b *box) {
				b.env.Host.PageSize = 65536
				b.set(device, strings.Repeat("\x00", 65526)+"S1SUSPEND\x00")
			},
			blocked,
			"",
		},
		"other pages":  {func(b *box) { b.env.Host.PageSize = 65536; b.set(device, image) }, nil, ""},
		"small device": {func(b *box) { b.set(device, "S1SUSPEND\x00") }, nil, ""},
		"no device":    {func(b *box) { b.remove(device) }, nil, ""},
		"hostile": {func(b *box) {
			b.set("/etc/fstab", "UUID=../../../etc/shadow none swap\n/dev/../../x none swap\n/dev none swap\nnone none swap\n")
			b.plan.Running += " resume=/dev/vda3 resume_offset=-9223372036854775808"
		}, nil, ""},
	})
}
