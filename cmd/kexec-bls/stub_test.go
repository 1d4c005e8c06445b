package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

// consoles are the words that systemd-stub 262 makes of the firmware's consoles.
var consoles = regexp.MustCompile(`( |^)console=uart,io,0x3f8 console=tty0$`)

// loaderInitrds are the words that systemd-boot adds for the EFI stub.
var loaderInitrds = regexp.MustCompile(`^(initrd=\S+( |$))+`)

// fileOrEmpty reads a file that may be absent.
func fileOrEmpty(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	return string(b)
}

// TestOracleStub holds export against what systemd-boot and systemd-stub 262
// really handed to a kernel: the initrd byte for byte, and the command line.
func TestOracleStub(t *testing.T) {
	corpus := fixtures.Corpus(t, "stub-262.tar.zst")
	cases, err := os.ReadDir(corpus)
	require.NoError(t, err)
	compared, unified := 0, 0
	for _, c := range cases {
		dir := filepath.Join(corpus, c.Name())
		if _, err := os.Stat(filepath.Join(dir, "cmdline")); err != nil {
			continue
		}
		f, _ := newFake(t, nil)
		f.setVar(t, "LoaderInfo", "systemd-boot 262")
		var vars map[string]string
		require.NoError(t, json.Unmarshal([]byte(fileOrEmpty(t, filepath.Join(dir, "vars.json"))), &vars))
		for name, text := range vars {
			f.setVar(t, name, text)
		}
		out := t.TempDir()
		got := f.run("export", "--esp-path="+filepath.Join(dir, "esp"), "--output="+out)
		require.Equal(t, exitDone, got.code, "%s: %s", c.Name(), got.stderr)

		want := strings.TrimSpace(fileOrEmpty(t, filepath.Join(dir, "cmdline")))
		if consoles.MatchString(want) {
			unified++
		}
		want = loaderInitrds.ReplaceAllString(consoles.ReplaceAllString(want, ""), "")
		assert.Equal(t, want, strings.TrimSpace(fileOrEmpty(t, filepath.Join(out, "cmdline"))), c.Name())
		if fileOrEmpty(t, filepath.Join(dir, "initrd")) != fileOrEmpty(t, filepath.Join(out, "initrd")) {
			assert.Fail(t, "initrd differs", "%s: cmp %s/initrd %s/initrd", c.Name(), dir, out)
		}
		compared++
	}
	require.Greater(t, compared, 40)
	require.Greater(t, unified, 25, "most of them are unified kernel images")
}

// ukiFiles is an ESP with a unified kernel image by all three ways to name it,
// and a program that is none.
func ukiFiles() map[string]string {
	kernel := string(fixtures.BzImage{Version: "6.12.1 (test)"}.Bytes())
	image := fixtures.PE{Sections: []fixtures.Section{
		fixtures.Text(".osrel", "ID=x\nNAME=X\n"), fixtures.Text(".cmdline", "own"), fixtures.Text(".linux", kernel), fixtures.Text(".initrd", "070701"),
		fixtures.Text(".profile", "ID=main"), fixtures.Text(".profile", "ID=rescue\nTITLE=Rescue"), fixtures.Text(".cmdline", "rescue"),
	}}
	u := string(image.Bytes())
	return map[string]string{
		"EFI/Linux/x.efi": u, "EFI/Linux/x.efi.extra.d/a.cred": "secret", "u.efi": u,
		"loader/entries/byuki.conf": "uki /u.efi\noptions passed\n", "loader/entries/byefi.conf": "efi /u.efi\n",
		"loader/entries/shell.conf": "efi /shell.efi\n", "shell.efi": string(fixtures.PE{}.Bytes()),
	}
}

func TestUKIEntries(t *testing.T) {
	f, esp := newFake(t, ukiFiles())
	var list []report.Entry
	require.NoError(t, json.Unmarshal([]byte(f.run("list", "--json", "--esp-path="+esp).stdout), &list))
	possible := map[string]string{}
	for _, e := range list {
		possible[e.ID] = e.Kexec.Reason
	}
	assert.Equal(t, map[string]string{
		"x.efi": "", "x.efi@rescue": "", "byuki.conf": "", "byefi.conf": "", "shell.conf": "an EFI program, which only firmware can start",
	}, possible, "an efi key counts by what it names")

	for entry, want := range map[string]string{"x.efi": "own", "x.efi@rescue": "rescue", "byuki": "passed", "byefi": "own"} {
		got := f.run("load", entry, "--ignore=all", "--esp-path="+esp)
		require.Equal(t, exitDone, got.code, "%s: %s", entry, got.stderr)
		assert.Equal(t, want, f.cmdline, entry)
		assert.Equal(t, string(fixtures.BzImage{Version: "6.12.1 (test)"}.Bytes()), f.kernel, entry)
		assert.Contains(t, f.initrd, ".extra/os-release")
		assert.Equal(t, strings.HasPrefix(entry, "x.efi"), strings.Contains(f.initrd, "secret"), entry)
	}
	assert.Equal(t, exitNoEntry, f.run("load", "shell", "--esp-path="+esp).code)
}

func TestUKIShow(t *testing.T) {
	f, esp := newFake(t, ukiFiles())
	text := f.run("show", "x.efi", "--esp-path="+esp).stdout
	for _, want := range []string{"/EFI/Linux/x.efi: .linux", "/EFI/Linux/x.efi: .initrd", "generated: /.extra/credentials (a.cred)", "generated: /.extra/os-release ("} {
		assert.Contains(t, text, want)
	}
	var p report.Plan
	require.NoError(t, json.Unmarshal([]byte(f.run("show", "x.efi", "--json", "--esp-path="+esp).stdout), &p))
	require.Len(t, p.Initrd, 4)
	assert.Equal(t, "generated: /.extra/credentials (a.cred)", p.Initrd[1].Name)
	assert.Equal(t, "6.12.1 (test)", p.Kernel.Version)
}

// TestUKIFirmware: what the machine says is asked for.
func TestUKIFirmware(t *testing.T) {
	f, esp := newFake(t, ukiFiles())
	write(t, filepath.Join(f.dir, "sys"), map[string]string{"firmware/dmi/entries/11-0/raw": "\x0b\x05\x00\x0b\x01io.systemd.stub.kernel-cmdline-extra=smbios\x00\x00"})
	line := func(entry string) string {
		out := t.TempDir()
		got := f.run("export", entry, "--esp-path="+esp, "--output="+out)
		require.Equal(t, exitDone, got.code, got.stderr)
		return strings.TrimSpace(fileOrEmpty(t, filepath.Join(out, "cmdline")))
	}
	assert.Equal(t, "passed smbios", line("byuki"))
	write(t, f.efivars, map[string]string{"SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c": "\x06\x00\x00\x00\x01"})
	assert.Equal(t, "own smbios", line("byuki"))
	write(t, filepath.Join(f.dir, "sys"), map[string]string{"devices/virtual/misc/tdx_guest/dev": ""})
	assert.Equal(t, "own", line("byuki"))
}
