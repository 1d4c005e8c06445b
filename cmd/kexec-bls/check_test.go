package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

var update = flag.Bool("update", false, "write golden files anew")

// golden holds text against testdata/NAME.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "make it with -update")
	assert.Equal(t, string(want), got)
}

// newChecked is a fake on a machine of which enough is laid out that check has
// something to look at; nothing is wrong with it.
func newChecked(t *testing.T, files map[string]string) (*fake, string) {
	f, esp := newFake(t, files)
	f.lay(t, map[string]string{
		"proc/self/status":                        "CapEff:\t000001ffffffffff\n",
		"proc/self/uid_map":                       "0 0 4294967295\n",
		"proc/meminfo":                            "MemAvailable: 1048576 kB\nSwapFree: 0 kB\n",
		"proc/sys/kernel/kexec_load_disabled":     "0\n",
		"proc/sys/kernel/kexec_load_limit_reboot": "-1\n",
		"sys/kernel/kexec_loaded":                 "0\n",
		"sys/kernel/security/lockdown":            "[none] integrity confidentiality\n",
		"boot/config-6.1.0":                       "CONFIG_KEXEC_FILE=y\n",
	})
	return f, esp
}

// lay writes files of the fake machine, by their paths from its root.
func (f *fake) lay(t *testing.T, files map[string]string) {
	t.Helper()
	write(t, f.dir, files)
}

// troubled has a finding of each severity, and two blockers.
func troubled(t *testing.T) (*fake, string) {
	f, esp := newChecked(t, archFiles())
	f.setVar(t, "LoaderInfo", "systemd-boot 262")
	f.lay(t, map[string]string{
		"proc/sys/kernel/kexec_load_disabled":           "1\n",
		"run/initramfs/shutdown":                        "case $1 in\nreboot) reboot -f ;;\n*) poweroff -f ;;\nesac\n",
		"sys/kernel/kexec_crash_size":                   "268435456\n",
		"sys/module/efibc/parameters/x":                 "",
		"sys/class/watchdog/watchdog0/state":            "active\n",
		"sys/class/watchdog/watchdog0/nowayout":         "1\n",
		"sys/class/watchdog/watchdog0/timeout":          "30\n",
		"etc/kexec-bls/machines.toml":                   "",
		"sys/bus/pci/drivers/vfio-pci/0000:01:00.0/irq": "1\n",
	})
	return f, esp
}

func TestCheckNothing(t *testing.T) {
	f, esp := newChecked(t, archFiles())
	got := f.run("check", "--esp-path="+esp)
	assert.Equal(t, exitDone, got.code, got)
	assert.Empty(t, got.stdout)
	const untried = "kexec-bls: no kexec of this machine is on record; TROUBLESHOOTING in kexec-bls(8) has "
	assert.Contains(t, got.stderr, "kexec-bls: nothing was found that would prevent a kexec into arch.conf\n"+untried)
	require.NoError(t, f.history().SaveBoot(state.Boot{Kexec: &state.RebootDuration{}}))
	assert.Equal(t, "kexec-bls: nothing was found that would prevent a kexec into arch.conf\n", f.run("check", "--esp-path="+esp).stderr, "a machine that came back before")
	assert.Empty(t, f.run("check", "-q", "--esp-path="+esp).stderr)
	assert.Empty(t, f.acts, "check acts on nothing")
}

func TestCheckGolden(t *testing.T) {
	f, esp := troubled(t)
	got := f.run("check", "--esp-path="+esp, "--ignore=shutdown-script")
	assert.Equal(t, exitBlocked, got.code)
	assert.Empty(t, got.stderr, "the findings are the answer")
	golden(t, "check.txt", got.stdout)

	got = f.run("check", "--json", "--esp-path="+esp, "--ignore=shutdown-script")
	assert.Equal(t, exitBlocked, got.code)
	golden(t, "check.json", strings.ReplaceAll(got.stdout, esp, "/esp"))
	assert.Empty(t, f.acts)
}

func TestCheckJSONNothing(t *testing.T) {
	f, esp := newChecked(t, archFiles())
	got := f.run("check", "--json=short", "--esp-path="+esp)
	assert.Equal(t, exitDone, got.code)
	before, areas, found := strings.Cut(got.stdout, `,"areas":[`)
	assert.Equal(t, `{"schema":2,"entry":{"id":"arch.conf","title":"Arch Linux","version":"6.12.1"},"blocked":false,"findings":[]`, before)
	assert.True(t, found)
	assert.Contains(t, areas, `{"id":"initrd","result":"ok","facts":["2 images, 328 B","all files in it were read"]}`)
	assert.NotContains(t, areas, "evidence")
	got = f.run("check", "--json=short", "-v", "--esp-path="+esp)
	assert.Contains(t, got.stdout, `{"source":"/proc/sys/kernel/kexec_load_disabled","value":"0"}`)
}

// TestCheckScreen: on a terminal all that was looked at is shown, the verdict
// last. The process that does the work draws for the terminal of its parent.
func TestCheckScreen(t *testing.T) {
	f, esp := newChecked(t, archFiles())
	got := f.run("check", "--within=400,colour,symbols", "--esp-path="+esp)
	assert.Equal(t, exitDone, got.code)
	assert.Empty(t, got.stderr)
	lines := strings.Split(ansi.Strip(got.stdout), "\n")
	assert.Equal(t, "Check of arch.conf  Arch Linux  6.12.1", lines[0])
	assert.Equal(t, "✔ kernel   Linux 6.1.0 runs, kexec_load_disabled is 0, loads are not limited, user root", lines[2])
	assert.Equal(t, "✔ nothing was found that would prevent a kexec into arch.conf", lines[len(lines)-3])
	assert.Contains(t, lines[len(lines)-2], "TROUBLESHOOTING in kexec-bls(8)")
	assert.NotContains(t, got.stdout, "/proc/sys")

	f, esp = troubled(t)
	got = f.run("check", "-v", "--within=400", "--esp-path="+esp, "--ignore=shutdown-script")
	assert.Equal(t, exitBlocked, got.code)
	assert.NotContains(t, got.stdout, "\x1b")
	for _, want := range []string{
		`(?m)^error   kernel   Linux`, `(?m)^ {17}error   kexec is disabled .* \[kexec-disabled\]$`, `(?m)^ {19}fix: reboot through firmware \(kexec-bls reboot --firmware\)$`,
		`(?m)^ {19}/proc/sys/kernel/kexec_load_disabled: 1$`, `(?m)^ignored shutdown `, `(?m)^warning hardware `, `(?m)^ok      initrd   2 images`,
		`\nerror   reboot refuses arch.conf: 1 error; to go on: --ignore=kexec-disabled\n$`,
	} {
		assert.Regexp(t, want, got.stdout)
	}
	got = f.run("check", "-v", "--esp-path="+esp)
	assert.Regexp(t, `(?m)^read     kernel: /proc/sys/kernel/kexec_load_disabled: 1$`, got.stdout)
}

func TestCheckIgnore(t *testing.T) {
	f, esp := troubled(t)
	for _, v := range []struct {
		flag, config string
		code         int
	}{
		{"", "", exitBlocked},
		{"kexec-disabled", "", exitBlocked},
		{"kexec-disabled,shutdown-script", "", exitDone},
		{"all", "", exitDone},
		{"", "ignore = [\"kexec-disabled\", \"shutdown-script\"]", exitDone},
		{"kexec-disabled", "ignore = [\"shutdown-script\"]", exitDone},
		{"kexec-disabled", "ignore = [\"watchdog\"]", exitBlocked},
		{"", "ignore = [\"all\"]", exitDone},
	} {
		require.NoError(t, os.WriteFile(f.paths.File, []byte("[check]\n"+v.config+"\n"), 0o644))
		for _, verb := range []string{"check", "reboot"} {
			f.acts = nil
			args := []string{verb, "--esp-path=" + esp}
			if v.flag != "" {
				args = append(args, "--ignore="+v.flag)
			}
			got := f.run(args...)
			assert.Equal(t, v.code, got.code, "%s %v: %s", verb, v, got.stderr)
			if v.code == exitBlocked || verb == "check" {
				assert.Empty(t, f.acts)
			} else {
				assert.Contains(t, f.acts, "load")
			}
		}
	}
}

// TestRebootBlocked holds the order of acts: a blocker ends it before the load,
// warnings do not, notes are not worth a word.
func TestRebootBlocked(t *testing.T) {
	f, esp := troubled(t)
	got := f.run("reboot", "--esp-path="+esp)
	assert.Equal(t, exitBlocked, got.code)
	assert.Empty(t, f.acts, "nothing was loaded")
	for _, want := range []string{
		`(?m)^kexec-bls: not rebooting into arch.conf, 2 blockers \(override: --ignore=kexec-disabled,shutdown-script\):$`,
		`(?m)^  .* \[kexec-disabled\]$`, `(?m)^  .* \[shutdown-script\]$`,
		`(?m)^kexec-bls: warning: .* \[kdump-lost\]$`, `(?m)^kexec-bls: warning: .* \[vfio\]$`,
	} {
		assert.Regexp(t, want, got.stderr)
	}
	assert.NotContains(t, got.stderr, "[efibc]", "info")

	got = f.run("reboot", "-n", "--esp-path="+esp)
	assert.Equal(t, exitBlocked, got.code)
	assert.Contains(t, got.stdout, "vmlinuz", "the plan is shown all the same")

	got = f.run("reboot", "--esp-path="+esp, "--ignore=all")
	assert.Equal(t, exitDone, got.code, got.stderr)
	assert.NotContains(t, got.stderr, "kdump-lost")
	assert.Equal(t, []string{"load", "systemctl kexec into arch.conf"}, f.acts)

	f.acts = nil
	assert.Equal(t, exitDone, f.run("load", "--esp-path="+esp).code, "load does not check")
	assert.Equal(t, []string{"load"}, f.acts)
}

func TestCheckAsUser(t *testing.T) {
	f, esp := newChecked(t, archFiles())
	f.machine.Host.UID = 1000
	f.lay(t, map[string]string{"proc/self/status": "CapEff:\t0\n"})
	got := f.run("check", "--esp-path="+esp)
	assert.Equal(t, exitBlocked, got.code)
	assert.Equal(t, "error    only root may do this (CAP_SYS_BOOT), and this is user 1000; run it as root [capability]\n", got.stdout)
	assert.Equal(t, exitDone, f.run("check", "--esp-path="+esp, "--ignore=capability").code)
}

// TestCheckBrokenPlan holds that what a load would refuse is a finding among
// the others.
func TestCheckBrokenPlan(t *testing.T) {
	files := archFiles()
	whole := string(fixtures.BzImage{Version: "6.12.1 (test)"}.Bytes())
	files["vmlinuz"] = whole[:len(whole)-512]
	f, esp := newChecked(t, files)
	f.lay(t, map[string]string{"proc/sys/kernel/kexec_load_disabled": "1\n"})
	got := f.run("check", "--esp-path="+esp)
	assert.Equal(t, exitBlocked, got.code)
	assert.Regexp(t, `(?m)^error    .*/vmlinuz: .* \[plan\]$`, got.stdout)
	assert.Regexp(t, `(?m)^error    .* \[kexec-disabled\]$`, got.stdout)
	assert.Equal(t, exitFailed, f.run("reboot", "--esp-path="+esp).code, "our own refusal, as ever")
	assert.Equal(t, exitNoEntry, f.run("check", "nothing", "--esp-path="+esp).code)
	assert.Equal(t, exitUsage, f.run("check", "a", "b").code)
}

// TestCheckWithoutPlan: a file of the entry is missing, the machine is checked.
func TestCheckWithoutPlan(t *testing.T) {
	f, esp := newChecked(t, archFiles())
	require.NoError(t, os.Remove(esp+"/b.img"))
	const gone = "initrd: ESP/b.img: no such file or directory; regenerate it (mkinitcpio -P, update-initramfs -u, dracut -f), or fix the entry"
	line := "error    " + strings.ReplaceAll(gone, "ESP", esp) + " [plan]\n"
	got := f.run("check", "--esp-path="+esp)
	assert.Equal(t, answer{exitBlocked, line, ""}, got)
	f.lay(t, map[string]string{"proc/sys/kernel/kexec_load_disabled": "1\n"})
	got = f.run("check", "--try", "--esp-path="+esp)
	assert.Equal(t, exitBlocked, got.code)
	assert.Regexp(t, `(?m)^error    .* \[kexec-disabled\]$`, got.stdout)
	assert.Contains(t, got.stdout, line)
	v := oneObject(t, f.run("check", "--json=short", "arch", "--esp-path="+esp))
	assert.Equal(t, true, v["blocked"])
	ids := map[any]bool{}
	for _, f := range v["findings"].([]any) {
		ids[f.(map[string]any)["id"]] = true
	}
	assert.Equal(t, map[any]bool{"plan": true, "kexec-disabled": true}, ids)

	assert.Equal(t, "kexec-bls: arch.conf: "+strings.ReplaceAll(gone, "ESP", esp)+"\n", f.run("load", "--esp-path="+esp).stderr)
}

func TestCheckInitrd(t *testing.T) {
	files := archFiles()
	files["a.img"] = "hello, this is no archive"
	f, esp := newChecked(t, files)
	got := f.run("check", "--esp-path="+esp)
	assert.Equal(t, exitBlocked, got.code)
	first, _, _ := strings.Cut(got.stdout, "\n")
	require.Regexp(t, `^error    .* \[[a-z-]+\]$`, first)
	id := strings.TrimSuffix(first[strings.LastIndex(first, "[")+1:], "]")
	assert.Equal(t, exitDone, f.run("check", "--esp-path="+esp, "--ignore="+id).code, "the ID that reboot takes")

	assert.Equal(t, exitFailed, f.run("load", "--esp-path="+esp).code)
	write(t, f.dir, map[string]string{"etc/kexec-bls.toml": "[check]\nignore = ['" + id + "']\n"})
	for _, verb := range []string{"check", "load", "reboot"} {
		assert.Equal(t, exitDone, f.run(verb, "--esp-path="+esp).code, "%s: the configuration says the same", verb)
	}
}

// TestCheckPlan holds that what is known of the target reaches the checks.
func TestCheckPlan(t *testing.T) {
	ids := func(t *testing.T, f *fake, args ...string) []string {
		var report report.Check
		require.NoError(t, json.Unmarshal([]byte(f.run(append([]string{"check", "--json"}, args...)...).stdout), &report))
		var list []string
		for _, found := range report.Findings {
			list = append(list, string(found.ID))
		}
		return list
	}
	t.Run("bad entry, size, kernel", func(t *testing.T) {
		files := archFiles()
		files["loader/entries/bad+0-3.conf"] = "title Bad\nlinux /other\ninitrd /big.img\n"
		files["other"] = string(fixtures.BzImage{Version: "6.13.0 (test)"}.Bytes())
		files["big.img"] = archive("x") + strings.Repeat("\x00", 1<<20)
		f, esp := newChecked(t, files)
		f.lay(t, map[string]string{"proc/meminfo": "MemAvailable: 1024 kB\nSwapFree: 0 kB\n"})
		assert.Equal(t, []string{"memory", "kernel-modules", "entry-bad"}, ids(t, f, "bad", "--esp-path="+esp))
	})
	t.Run("signature", func(t *testing.T) {
		f, esp := newChecked(t, archFiles())
		f.lay(t, map[string]string{"sys/kernel/security/lockdown": "none [integrity]\n", "boot/config-6.1.0": "CONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_SIG=y\nCONFIG_KEXEC_BZIMAGE_VERIFY_SIG=y\n"})
		assert.Equal(t, []string{"kernel-signature"}, ids(t, f, "--esp-path="+esp))
	})
	t.Run("command lines", func(t *testing.T) {
		f, esp := newChecked(t, archFiles())
		f.lay(t, map[string]string{"proc/cmdline": "kho=on\n", "boot/config-6.1.0": "CONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_HANDOVER=y\n", "sys/kernel/kexec_crash_size": "1\n"})
		assert.Equal(t, []string{"kho-lost", "kdump-lost"}, ids(t, f, "--esp-path="+esp))
		assert.Empty(t, ids(t, f, "--esp-path="+esp, "--append=kho=on crashkernel=1G"))
	})
	t.Run("one-shot", func(t *testing.T) {
		f, esp := newChecked(t, archFiles())
		f.setVar(t, "LoaderEntryOneShot", "other.conf")
		assert.Empty(t, ids(t, f, "--esp-path="+esp), "it will be used up")
		assert.Equal(t, []string{"one-shot"}, ids(t, f, "arch", "--esp-path="+esp))
	})
	t.Run("modules in the initrd", func(t *testing.T) {
		files := archFiles()
		files["a.img"], files["b.img"] = zstdOf(archiveWithFolders(t, "usr/lib/modules/6.6.6/x.ko")), archive("x")
		f, esp := newChecked(t, files)
		assert.Empty(t, ids(t, f, "--no-verify", "--esp-path="+esp), "compressed, not looked at")
		assert.Equal(t, []string{"initrd-version"}, ids(t, f, "--esp-path="+esp), "zstd decodes fast")
		assert.Equal(t, []string{"initrd-version"}, ids(t, f, "--verify", "--esp-path="+esp))
		write(t, esp, map[string]string{"b.img": archiveWithFolders(t, "lib/modules/6.12.1/x.ko")})
		assert.Empty(t, ids(t, f, "--verify", "--esp-path="+esp))
	})
}

func TestCheckReport(t *testing.T) {
	f, _ := newChecked(t, archFiles())
	a := f.run("check", "--report")
	require.Equal(t, exitDone, a.code, a.stderr)
	assert.Contains(t, a.stdout, "# kexec-bls "+version+"\n")
	assert.Contains(t, a.stdout, "[[machine]]\n")
	assert.Contains(t, a.stdout, `kernel = "6.1.0"`)
	for _, with := range []string{"arch", "--json", "--try"} {
		assert.Equal(t, exitUsage, f.run("check", "--report", with).code, with)
	}
}
