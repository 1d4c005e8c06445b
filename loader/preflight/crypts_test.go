package preflight_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

// TestBootCrypts: every encrypted device below /, /usr and /sysroot, from the upper to the
// lower one, each once.
func TestBootCrypts(t *testing.T) {
	const uuid = "01234567-89ab-cdef-0123-456789abcdef"
	root := preflight.Crypt{Name: "root", UUID: uuid, Device: "vda2"}
	mounts := func(points ...string) string {
		var lines []string
		for _, p := range points {
			lines = append(lines, "25 1 254:0 / "+p+" rw - ext4 /dev/mapper/root rw")
		}
		return strings.Join(lines, "\n") + "\n"
	}
	const dm0 = "/sys/class/block/dm-0/"
	for name, v := range map[string]struct {
		change func(*box)
		want   []preflight.Crypt
	}{
		"root":      {func(*box) {}, []preflight.Crypt{root}},
		"usr":       {func(b *box) { b.set("/proc/self/mountinfo", mounts("/usr")) }, []preflight.Crypt{root}},
		"ostree":    {func(b *box) { b.set("/proc/self/mountinfo", mounts("/sysroot")) }, []preflight.Crypt{root}},
		"all three": {func(b *box) { b.set("/proc/self/mountinfo", mounts("/", "/usr", "/sysroot")) }, []preflight.Crypt{root}},
		"elsewhere": {func(b *box) { b.set("/proc/self/mountinfo", mounts("/var", "/usr/local", "/home")) }, nil},
		"LUKS1": {func(b *box) { b.set(dm0+"dm/uuid", "CRYPT-LUKS1-0123456789ABCDEF0123456789abcdef-root\n") },
			[]preflight.Crypt{root}},
		"plain":           {func(b *box) { b.set(dm0+"dm/uuid", "CRYPT-PLAIN-0123456789abcdef0123456789abcdef-root\n") }, []preflight.Crypt{{Name: "root", Device: "vda2"}}},
		"a short UUID":    {func(b *box) { b.set(dm0+"dm/uuid", "CRYPT-LUKS2-0123-root\n") }, []preflight.Crypt{{Name: "root", Device: "vda2"}}},
		"no name after":   {func(b *box) { b.set(dm0+"dm/uuid", "CRYPT-LUKS2-0123456789abcdef0123456789abcdef\n") }, []preflight.Crypt{{Name: "root", Device: "vda2"}}},
		"nothing below":   {func(b *box) { b.remove(dm0 + "slaves") }, []preflight.Crypt{{Name: "root", UUID: uuid}}},
		"another mapping": {func(b *box) { b.set(dm0+"dm/uuid", "LVM-CRYPT-LUKS2\n") }, nil},
		"one on another": {func(b *box) {
			b.set("/sys/class/block/vda2/dm/uuid", "CRYPT-LUKS2-ffffffffffffffffffffffffffffffff-lower\n", "/sys/class/block/vda2/dm/name", "lower\n")
		}, []preflight.Crypt{root, {Name: "lower", UUID: "ffffffff-ffff-ffff-ffff-ffffffffffff"}}},
		"by its number": {func(b *box) {
			b.set("/proc/self/mountinfo", "25 1 254:0 / / rw - ext4 /dev/root rw\n")
		}, []preflight.Crypt{root}},
		"no mounts": {func(b *box) { b.remove("/proc/self/mountinfo") }, nil},
	} {
		b := newBox()
		v.change(b)
		assert.Equal(t, v.want, preflight.BootCrypts(b.mount(t).Host), name)
	}
}

// TestCrypttab: whose line and whose options on the command line are meant.
func TestCrypttab(t *testing.T) {
	asked := []string{"info luks-passphrase"}
	const other = "11111111-89ab-cdef-0123-456789abcdef"
	cmdline := func(text string) func(*box) {
		return func(b *box) { b.remove("/etc/crypttab").plan.Cmdline += " " + text }
	}
	table := func(text string) func(*box) { return func(b *box) { b.set("/etc/crypttab", text) } }
	play(t, map[string]scene{
		"options of another":    {cmdline("rd.luks.options=" + other + "=tpm2-device=auto"), asked, ""},
		"luks.key":              {cmdline("luks.key=/key"), nil, ""},
		"cryptkey":              {cmdline("cryptkey=/dev/sda1:vfat:/key"), nil, ""},
		"options of nobody":     {cmdline("tpm2-device=auto options=tpm2-device=auto"), asked, ""},
		"an empty key":          {cmdline("rd.luks.key="), asked, ""},
		"no key":                {table("root /dev/vda2\n"), asked, ""},
		"a name alone":          {table("root\n"), asked, ""},
		"a comment":             {table("#root UUID=x /key\n# root UUID=x /key\n"), asked, ""},
		"the last line of two":  {table("root /dev/vda2 none\nroot /dev/vda2 /key\n"), nil, ""},
		"another's UUID":        {table("x UUID=" + other + " /key\n"), asked, ""},
		"by a path, with blank": {table("  root\t/dev/vda2\t/key\n"), nil, ""},
	})
}

// TestWhereToType: a terminal of a virtual console shows where no screen is.
func TestWhereToType(t *testing.T) {
	asked := func(consoles, status string) func(*box) {
		return func(b *box) {
			b.remove("/etc/crypttab").set("/sys/class/tty/console/active", consoles, "/sys/class/drm/card0-HDMI-A-1/status", status)
		}
	}
	known, unknown := []string{"info luks-passphrase"}, []string{"warning luks-passphrase"}
	play(t, map[string]scene{
		"hypervisor's":      {asked("tty0 hvc0\n", "disconnected"), known, "there is the console hvc0"},
		"serial, ARM":       {asked("ttyAMA0\n", "disconnected"), known, "there is the console ttyAMA0"},
		"virtual, numbered": {asked("tty1 tty63\n", "disconnected"), unknown, "no serial console and no connected screen was seen"},
		"virtual, a screen": {asked("tty1\n", "connected\n"), known, "there is the screen"},
		"a tty alone":       {asked("tty\n", "unknown"), unknown, ""},
	})
}

// TestSwapSpaces: which are looked at for an image, and where in them.
func TestSwapSpaces(t *testing.T) {
	image := strings.Repeat("\x00", 4086) + "S1SUSPEND\x00"
	blocked := []string{"error hibernation"}
	resume := func(text string) func(*box) {
		return func(b *box) { b.remove("/etc/fstab").set("/dev/vda3", image).plan.Running += " " + text }
	}
	play(t, map[string]scene{
		"an offset of 0":     {resume("resume=/dev/vda3 resume_offset=0"), blocked, "/dev/vda3 holds"},
		"an offset too far":  {resume("resume=/dev/vda3 resume_offset=1099511627777"), blocked, ""}, // taken for 0
		"an offset outside":  {resume("resume=/dev/vda3 resume_offset=1099511627776"), nil, ""},
		"no number":          {resume("resume=/dev/vda3 resume_offset=x"), blocked, ""},
		"no resume":          {resume("resume_offset=0"), nil, ""},
		"a PARTLABEL":        {func(b *box) { resume("resume=PARTLABEL=Swap")(b); b.set("/dev/disk/by-partlabel/Swap", image) }, blocked, "by-partlabel/Swap"},
		"a longer signature": {func(b *box) { b.set("/dev/disk/by-uuid/5a5a", strings.Repeat("\x00", 4086)+"S1SUSPENDX") }, nil, ""},
		"fstab, a path":      {func(b *box) { b.set("/etc/fstab", "/dev/vda3 none swap\n", "/dev/vda3", image) }, blocked, "/dev/vda3"},
		"fstab, two fields":  {func(b *box) { b.set("/etc/fstab", "/dev/vda3 swap\n", "/dev/vda3", image) }, nil, ""},
	})
}

// TestUnlockGetsTheFiles: an Unlock that finds nothing about a volume leaves it to a
// passphrase, and the volumes of both kinds are told apart.
func TestUnlockGetsTheFiles(t *testing.T) {
	for name, v := range map[string]struct {
		u    preflight.Unlocking
		want []string
	}{
		"nothing":       {preflight.Unlocking{}, nil},
		"bare":          {preflight.Unlocking{Bare: []string{"root"}}, []string{"info luks-passphrase"}},
		"another bare":  {preflight.Unlocking{Bare: []string{"data"}}, nil},
		"token and TPM": {preflight.Unlocking{Tokens: []string{"root"}, Bare: []string{"root"}}, nil},
	} {
		b := newBox().set("/etc/crypttab", "root /dev/vda2 none tpm2-device=auto\n")
		b.plan.Unlock = func(root fs.FS, open []preflight.Crypt) preflight.Unlocking {
			require.Len(t, open, 1)
			_, err := fs.ReadFile(root, "etc/crypttab")
			require.NoError(t, err)
			return v.u
		}
		assert.ElementsMatch(t, v.want, ids(b.run(t)), name)
	}
}
