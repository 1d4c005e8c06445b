//go:build e2e

package main

import (
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// trySetup has a watchdog, and entries of systems that fail in every stage of a
// boot, beside two, the default, and other, which comes up.
func trySetup(t *testing.T, watchdog string) setup {
	t.Helper()
	s := setup{root: map[string][]byte{}}
	kernel := vm.FindDebian(t, vm.Trixie).Kernel
	switch watchdog {
	case "i6300esb":
		s.devices = []string{watchdog}
	case "iTCO_wdt": // every machine here has one, and the cloud's kernel no driver
		s.kernel = vm.FullKernel
		kernel = vm.FindKernel(t, s.kernel)
		maps.Copy(s.root, modulesOf(t, kernel, "lpc_ich", watchdog, "efi_pstore"))
		s.root["etc/modprobe.d/vm.conf"] = nil // which denies them to udev
	}
	records := []cpio.Record{
		script("hang", "while :; do busybox sleep 1000; done"),
		script("late", "busybox mount -t devtmpfs devtmpfs /dev; for m in /modules/*.ko; do busybox insmod $m; done; busybox mount -o ro /dev/vda2 /sysroot; while :; do busybox sleep 1000; done"),
		script("panic", "busybox mount -t devtmpfs devtmpfs /dev; for m in /try/*.ko; do busybox insmod $m; done; echo about to panic >/dev/kmsg; exit 1"),
	}
	for _, r := range kernel.ModuleFiles(t, "efi_pstore") {
		r.Name = strings.Replace(r.Name, "modules/", "try/", 1)
		records = append(records, r)
	}
	s.boot = map[string][]byte{"debian/try.img": vm.Archive(t, records...)}
	for name, options := range map[string]string{
		"hang": "rdinit=/hang", "late": "rdinit=/late", "panic": "rdinit=/panic", "emergency": "systemd.unit=emergency.target", "sick": "",
	} {
		s.boot["loader/entries/"+name+".conf"] = []byte("title " + name + "\nlinux /debian/linux\ninitrd /debian/initrd.img\ninitrd /debian/try.img\noptions " +
			s.options("panic=0 entry="+name+" "+options) + "\n") // not as vm.Cmdline has it
	}
	s.root["etc/systemd/system/sick.service"] = []byte("[Unit]\nConditionKernelCommandLine=entry=sick\n[Service]\nType=oneshot\nExecStart=/bin/sh -c 'sleep 20; false'\n")
	s.root["etc/systemd/system/boot-complete.target.d/sick.conf"] = []byte("[Unit]\nRequires=sick.service\nAfter=sick.service\n")
	return s
}

// modulesOf are modules of a kernel and what they depend on, for depmod to find.
func modulesOf(t *testing.T, k vm.Kernel, modules ...string) map[string][]byte {
	t.Helper()
	dir := "usr/lib/modules/" + k.Version + "/"
	files := map[string][]byte{}
	for _, name := range []string{"modules.builtin", "modules.builtin.modinfo", "modules.order"} {
		content, err := os.ReadFile(filepath.Join(k.Modules, name))
		require.NoError(t, err)
		files[dir+name] = content
	}
	for _, r := range k.ModuleFiles(t, modules...) {
		content, err := io.ReadAll(io.NewSectionReader(r, 0, int64(r.FileSize)))
		require.NoError(t, err)
		_, name, _ := strings.Cut(r.Name, "-")
		files[dir+name] = content
	}
	return files
}

func script(name, text string) cpio.Record {
	return cpio.StaticFile(name, "#!/bin/busybox sh\n"+text+"\n", 0o755)
}

// trialOf waits until the last trial is settled and returns it.
func trialOf(t *testing.T, g *vm.Guest) *report.Trial {
	t.Helper()
	g.MustRun(`for i in $(seq 120); do kexec-bls status --json=short | grep -q '"settled":true' && exit; sleep 1; done; journalctl -b -u kexec-bls-try >&2; exit 1`)
	var s report.Status
	require.NoError(t, json.Unmarshal([]byte(g.Run("kexec-bls status --json=short").Stdout), &s))
	require.NotNil(t, s.Trial)
	return s.Trial
}

// variables are all of the boot loader's that an operating system sets, in hex.
func variables(g *vm.Guest) string {
	return g.MustRun("cd /sys/firmware/efi/efivars; for f in LoaderEntryOneShot-* LoaderEntryDefault-* LoaderEntryPreferred-*; do [ ! -e $f ] || { echo $f; od -An -tx1 $f; }; done")
}

// TestE2ETry: every way to fail leads back to the old entry, and status names it.
func TestE2ETry(t *testing.T) {
	for _, watchdog := range []string{"i6300esb", "iTCO_wdt"} {
		t.Run(watchdog, func(t *testing.T) { tryFailures(t, watchdog) })
	}
}

func tryFailures(t *testing.T, watchdog string) {
	t.Helper()
	g := trySetup(t, watchdog).start(t)
	require.Equal(t, "two", running(g))
	if watchdog == "iTCO_wdt" { // the machine's runs before it has a driver, which cannot be unloaded then
		g.MustRun("depmod && modprobe lpc_ich && modprobe iTCO_wdt")
		refused := g.Run("kexec-bls reboot --try hang")
		assert.Equal(t, exitBlocked, refused.Code, refused.Stderr)
		fix := regexp.MustCompile(`echo 'options.*\.conf`).FindString(refused.Stderr)
		require.NotEmpty(t, fix, refused.Stderr)
		g.MustRun(fix)
		g.Reboot("systemctl reboot")
	}
	require.Equal(t, watchdog, g.MustRun("basename $(readlink /sys/class/watchdog/watchdog0/device/driver)"))
	g.MustRun("bootctl set-default 'two*' && bootctl set-oneshot other.conf")
	before := variables(g)
	for _, v := range []struct{ entry, limit, outcome, words string }{
		{"hang", "40s", "hung", ""},
		{"panic", "60s", "panicked", "about to panic"},
		{"late", "40s", "hung", ""},
		{"sick", "3min", "unhealthy", ""},
		{"emergency", "90s", "unhealthy|hung", ""},
	} {
		if only := os.Getenv("TRY_ONLY"); only != "" && !strings.Contains(only, v.entry) {
			continue
		}
		shown := g.Run("kexec-bls reboot --dry-run --try=" + v.limit + " " + v.entry)
		require.Zero(t, shown.Code, "%s%s", shown.Stdout, shown.Stderr)
		t.Log(shown.Stdout, shown.Stderr)
		g.Reboot("kexec-bls reboot --try=" + v.limit + " " + v.entry)
		if v.entry == "sick" { // it comes up, and then is not healthy
			assert.True(t, kexeced(g))
			g.WaitBoot()
		}
		assert.False(t, kexeced(g), v.entry)
		assert.Equal(t, "two", running(g), v.entry)
		r := trialOf(t, g)
		text, err := json.Marshal(r)
		require.NoError(t, err)
		t.Log(string(text))
		// Emergency mode reboots by itself, unless that takes longer than the watchdog waits.
		assert.Regexp(t, "^("+v.outcome+")$", r.Outcome, v.entry)
		assert.Contains(t, string(r.LastWords), v.words)
		assert.Equal(t, before, variables(g), v.entry)
		assert.Contains(t, g.MustRun("journalctl -b -o cat -t kexec-bls"), "trial of "+v.entry+".conf "+r.Outcome)
	}
}

// TestE2ETryPowerCut resets the machine at moments of a trial that would succeed:
// it always comes back by itself, and no variable is left.
func TestE2ETryPowerCut(t *testing.T) {
	g := trySetup(t, "i6300esb").start(t)
	before := variables(g)
	cuts := 20
	if n, err := strconv.Atoi(os.Getenv("TRY_CUTS")); err == nil {
		cuts = n
	}
	for i := range cuts {
		after := time.Duration(i)*6*time.Second + time.Duration(rand.IntN(6000))*time.Millisecond
		g.Cut("kexec-bls reboot --try=4min other", after)
		if g.Run("kexec-bls status --json=short | grep -q '\"trial\"'").Code == 0 {
			t.Log(after, trialOf(t, g).Outcome)
		} else {
			t.Log(after, "not begun")
		}
		assert.Equal(t, before, variables(g), after)
		assert.Equal(t, "two", running(g), after)
	}
}

// TestE2ETryGood: a good entry comes up, nothing resets it later, and the default
// moves only where that is asked for.
func TestE2ETryGood(t *testing.T) {
	g := trySetup(t, "i6300esb").start(t)
	before := variables(g)
	for _, promote := range []bool{false, true} {
		command := "kexec-bls reboot --try=3min other"
		if promote {
			command += " --promote"
		}
		g.Reboot(command)
		assert.True(t, kexeced(g))
		assert.Equal(t, "other", running(g))
		r := trialOf(t, g)
		assert.Equal(t, "succeeded", r.Outcome, r.Reason)
		t.Log(r.Outcome, r.Took, promote)
		if !promote {
			assert.Equal(t, before, variables(g))
			boot := g.BootID
			g.MustRun("cat /sys/class/watchdog/watchdog0/state; sleep 200")
			assert.Equal(t, boot, g.BootID)
			assert.Equal(t, "inactive", g.MustRun("cat /sys/class/watchdog/watchdog0/state"))
			assert.NotContains(t, g.MustRun("kexec-bls show --reuse-cmdline other | grep cmdline"), "kexec_bls.try", "never inherited")
			g.Reboot("kexec-bls reboot --firmware")
			assert.Equal(t, "two", running(g))
		} else {
			assert.Equal(t, "other.conf", efiText(g, "LoaderEntryDefault"))
			g.Reboot("kexec-bls reboot --firmware")
			assert.Equal(t, "other", running(g))
		}
	}
}

// TestE2ETryWithoutWatchdog: without one a trial needs the user's consent, and then
// a panic leads back. Without a trial it does not.
func TestE2ETryWithoutWatchdog(t *testing.T) {
	s := trySetup(t, "")
	g := s.start(t)
	before := variables(g)
	refused := g.Run("kexec-bls reboot --try=60s panic")
	assert.Equal(t, exitBlocked, refused.Code)
	assert.Contains(t, refused.Stderr, "--try-without-watchdog")
	assert.Equal(t, "0", g.MustRun("cat /sys/kernel/kexec_loaded"))
	assert.Equal(t, before, variables(g))

	shown := g.Run("kexec-bls reboot --dry-run --try=60s --try-without-watchdog panic")
	assert.Contains(t, shown.Stdout+shown.Stderr, "hang", "what is not covered")
	g.Reboot("kexec-bls reboot --try=60s --try-without-watchdog panic")
	assert.Equal(t, "two", running(g))
	assert.Equal(t, "panicked", trialOf(t, g).Outcome)
	assert.Equal(t, before, variables(g))

	boots := bootsInJournal(t, g)
	g.Cut("kexec-bls reboot panic", 3*time.Minute)
	assert.Equal(t, boots+1, bootsInJournal(t, g), "it remained where it was until the reset")
	assert.Contains(t, g.Console()[strings.LastIndex(g.Console(), "about to panic"):], "end Kernel panic")
}

func bootsInJournal(t *testing.T, g *vm.Guest) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(g.MustRun("journalctl --list-boots -q | wc -l")))
	require.NoError(t, err)
	return n
}
