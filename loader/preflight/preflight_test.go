package preflight_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

// A box is a machine and a plan that a test changes. Files are named by their
// absolute paths; "-> x" is a symbolic link to x.
type box struct {
	files map[string]string
	env   preflight.Env
	plan  preflight.Plan
}

const config = "CONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_SIG=y\nCONFIG_KEXEC_BZIMAGE_VERIFY_SIG=y\n"

// newBox is a machine with nothing to find: amd64, EFI, systemd, root, an
// encrypted disk that a key file opens.
func newBox() *box {
	return &box{
		files: map[string]string{
			"/proc/1/comm":                                "systemd\n",
			"/proc/1/environ":                             "HOME=/\x00",
			"/proc/cpuinfo":                               "processor\t: 0\nmodel name\t: AMD EPYC 7B12\nflags\t\t: fpu sse2\n\nprocessor\t: 1\n",
			"/proc/keys":                                  keysFile("Distribution CA: aabbccddeeff00112233445566778899aabbccdd"),
			"/proc/meminfo":                               "MemTotal:       2097152 kB\nMemAvailable:   1048576 kB\nSwapFree:             0 kB\n",
			"/proc/self/mountinfo":                        mountinfo,
			"/proc/self/status":                           "Name:\tx\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n",
			"/proc/self/uid_map":                          "         0          0 4294967295\n",
			"/proc/sys/kernel/kexec_load_disabled":        "0\n",
			"/proc/sys/kernel/kexec_load_limit_reboot":    "-1\n",
			"/proc/sys/kernel/osrelease":                  "6.1.0\n",
			"/sys/block/dm-0/dm/name":                     "root\n",
			"/sys/class/block/dm-0/dm/name":               "root\n",
			"/sys/class/block/dm-0/dm/uuid":               "CRYPT-LUKS2-0123456789abcdef0123456789abcdef-root\n",
			"/sys/class/block/dm-0/slaves/vda2/partition": "2\n",
			"/sys/class/dmi/id/sys_vendor":                "Dell Inc.\n",
			"/sys/class/dmi/id/product_name":              "PowerEdge R640\n",
			"/sys/class/drm/card0-HDMI-A-1/status":        "connected\n",
			"/sys/class/drm/card0/device/driver":          "-> ../../bus/pci/drivers/i915",
			"/sys/class/tty/console/active":               "tty0\n",
			"/sys/class/watchdog/watchdog0/nowayout":      "0\n",
			"/sys/class/watchdog/watchdog0/state":         "active\n",
			"/sys/class/watchdog/watchdog0/timeout":       "30\n",
			"/sys/dev/block/254:0":                        "-> ../../devices/virtual/block/dm-0",
			"/sys/firmware/efi/config_table":              "",
			"/sys/kernel/kexec_crash_size":                "0\n",
			"/sys/kernel/kexec_loaded":                    "0\n",
			"/sys/kernel/security/lockdown":               "[none] integrity confidentiality\n",
			"/efi/LoaderInfo-" + loader:                   "\x06\x00\x00\x00s\x00",
			"/boot/config-6.1.0":                          config,
			"/dev/vda2":                                   luks(`{"tokens":{}}`),
			"/dev/disk/by-uuid/5a5a":                      strings.Repeat("\x00", 4086) + "SWAPSPACE2",
			"/etc/crypttab":                               "# name device key options\nroot UUID=01234567-89ab-cdef-0123-456789abcdef /key luks\n",
			"/etc/fstab":                                  "UUID=5A5A none swap sw 0 0\n",
			"/usr/lib/modules/6.1.0/modules.dep":          "",
			"/usr/lib/modules/6.12.1/modules.dep":         "",
			"/run/systemd/system/x":                       "",
		},
		env: preflight.Env{Host: host.Machine{GOARCH: "amd64"}},
		plan: preflight.Plan{
			Entry: "arch.conf", Cmdline: "root=/dev/mapper/root quiet", Running: "root=/dev/mapper/root",
			Kernel: preflight.Kernel{
				Name: "/efi/vmlinuz", Release: "6.12.1", Format: "bzImage", Size: 12 << 20,
				Signature: preflight.Signature{Known: true},
			},
			Memory: 152 << 20, InitrdNames: []string{"/efi/initrd-6.12.1.img"},
			Boot: []string{"/efi"},
		},
	}
}

const (
	loader    = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
	global    = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
	mountinfo = "22 1 0:21 / /proc rw - proc proc rw\n25 1 254:0 / / rw,relatime shared:1 - ext4 /dev/mapper/root rw\n30 25 8:1 / /home rw - ext4 /dev/sda1 rw\n"
)

// keysFile is /proc/keys with one certificate.
func keysFile(description string) string {
	return "0b2f07b4 I--Q---   2 perm 3f030000     0     0 keyring   _ses: 1\n" +
		"10e3c3a1 I------   1 perm 1f030000     0     0 asymmetri " + description + ": X509.rsa 445566 []\n"
}

// luks is the begin of a device with a LUKS2 header.
func luks(json string) string {
	head := "LUKS\xba\xbe\x00\x02" + "\x00\x00\x00\x00\x00\x00\x40\x00"
	return pad(pad(head, 4096)+json, 16384)
}

func pad(s string, n int) string { return s + strings.Repeat("\x00", n-len(s)) }

// set changes files; "" removes one.
func (b *box) set(pairs ...string) *box {
	for i := 0; i < len(pairs); i += 2 {
		b.files[pairs[i]] = pairs[i+1]
	}
	return b
}

func (b *box) remove(names ...string) *box {
	for _, name := range names {
		maps.DeleteFunc(b.files, func(path, _ string) bool { return path == name || strings.HasPrefix(path, name+"/") })
	}
	return b
}

// mount lays the files out as a machine: EFI variables in a directory, the rest
// in memory.
func (b *box) mount(t testing.TB) preflight.Env {
	t.Helper()
	env, root := b.env, fstest.MapFS{}
	env.Vars.Dir = filepath.Join(t.TempDir(), "efivars")
	for name, text := range b.files {
		if variable, ok := strings.CutPrefix(name, "/efi/"); ok && !strings.Contains(variable, "/") {
			require.NoError(t, os.MkdirAll(env.Vars.Dir, 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(env.Vars.Dir, variable), []byte(text), 0o600))
			continue
		}
		file := &fstest.MapFile{Data: []byte(text), Mode: 0o444}
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			file = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
		}
		root[name[1:]] = file
	}
	env.Host.FS = root
	return env
}

func (b *box) run(t testing.TB) []preflight.Finding {
	t.Helper()
	return preflight.Run(b.mount(t), b.plan)
}

// ids lists findings as "severity id".
func ids(findings []preflight.Finding) []string {
	list := []string{}
	for _, f := range findings {
		list = append(list, string(f.Severity)+" "+string(f.ID))
	}
	return list
}

// A scene is a change of the box, and what is found then: all of it.
type scene struct {
	change func(*box)
	want   []string // "severity id"
	says   string   // part of the first finding
}

func play(t *testing.T, scenes map[string]scene) {
	for name, s := range scenes {
		t.Run(name, func(t *testing.T) {
			b := newBox()
			s.change(b)
			env := b.mount(t)
			found := preflight.Run(env, b.plan)
			if s.want == nil {
				s.want = []string{}
			}
			require.Equal(t, s.want, ids(found), "%v", found)
			if s.says != "" {
				assert.Contains(t, found[0].String(), s.says)
			}
			for _, f := range found {
				assert.True(t, isTopic(f.ID), f.ID)
				assert.NotEmpty(t, f.Text)
				assert.NotEmpty(t, f.Hint)
				assert.NotContains(t, f.String(), "\n")
				assert.False(t, strings.HasSuffix(f.Hint, "."), f.Hint)
			}
			for range 5 {
				assert.Equal(t, found, preflight.Run(env, b.plan), "the same every time")
			}
		})
	}
}

// TestNothing holds that a healthy machine, and one of which nothing is known,
// give no findings. Every other test departs from the first.
func TestNothing(t *testing.T) {
	assert.Empty(t, newBox().run(t))
	assert.Empty(t, preflight.Run(preflight.Env{}, preflight.Plan{}))
	play(t, map[string]scene{"healthy": {func(*box) {}, nil, ""}})
}

func TestUnseen(t *testing.T) {
	b := newBox()
	b.env.Host.UID = 1000
	b.set("/proc/self/status", "CapEff:\t0000000000000000\n")
	b.plan.Unlock = func(root fs.FS, _ []preflight.Crypt) preflight.Unlocking {
		_, err := root.Open("dev/vda2")
		assert.ErrorIs(t, err, fs.ErrPermission)
		return preflight.Unlocking{}
	}
	env := b.mount(t)
	env.Host.FS = hidden{env.Host.FS, []string{"proc/1/environ", "dev/vda2", "dev/disk/by-uuid/5a5a"}}
	found := preflight.Run(env, b.plan)
	require.Equal(t, []string{"error capability", "info unseen"}, ids(found))
	assert.Equal(t, "could not be seen: /dev/disk/by-uuid/5a5a, /dev/vda2, /proc/1/environ", found[1].Text)
	assert.Equal(t, "run it as root to know", found[1].Hint)
}

// hidden is a file system that does not let some files be opened.
type hidden struct {
	fs.FS
	names []string
}

// Open refuses the hidden files.
func (h hidden) Open(name string) (fs.File, error) {
	if slices.Contains(h.names, name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return h.FS.Open(name)
}

// Stat sees them all the same.
func (h hidden) Stat(name string) (fs.FileInfo, error) { return fs.Stat(h.FS, name) }

// ReadLink and Lstat are passed on.
func (h hidden) ReadLink(name string) (string, error) { return fs.ReadLink(h.FS, name) }

// Lstat is passed on.
func (h hidden) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(h.FS, name) }

// stuck is a file system that does not answer about some files until released.
type stuck struct {
	fs.FS
	prefix  string
	release chan struct{}
}

// Open hangs on the files.
func (s stuck) Open(name string) (fs.File, error) {
	if strings.HasPrefix(name, s.prefix) {
		<-s.release
	}
	return s.FS.Open(name)
}

func TestHung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox()
		b.set("/proc/sys/kernel/kexec_load_disabled", "1")
		env := b.mount(t)
		release := make(chan struct{})
		defer close(release)
		env.Host.FS, env.Timeout = stuck{env.Host.FS, "etc/fstab", release}, time.Minute
		start := time.Now()
		found := preflight.Run(env, b.plan)
		assert.Equal(t, time.Minute, time.Since(start))
		assert.Equal(t, []string{"error kexec-disabled", "warning check-hung"}, ids(found), "the others are not lost")
		assert.Equal(t, "no answer in time about: hibernation", found[1].Text)
	})
}

func TestErrorsAndSort(t *testing.T) {
	f := func(id preflight.ID, s preflight.Severity) preflight.Finding {
		return preflight.Finding{ID: id, Severity: s, Text: "w", Hint: "m"}
	}
	all := []preflight.Finding{f("d", preflight.Info), f("a", preflight.Error), f("c", preflight.Warning), f("b", preflight.Error)}
	preflight.Sort(all)
	assert.Equal(t, []string{"error a", "error b", "warning c", "info d"}, ids(all))
	assert.Equal(t, all[:2], preflight.Errors(all))
	assert.Equal(t, all[1:2], preflight.Errors(all, "a", "c"))
	assert.Empty(t, preflight.Errors(all, "a", "b"))
	assert.Empty(t, preflight.Errors(all, "all"))
	assert.Empty(t, preflight.Errors(nil))
	assert.Equal(t, "w; m [a]", fmt.Sprint(all[0]))
}

// TestTopics holds the table that the manual and completion are made of.
func TestTopics(t *testing.T) {
	topics := preflight.Topics()
	assert.True(t, slices.IsSortedFunc(topics, func(a, b preflight.Topic) int { return strings.Compare(string(a.ID), string(b.ID)) }))
	for _, topic := range topics {
		assert.NotEmpty(t, topic.About)
		assert.False(t, strings.HasSuffix(topic.About, "."), topic.About)
	}
}

// isTopic reports whether an ID is in the table.
func isTopic(id preflight.ID) bool {
	return slices.ContainsFunc(preflight.Topics(), func(topic preflight.Topic) bool { return topic.ID == id })
}

// TestHostile lays out nonsense wherever something is read: nothing may break.
func TestHostile(t *testing.T) {
	for _, junk := range []string{"", "\x00", "\xff\xff\xff\xff", strings.Repeat("A", 1<<16), "a=b: - \n - - -\n", "-9223372036854775808 kB", "LUKS\xba\xbe\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff"} {
		b := newBox()
		for name := range b.files {
			if !strings.HasPrefix(b.files[name], "-> ") {
				b.files[name] = junk
			}
		}
		for _, f := range b.run(t) {
			assert.NotEmpty(t, f.ID)
		}
	}
}

// TestLinks holds that links which lead nowhere or outside are nothing, and that
// disks which lie on each other are walked once.
func TestLinks(t *testing.T) {
	b := newBox()
	b.set("/sys/class/drm/card0/device/driver", "-> /", "/dev/vda2", "-> ../../../../etc/shadow", "/etc/crypttab", "-> nothing",
		"/sys/class/block/vda2/slaves/dm-0/x", "", "/sys/class/block/dm-0/slaves/dm-0/x", "")
	assert.Equal(t, []string{"info luks-passphrase"}, ids(b.run(t)))
}
