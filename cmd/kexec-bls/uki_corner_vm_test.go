//go:build vm

package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// cornerAddons are addons that a stub takes, half takes, or passes over.
func cornerAddons() map[string][]byte {
	addons := map[string]fixtures.PE{
		"a":       {Sections: []fixtures.Section{fixtures.Text(".cmdline", vm.Cmdline+" retain_initrd a=1")}},
		"b-blank": {Sections: []fixtures.Section{fixtures.Text(".cmdline", " \n")}},
		"c":       {Sections: []fixtures.Section{fixtures.Text(".cmdline", "\x01c=\"ü\tx\"\x7f\x00not this"), fixtures.Text(".initrd", "\x00\x00\x00")}},
		"d-mask":  {Sections: []fixtures.Section{fixtures.Masked(".cmdline"), fixtures.Text(".cmdline", "d=1")}},
		"e-half":  {Sections: []fixtures.Section{fixtures.Text(".profile", "ID=x"), fixtures.Text(".cmdline", "e=1")}},
		"f-ia32":  {Machine: 0x14c, Sections: []fixtures.Section{fixtures.Text(".cmdline", "f=1")}},
		"g-uki":   {Sections: []fixtures.Section{fixtures.Text(".cmdline", "g=1"), fixtures.Text(".linux", "kernel")}},
		"h-bad":   {Sections: []fixtures.Section{fixtures.Text(".cmdline", "h=\xff\xc3\U0001f600i")}},
		"i-none":  {Sections: []fixtures.Section{fixtures.Text(".osrel", "ID=x")}},
	}
	files := map[string][]byte{}
	for name, pe := range addons {
		files["loader/addons/"+name+".addon.efi"] = pe.Bytes()
	}
	return files
}

// cornerFiles are sidecars with names that matter.
func cornerFiles() map[string][]byte {
	files := cornerAddons()
	for _, name := range []string{"UP.CRED", "lower.cred", "ümlaut.cred", ".hidden.cred", strings.Repeat("l", 200) + ".cred", "x.raw", "Y.ConfExt.Raw", "z.sysext.raw", "z.raw.cred", "cred"} {
		files["EFI/Linux/test.efi.extra.d/"+name] = []byte(name)
	}
	files["EFI/Linux/test.efi.extra.d/empty.cred"] = nil
	files["EFI/Linux/test.efi.extra.d/dir.cred/"] = nil
	for _, name := range []string{"Q.CRED", "x.txt", "p.raw", "e.SysExt.RAW", "c.confext.raw", "z.cred"} {
		files["e/"+name] = []byte(name)
	}
	return files
}

// corners are entries that all boot the image, or its kernel.
func corners() map[string]string {
	return map[string]string{
		"tab":          "uki /EFI/Linux/test.efi\nprofile 1\noptions a\tb",
		"profile":      "uki /EFI/Linux/test.efi\noptions @1 at=1",
		"onlyprofile":  "uki /EFI/Linux/test.efi\noptions @1",
		"noprofile":    "uki /EFI/Linux/test.efi\noptions @1x  at=1",
		"bothprofile":  "uki /EFI/Linux/test.efi\noptions @0 at=1\nprofile 1",
		"efi":          "efi /EFI/Linux/test.efi\ninitrd /a.img\nextra /e/z.cred\noptions e=1",
		"linuxextra":   "linux /EFI/Linux/test.efi\nextra /e/z.cred\nprofile 1",
		"linuxinitrd":  "linux /EFI/Linux/test.efi\ninitrd /a.img\nprofile 1",
		"kinds":        "uki /EFI/Linux/test.efi\nextra /e/Q.CRED\nextra /e/c.confext.raw\nextra /e/x.txt\nextra /e/p.raw\nextra /e/e.SysExt.RAW\nextra /e/z.cred",
		"text":         "uki /EFI/Linux/test.efi\noptions é=\U0001f600 \xff\xc3(x  \x7fy",
		"plainprofile": "linux /vmlinuz\nprofile 1\ninitrd /main.img\noptions plain=1 " + vm.Cmdline + " retain_initrd",
		"plain":        "linux /vmlinuz\ninitrd /main.img\noptions plain=1 " + vm.Cmdline + " retain_initrd",
	}
}

// TestLongUKICorners boots entry after entry by firmware, and compares what each
// kernel was given with what export writes for it.
func TestLongUKICorners(t *testing.T) {
	l := findLoader(t)
	require.GreaterOrEqual(t, l.version, 262, "another systemd-boot is not what is followed; put that of 262 into ~/.cache/kexec-bls/efi")
	files := cornerFiles()
	kernel := ukiKernel(t)
	files["a.img"] = append(layer(t, "a"), 0) // 1 more than a multiple of 4
	files["vmlinuz"], files["main.img"] = kernel.Bytes(t), ukiInitrd(t, kernel)
	for name, text := range corners() {
		files["loader/entries/"+name+".conf"] = []byte(text + "\n")
	}
	g := vm.Start(t, vm.Config{
		Memory: 1024, UEFI: true, FromDisk: true, Reset: true, Disks: []string{ukiESP(t, l, kernel, files)},
		OEMStrings: []string{
			"other", "io.systemd.stub.kernel-cmdline-extra= stub=1\t stub=2 ", "io.systemd.stub.kernel-cmdline-extra=stub=3",
			"io.systemd.boot.kernel-cmdline-extra=boot=1  boot=2", "io.systemd.boot.kernel-cmdline-extra=boot=3",
		},
	})
	require.Equal(t, "0", g.MustRun("[ -e /sys/firmware/initrd ]; echo $?"), "run fixtures/setup.sh second: the kernel has to show its initrd")
	for _, name := range slices.Sorted(maps.Keys(corners())) {
		t.Log(name)
		oneShot := bytes.Buffer{}
		for _, c := range name + ".conf\x00" {
			fmt.Fprintf(&oneShot, `\x%02x\x00`, c)
		}
		g.Reboot(`printf '\x07\x00\x00\x00` + oneShot.String() + `' > /sys/firmware/efi/efivars/LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f && reboot -f`)
		require.Equal(t, name+".conf", g.MustRun(`tail -c +5 /sys/firmware/efi/efivars/LoaderEntrySelected-* | tr -d '\0'`), "the firmware booted another entry")
		g.Mount("/dev/vda1", "/efi")
		export := g.Run("kexec-bls export " + name + " --output=/tmp/out")
		require.Zero(t, export.Code, "%s: %s", name, export.Stderr)
		line := firmwareConsole.ReplaceAllString(g.MustRun("cat /proc/cmdline"), "")
		line = strings.NewReplacer(`initrd=\a.img`, "", `initrd=\main.img `, "").Replace(line)
		assert.Equal(t, strings.TrimSpace(line), strings.TrimSpace(g.MustRun("cat /tmp/out/cmdline")), name)
		if !assert.Zero(t, g.Run("cmp /sys/firmware/initrd /tmp/out/initrd").Code, name) {
			t.Log(g.MustRun("kexec-bls show "+name), "\nthe firmware's:\n", g.MustRun("ls -l /sys/firmware/initrd; cd / && find .extra | sort"))
		}
	}
}
