package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader"
)

const layoutDir = "../../fixtures/layouts"

// A layout is what a distribution leaves on the boot partitions. The folder
// README in fixtures/layouts describes its files.
type layout struct {
	id, rule string   // the default, and what chose it
	missed   string   // part of the complaint about an earlier rule
	running  string   // id of what runs; "" where that cannot be determined
	hidden   []string // ids
	path     string   // of the default's file, where the id does not tell it
	cmdline  string   // as it would be loaded; "" where the golden file will do
	initrds  int      // members of the blob; systemd-stub packs os-release into one
}

func layouts() map[string]layout {
	const (
		fedora = "8f2c4be1a5d34f7c9b60d7e8a1c3f502-"
		rhel   = "1c9a77b05f0e4c0db0c6a2d4e9f81b36-"
		sdboot = "d41e0f6f2f0b4b4c8a5c6b7d8e9fa012-"
		debian = "e0c1b7a8f2d94b6c8d3e5f60718293a4-"
		suse   = "opensuse-tumbleweed-6.17.8-1-default-"
		two    = "0a1b2c3d4e5f60718293a4b5c6d7e8f9-"
	)
	return map[string]layout{
		"arch": {id: "arch.conf", rule: "loader.conf default arch.conf", running: "arch.conf", initrds: 2},
		"arch-default-without-suffix": {id: "arch.conf", rule: "first bootable in order", running: "arch.conf", initrds: 2,
			missed: "the suffix is part of the id, arch-lts.conf would match arch-lts.conf"},
		"arch-uki": {id: "arch-linux.efi", rule: "first bootable in order", running: "arch-linux.efi", initrds: 2,
			cmdline: "root=/dev/mapper/root rw quiet bgrt_disable"},
		"fedora-grub": {id: fedora + "6.17.10-300.fc43.x86_64.conf", rule: "grubenv saved_entry", initrds: 1,
			running: fedora + "6.17.9-300.fc43.x86_64.conf"},
		"fedora-grub-reboot-once": {id: fedora + "6.17.9-300.fc43.x86_64.conf", rule: "grubenv next_entry", initrds: 1,
			running: fedora + "6.17.9-300.fc43.x86_64.conf"},
		"fedora-cloud-plain-boot": {id: fedora + "6.17.10-300.fc43.x86_64.conf", rule: "first in GRUB's menu", initrds: 1},
		"rhel8-grub": {id: rhel + "4.18.0-513.5.1.el8_9.x86_64.conf", rule: "grubenv saved_entry", initrds: 2,
			running: rhel + "4.18.0-513.5.1.el8_9.x86_64.conf",
			cmdline: "root=/dev/mapper/rhel-root ro crashkernel=auto resume=/dev/mapper/rhel-swap rd.lvm.lv=rhel/root " +
				"rd.lvm.lv=rhel/swap rhgb quiet skew_tick=1 isolcpus=managed_irq,domain,2-3"},
		"fedora-systemd-boot": {id: sdboot + "6.17.9-300.fc43.x86_64.conf", rule: "LoaderEntryOneShot", initrds: 1,
			running: sdboot + "6.17.10-300.fc43.x86_64.conf"},
		"fedora-uki-addon": {id: sdboot + "6.17.10-300.fc43.x86_64.efi", rule: "first bootable in order", initrds: 2,
			running: sdboot + "6.17.10-300.fc43.x86_64.efi", cmdline: "console=tty0 quiet console=ttyS0,115200n8"},
		"debian-kernel-install": {id: debian + "6.16.12+deb14+1-amd64.conf", rule: "first bootable in order", initrds: 2,
			running: debian + "6.16.12+deb14+1-amd64.conf"},
		"opensuse-sdbootutil": {id: suse + "146.conf", rule: "LoaderEntryDefault", running: suse + "147.conf", initrds: 1},
		"nixos": {id: "nixos-generation-100.conf", rule: "loader.conf default nixos-generation-100.conf", initrds: 1,
			running: "nixos-generation-100.conf"},
		"nixos-counted": {id: "nixos-generation-100.conf", rule: "loader.conf preferred nixos-*", initrds: 1, running: "nixos-generation-100.conf",
			cmdline: "init=/nix/store/bq1sw2de3fr4gt5hy6ju7ki8lo9pz0xb-nixos-system-laptop-25.11/init loglevel=4 lsm=landlock,yama,bpf " + loader.BlessMask},
		"pop-os": {id: "Recovery-9F2A-1B3C.conf", rule: "first bootable in order", running: "Pop_OS-current.conf", initrds: 1,
			missed: "the suffix is part of the id, Pop_OS-current.conf would match Pop_OS-current.conf"},
		"esp-and-xbootldr": {id: two + "6.12.58-1-lts.conf", rule: "loader.conf default " + two + "*-lts.conf", initrds: 1,
			running: two + "6.17.8-arch1-1.conf", hidden: []string{two + "6.15.9-arch1-1.conf"},
			path: "/esp/loader/entries/" + two + "6.12.58-1-lts.conf"},
	}
}

// TestLayouts holds the default of each distribution's layout, asserted by
// hand, and the whole answers against golden files.
func TestLayouts(t *testing.T) {
	want := layouts()
	dirs, err := os.ReadDir(layoutDir)
	require.NoError(t, err)
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		t.Run(d.Name(), func(t *testing.T) {
			require.Contains(t, want, d.Name(), "a layout that nobody holds to anything")
			want[d.Name()].hold(t, d.Name())
			delete(want, d.Name())
		})
	}
	assert.Empty(t, want, "no such layouts")
}

func (l layout) hold(t *testing.T, name string) {
	f, dir := layOut(t, name)
	var list []report.Entry
	require.NoError(t, json.Unmarshal([]byte(f.golden(t, dir, "list.json", "list", "--json")), &list))
	l.holdList(t, list)
	f.golden(t, dir, "list.txt", "list")

	var plan report.Plan
	require.NoError(t, json.Unmarshal([]byte(f.golden(t, dir, "show.json", "show", "--json")), &plan))
	assert.Equal(t, l.rule, plan.Rule)
	assert.Len(t, plan.Initrd, l.initrds)
	assert.Empty(t, plan.Findings)
	if l.cmdline != "" {
		assert.Equal(t, l.cmdline, plan.Cmdline)
	}
	if l.missed == "" {
		assert.Empty(t, plan.Missed)
	} else {
		require.Len(t, plan.Missed, 1)
		assert.Contains(t, plan.Missed[0], l.missed)
	}
}

func (l layout) holdList(t *testing.T, list []report.Entry) {
	var chosen, running, hidden []string
	for _, e := range list {
		if e.IsDefault {
			chosen = append(chosen, e.ID)
			assert.True(t, l.path == "" || l.path == e.Path, e.Path)
		}
		if e.IsSelected {
			running = append(running, e.ID)
		}
		if e.Hidden != "" {
			hidden = append(hidden, e.ID)
		}
	}
	assert.Equal(t, []string{l.id}, chosen)
	assert.Equal(t, l.hidden, hidden)
	if l.running == "" {
		assert.Empty(t, running)
	} else {
		assert.Equal(t, []string{l.running}, running)
	}
}

// golden runs a command on a layout and holds what it prints against the file.
func (f *fake) golden(t *testing.T, dir, file string, args ...string) string {
	t.Helper()
	args = append(args, "--esp-path="+filepath.Join(dir, "esp"))
	if _, err := os.Stat(filepath.Join(dir, "boot")); err == nil {
		args = append(args, "--boot-path="+filepath.Join(dir, "boot"))
	}
	answer := f.run(args...)
	require.Equal(t, exitDone, answer.code, answer.stderr)
	got := strings.ReplaceAll(answer.stdout, dir, "")
	golden(t, filepath.Join("..", layoutDir, filepath.Base(dir), file+".golden"), got) // from testdata on
	return got
}

// layOut makes a machine with the partitions of a layout below a folder of the
// layout's name, which it returns.
func layOut(t *testing.T, name string) (*fake, string) {
	t.Helper()
	f, _ := newFake(t, nil)
	source, dir := filepath.Join(layoutDir, name), filepath.Join(t.TempDir(), name)
	for _, part := range []string{"esp", "boot"} {
		if _, err := os.Stat(filepath.Join(source, part)); err == nil {
			require.NoError(t, os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join(source, part))))
			buildImages(t, filepath.Join(dir, part))
		}
	}
	eachLine(t, filepath.Join(source, "built"), func(words []string) {
		write(t, dir, map[string]string{words[0]: built(t, words[1], strings.Join(words[2:], " "))})
	})
	eachLine(t, filepath.Join(source, "efivars"), func(words []string) {
		key, value, _ := strings.Cut(strings.Join(words, " "), "=")
		f.setLayoutVar(t, key, value)
	})
	for file, at := range map[string]string{"cmdline": "cmdline", "osrelease": "sys/kernel/osrelease"} {
		if text, err := os.ReadFile(filepath.Join(source, file)); err == nil {
			write(t, filepath.Join(f.dir, "proc"), map[string]string{at: string(text)})
		}
	}
	return f, dir
}

// eachLine calls use with the words of each line; a file that is not there has
// none.
func eachLine(t *testing.T, file string, use func([]string)) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		use(strings.Fields(line))
	}
}

func (f *fake) setLayoutVar(t *testing.T, name, value string) {
	switch name {
	case "LoaderFeatures":
		var bits [8]byte
		n, err := strconv.ParseUint(value, 0, 64)
		require.NoError(t, err)
		binary.LittleEndian.PutUint64(bits[:], n)
		write(t, f.efivars, map[string]string{name + "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f": "\x06\x00\x00\x00" + string(bits[:])})
	case "LoaderEntries":
		f.setVar(t, name, strings.ReplaceAll(value, " ", "\x00"))
	default:
		f.setVar(t, name, value)
	}
}

// buildImages puts an image in the place of each folder X.efi, with the files
// in it as text sections. One with an osrel becomes a UKI with a kernel and an
// initrd; the others are addons.
func buildImages(t *testing.T, dir string) {
	var folders []string
	require.NoError(t, filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && path.Ext(p) == ".efi" {
			folders = append(folders, p)
		}
		return err
	}))
	for _, folder := range folders {
		var image fixtures.PE
		for _, name := range []string{"osrel", "cmdline", "uname"} {
			if text, err := os.ReadFile(filepath.Join(folder, name)); err == nil {
				image.Sections = append(image.Sections, fixtures.Text("."+name, strings.TrimSuffix(string(text), "\n")))
			}
		}
		if image.Sections[0].Name == ".osrel" {
			release := string(image.Sections[2].Data)
			image.Sections = append(image.Sections, fixtures.Text(".initrd", rawZstd(archive("init"))),
				fixtures.Section{Name: ".linux", Data: fixtures.BzImage{Version: release}.Bytes()})
		}
		require.NoError(t, os.RemoveAll(folder))
		require.NoError(t, os.WriteFile(folder, image.Bytes(), 0o644))
	}
}

// built makes a file of which only the kind matters.
func built(t *testing.T, kind, what string) string {
	t.Helper()
	switch kind {
	case "bzimage":
		return string(fixtures.BzImage{Version: what}.Bytes())
	case "cpio":
		return archiveWithFolders(t, what)
	case "zstd":
		return rawZstd(archive(what))
	case "early+zstd": // as dracut makes them
		return archiveWithFolders(t, "kernel/x86/microcode/GenuineIntel.bin") + rawZstd(archive(what))
	case "program":
		return string(fixtures.PE{}.Bytes())
	}
	require.Failf(t, "built", "no such kind: %s", kind)
	return ""
}

// archiveWithFolders is a cpio archive with a file and the folders around it.
func archiveWithFolders(t *testing.T, name string) string {
	var b bytes.Buffer
	w := cpio.Newc.Writer(&b)
	for i, c := range name {
		if c == '/' {
			require.NoError(t, w.WriteRecord(cpio.Directory(name[:i], 0o755)))
		}
	}
	require.NoError(t, w.WriteRecord(cpio.StaticFile(name, "content of "+name, 0o644)))
	require.NoError(t, cpio.WriteTrailer(w))
	return b.String()
}

// rawZstd is a zstd frame of one block that is stored as it is: its size does
// not change with the version of a library.
func rawZstd(data string) string {
	out := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0} // one segment, content size in 4 bytes
	out = binary.LittleEndian.AppendUint32(out, uint32(len(data)))
	block := uint32(len(data))<<3 | 1 // the last one, raw
	return string(append(out, byte(block), byte(block>>8), byte(block>>16))) + data
}
