package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kexec-bls/kexec-bls/entries"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
)

// A hooked is a fake machine after an upgrade: kernel 6.1.0 runs, the ESP has
// 6.12.1.
type hooked struct {
	*fake
	esp string
}

func newHooked(t *testing.T, policy string) hooked {
	f, esp := newFake(t, archFiles())
	h := hooked{f, esp}
	require.NoError(t, os.MkdirAll(f.dir+"/proc/1", 0o755))
	require.NoError(t, os.Symlink("/", f.dir+"/proc/1/root"))
	write(t, f.dir, map[string]string{
		"etc/kexec-bls.toml":      "[hook]\npolicy = \"" + policy + "\"\n",
		"boot/config-6.1.0":       "CONFIG_KEXEC_FILE=y\n",
		"sys/kernel/kexec_loaded": "0\n",
	})
	return h
}

// hook runs a hook, without the process around it, and returns what it says. It
// must end well.
func (h hooked) hook(t *testing.T, args ...string) string {
	t.Helper()
	args = append([]string{"hook", args[0], "--within", "--esp-path=" + h.esp, "--"}, args[1:]...)
	got := h.run(args...)
	assert.Equal(t, exitDone, got.code, "a hook never fails")
	assert.Empty(t, got.stdout)
	return got.stderr
}

// run6121 lets the running system be the one that boots next.
func (h hooked) run6121(t *testing.T) {
	write(t, filepath.Join(h.dir, "proc"), map[string]string{"sys/kernel/osrelease": "6.12.1\n", "cmdline": "root=/dev/vda2 rw quiet\n"})
}

const arrow = "kexec-bls: reboot required: kernel 6.1.0 -> 6.12.1 (arch.conf); run \"kexec-bls reboot\" to skip firmware\n"

func TestHookNotifies(t *testing.T) {
	h := newHooked(t, "notify")
	assert.Equal(t, arrow, h.hook(t, "pacman"))
	assert.Equal(t, arrow, h.hook(t, "kernel-install", "add", "6.12.1", "/boot/x", "/boot/vmlinuz"))
	assert.Equal(t, arrow, h.hook(t, "kernel-install", "remove", "6.12.1"))
	assert.Equal(t, arrow, h.hook(t, "debian", "6.12.1", "/boot/vmlinuz-6.12.1"))
	assert.Empty(t, h.hook(t, "kernel-install", "inspect"))
	assert.Empty(t, h.hook(t, "kernel-install"))

	h.run6121(t)
	assert.Empty(t, h.hook(t, "pacman"), "the next boot is as this one")
	write(t, filepath.Join(h.dir, "proc"), map[string]string{"cmdline": "root=/dev/vda2 rw\n"})
	assert.Contains(t, h.hook(t, "pacman"), "reboot required: the next boot changes the kernel command line (arch.conf); ")
	write(t, h.esp, map[string]string{"vmlinuz": string(fixtures.BzImage{Version: "6.12.1 (me) #2 SMP"}.Bytes())})
	write(t, filepath.Join(h.dir, "proc"), map[string]string{"sys/kernel/version": "#1 SMP\n"})
	assert.Contains(t, h.hook(t, "pacman"), "reboot required: another build of kernel 6.12.1 (arch.conf); ")
	assert.Empty(t, h.acts, "nothing is done to the machine")
}

func TestHookOff(t *testing.T) {
	h := newHooked(t, "off")
	assert.Empty(t, h.hook(t, "pacman"))
	assert.Empty(t, h.acts)
}

// TestHookElsewhere: a chroot and a container are not what boots next, even
// where everything can be seen from them.
func TestHookElsewhere(t *testing.T) {
	for name, spoil := range map[string]func(h hooked) error{
		"no /proc": func(h hooked) error { return os.Remove(filepath.Join(h.dir, "proc") + "/1/root") },
		"a chroot": func(h hooked) error {
			return errors.Join(os.Remove(h.dir+"/proc/1/root"), os.Symlink("/usr", h.dir+"/proc/1/root"))
		},
		"PIDs of its own": func(h hooked) error {
			return errors.Join(os.MkdirAll(h.dir+"/proc/self/ns", 0o755), os.Symlink("pid:[4026532000]", h.dir+"/proc/self/ns/pid"))
		},
	} {
		h := newHooked(t, "load")
		write(t, h.dir, map[string]string{"etc/kexec-bls.toml": "broken"})
		require.NoError(t, spoil(h))
		assert.Empty(t, h.hook(t, "pacman"), name)
		assert.Empty(t, h.acts, name)
	}
	h := newHooked(t, "notify")
	require.NoError(t, os.MkdirAll(h.dir+"/proc/self/ns", 0o755))
	require.NoError(t, os.Symlink("pid:[4026531836]", h.dir+"/proc/self/ns/pid"))
	assert.Equal(t, arrow, h.hook(t, "pacman"))
}

func TestHookWithBrokenConfiguration(t *testing.T) {
	h := newHooked(t, "load")
	write(t, h.dir, map[string]string{"etc/kexec-bls.toml": "[hook]\npolicy = 7\n"})
	assert.Equal(t, "kexec-bls: warning: "+h.paths.File+": hook.policy: must be a string\n"+arrow,
		h.hook(t, "pacman"))
	assert.Empty(t, h.acts, "not loaded by what may be meant")
}

// TestHookCannotTell: a hook says what is wrong with the boot partition, and
// that alone.
func TestHookCannotTell(t *testing.T) {
	for name, v := range map[string]struct {
		spoil func(h hooked) error
		want  string // "": nothing
	}{
		"no kernel":  {func(h hooked) error { return os.Remove(h.esp + "/vmlinuz") }, "cannot determine what boots next: none of 2 entries can be booted; kexec-bls list shows why"},
		"no entries": {func(h hooked) error { return os.RemoveAll(h.esp + "/loader") }, "cannot determine what boots next: the boot partitions have no entries"},
		"no partition": {func(h hooked) error {
			h.openSystem = func(context.Context, entries.Options) (*entries.System, error) { return nil, esp.ErrNotFound }
			return nil
		}, "cannot determine what boots next: no boot partition found"},
		"no kernel image": {func(h hooked) error { return os.WriteFile(h.esp+"/vmlinuz", []byte("junk"), 0o600) }, "cannot determine what boots next: arch.conf: ESP/vmlinuz: "},
		"Windows": {func(h hooked) error {
			return os.WriteFile(h.esp+"/loader/entries/arch.conf", []byte("title Windows\nefi /app.efi\n"), 0o600)
		}, ""},
		"a kernel of no version": {func(h hooked) error { return os.WriteFile(h.esp+"/vmlinuz", fixtures.BzImage{}.Bytes(), 0o600) }, ""},
	} {
		for _, policy := range []string{"notify", "load"} {
			h := newHooked(t, policy)
			require.NoError(t, v.spoil(h))
			said := h.hook(t, "pacman")
			if v.want == "" {
				assert.Empty(t, said, name)
			} else {
				assert.Contains(t, said, "kexec-bls: warning: "+strings.ReplaceAll(v.want, "ESP", h.esp), name)
				assert.Equal(t, 1, strings.Count(said, "\n"), said)
			}
			assert.Empty(t, h.acts, name)
		}
	}
}

func TestHookUnmounted(t *testing.T) {
	h := newHooked(t, "load")
	h.placeAt(func(v *esp.Volume) { v.Dir = "/dev/vda1:" })
	said := h.hook(t, "pacman")
	assert.Contains(t, said, "warning: /dev/vda1 is not mounted")
	assert.Contains(t, said, arrow)
	assert.Empty(t, h.acts, "what is there may be half an upgrade")
}

const staged = "kexec-bls: arch.conf (kernel 6.12.1) is loaded%: systemctl kexec starts it, from systemd 256 on systemctl reboot too; kexec-bls unload drops it\n"

func TestHookLoads(t *testing.T) {
	h := newHooked(t, "load")
	assert.Equal(t, strings.ReplaceAll(staged, "%", ""), h.hook(t, "pacman"))
	assert.Equal(t, "root=/dev/vda2 rw quiet", h.cmdline)
	assert.Empty(t, h.hook(t, "pacman"), "it is loaded and fresh")
	assert.Equal(t, []string{"load"}, h.acts)

	write(t, h.esp, map[string]string{"b.img": archive("another")})
	assert.Equal(t, strings.ReplaceAll(staged, "%", " again, as "+h.esp+"/b.img has 264 bytes, had 248"), h.hook(t, "pacman"))
	assert.Contains(t, h.initrd, "another")
	assert.Equal(t, []string{"load", "load"}, h.acts)

	write(t, h.esp, map[string]string{"loader/entries/arch.conf": archConf + "options more\n"})
	assert.Contains(t, h.hook(t, "pacman"), "is loaded again, as "+h.esp+"/loader/entries/arch.conf has ")
	assert.Equal(t, "root=/dev/vda2 rw quiet more", h.cmdline)

	// Without systemd nothing but our own verb jumps.
	h = newHooked(t, "load")
	h.runInit(t, host.OpenRC)
	assert.Contains(t, h.hook(t, "pacman"), "kexec-bls reboot --loaded starts it")

	h = newHooked(t, "load")
	h.run6121(t)
	assert.Empty(t, h.hook(t, "pacman"))
	assert.Empty(t, h.acts, "nothing new to load")
}

func TestHookRespectsSkipAutoKexec(t *testing.T) {
	for value, loads := range map[string]bool{"1": false, "yes": false, "True": false, "0": true, "": true, "junk": true} {
		h := newHooked(t, "load")
		h.getenv = func(name string) string {
			return map[string]string{"SYSTEMCTL_SKIP_AUTO_KEXEC": value}[name]
		}
		said := h.hook(t, "pacman")
		assert.Equal(t, loads, len(h.acts) > 0, value)
		assert.Equal(t, !loads, said == arrow, "%s: %s", value, said)
	}
}

// TestHookLeavesWhatOthersLoaded: an image of kexec-tools, or one loaded manually.
func TestHookLeavesWhatOthersLoaded(t *testing.T) {
	h := newHooked(t, "load")
	h.isThere = true
	assert.Equal(t, arrow, h.hook(t, "pacman"))
	assert.Empty(t, h.acts)

	h = newHooked(t, "load")
	require.Equal(t, exitDone, h.run("load", "--linux="+h.esp+"/vmlinuz", "--initrd="+h.esp+"/b.img").code)
	write(t, h.esp, map[string]string{"b.img": archive("another")})
	assert.Contains(t, h.hook(t, "pacman"), "-> 6.12.1 (arch.conf), and what is loaded is stale ("+h.esp+"/b.img has ")
	assert.Equal(t, []string{"load"}, h.acts)
}

// TestHookReloadsTheNamedEntry: who has loaded another entry than the default
// gets that one again.
func TestHookReloadsTheNamedEntry(t *testing.T) {
	for _, policy := range []string{"load", "notify"} {
		h := newHooked(t, policy)
		require.Equal(t, exitDone, h.run("load", "other", "--append=mine", "--esp-path="+h.esp).code)
		write(t, h.esp, map[string]string{"b.img": archive("another")})
		said := h.hook(t, "pacman")
		if policy == "load" {
			assert.Contains(t, said, "other.conf (kernel 6.12.1) is loaded again, as ")
			assert.Equal(t, archive("another"), h.initrd)
			assert.Equal(t, "other mine", h.cmdline)
		} else {
			assert.Contains(t, said, "what is loaded is stale ("+h.esp+"/b.img has 264 bytes, had 248); run \"kexec-bls reboot\" to load and boot the new one")
			assert.Equal(t, []string{"load"}, h.acts)
		}
		assert.Equal(t, 1, strings.Count(said, "\n"), said)
	}
}

func TestHookSaysThatWhatIsLoadedIsStale(t *testing.T) {
	h := newHooked(t, "notify")
	require.Equal(t, exitDone, h.run("load", "--esp-path="+h.esp).code)
	h.run6121(t)
	write(t, h.esp, map[string]string{"a.img": archive("another")})
	assert.Contains(t, h.hook(t, "pacman"), "what is loaded is stale ("+h.esp+"/a.img has ")
}

// TestHookCannotLoad: the reason is told, what is stale does not stay.
func TestHookCannotLoad(t *testing.T) {
	refused := &kexec.LoadError{Errno: unix.EPERM, Call: "kexec_file_load"}
	h := newHooked(t, "load")
	h.fail["load"] = refused
	said := h.hook(t, "pacman")
	assert.Contains(t, said, "warning: not loaded: arch.conf: ")
	assert.Contains(t, said, "lockdown")
	assert.Contains(t, said, arrow)
	assert.False(t, h.isThere)

	h = newHooked(t, "load")
	h.hook(t, "pacman")
	require.True(t, h.isThere)
	h.fail["load"] = refused
	write(t, h.esp, map[string]string{"b.img": archive("another")})
	said = h.hook(t, "pacman")
	assert.Contains(t, said, "; what was loaded is stale and was unloaded\n")
	assert.False(t, h.isThere)

	h = newHooked(t, "load")
	h.hook(t, "pacman")
	require.NoError(t, os.Remove(h.esp+"/vmlinuz"))
	assert.Equal(t, "kexec-bls: warning: cannot determine what boots next: none of 2 entries can be booted; kexec-bls list shows why\n"+
		"kexec-bls: warning: what was loaded is stale and was unloaded\n", h.hook(t, "pacman"))
	assert.False(t, h.isThere)

	h = newHooked(t, "load")
	write(t, h.dir, map[string]string{"proc/sys/kernel/kexec_load_disabled": "1\n"})
	assert.Contains(t, h.hook(t, "pacman"), "kexec-bls check shows more")
	assert.Empty(t, h.acts, "check finds a blocker")
}
