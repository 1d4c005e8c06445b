package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// pacmanPackage is a package for pacman: a tar file with its own description
// in front. Programs are executable.
func pacmanPackage(t *testing.T, name, version string, files map[string][]byte) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	add := func(name string, content []byte) {
		mode := int64(0o644)
		if bytes.HasPrefix(content, []byte("\x7fELF")) || bytes.HasPrefix(content, []byte("#!")) {
			mode = 0o755
		}
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(content))}))
		_, err := w.Write(content)
		require.NoError(t, err)
	}
	add(".PKGINFO", fmt.Appendf(nil, "pkgname = %s\npkgbase = %[1]s\npkgver = %s-1\npkgdesc = for tests\narch = any\nbuilddate = 1\nsize = 1\n", name, version))
	made := map[string]bool{".": true}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		var parents []string
		for dir := path.Dir(name); !made[dir]; dir = path.Dir(dir) {
			made[dir] = true
			parents = append([]string{dir}, parents...)
		}
		for _, dir := range parents {
			require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}))
		}
		add(name, files[name])
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

// ourPackage is what a package of kexec-bls has for pacman.
func ourPackage(t *testing.T) []byte {
	hook, err := os.ReadFile("dist/pacman/95-kexec-bls.hook")
	require.NoError(t, err)
	return pacmanPackage(t, "kexec-bls", "1", map[string][]byte{
		"usr/bin/kexec-bls": vm.Build(t, "."), "usr/share/libalpm/hooks/95-kexec-bls.hook": hook,
	})
}

const pacmanConf = "[options]\nArchitecture = auto\nSigLevel = Never\nLocalFileSigLevel = Never\n"

// hookRan is what pacman prints when it runs our hook.
const hookRan = "Looking at what boots next...\n"

// TestPacmanRunsTheHookInAChroot: pacman --root, as pacstrap and installers
// call it, runs hooks in a chroot. There ours has nothing to say.
func TestPacmanRunsTheHookInAChroot(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "var/lib/pacman"), 0o755))
	kernel := func(version string) []byte {
		return pacmanPackage(t, "linux", version, map[string][]byte{"usr/lib/modules/" + version + "/vmlinuz": []byte("a kernel")})
	}
	for name, content := range map[string][]byte{
		"pacman.conf": []byte(pacmanConf), "kexec-bls.tar": ourPackage(t), "linux-1.tar": kernel("1"), "linux-2.tar": kernel("2"),
		"other.tar": pacmanPackage(t, "other", "1", map[string][]byte{"usr/share/other": nil}),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	pacman := func(args ...string) string {
		t.Helper()
		args = append([]string{"pacman", "--config", dir + "/pacman.conf", "--root", root, "--dbpath", root + "/var/lib/pacman",
			"--cachedir", dir + "/cache", "--logfile", dir + "/log", "--hookdir", dir + "/none", "--noconfirm", "--noprogressbar"}, args...)
		if os.Geteuid() != 0 {
			args = append([]string{"unshare", "--map-root-user"}, args...)
		}
		output, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		require.NoError(t, err, "%s: %s; fixtures/setup.sh installs pacman", args, output)
		assert.NotContains(t, string(output), "error:")
		return string(output)
	}
	quiet := func(output string) {
		t.Helper()
		_, after, ran := strings.Cut(output, hookRan)
		assert.True(t, ran, output)
		assert.NotContains(t, output, "kexec-bls: ")
		assert.Empty(t, after, "it is the last hook and silent")
	}
	pacman("-U", dir+"/kexec-bls.tar")
	quiet(pacman("-U", dir+"/linux-1.tar"))
	quiet(pacman("-U", dir+"/linux-2.tar"))
	assert.NotContains(t, pacman("-U", dir+"/other.tar"), hookRan)
	quiet(pacman("-R", "linux"))
	assert.NoDirExists(t, filepath.Join(root, "run"), "nothing is left behind")
	assert.NotContains(t, pacman("-R", "kexec-bls"), "kexec-bls: ")
}

// TestPacmanHookTargets holds the file against what packages of Arch own.
func TestPacmanHookTargets(t *testing.T) {
	hook, err := os.ReadFile("dist/pacman/95-kexec-bls.hook")
	require.NoError(t, err)
	var targets []string
	for line := range strings.Lines(string(hook)) {
		if target, ok := strings.CutPrefix(strings.TrimSpace(line), "Target = "); ok {
			targets = append(targets, target)
		}
	}
	assert.Contains(t, targets, "usr/lib/modules/*/vmlinuz")
	assert.Contains(t, string(hook), "\nExec = /usr/bin/kexec-bls hook pacman\n")
	assert.NotContains(t, string(hook), "\nAbortOnFail", "only before a transaction")
	for file, want := range map[string]bool{
		"usr/lib/modules/6.17.1-arch1-1/vmlinuz": true, "usr/lib/modules/6.12.58-1-lts/vmlinuz": true,
		"usr/lib/initcpio/install/systemd": true, "usr/lib/dracut/modules.d/00systemd/module-setup.sh": true, "usr/bin/booster": true,
		"boot/amd-ucode.img": true, "boot/intel-ucode.img": true, "boot/EFI/Linux/x.efi": true, "efi/loader/entries/x.conf": true,
		"usr/lib/systemd/boot/efi/systemd-bootx64.efi": true, "usr/lib/systemd/boot/efi/linuxx64.efi.stub": true,
		"usr/lib/kernel/install.d/90-uki-copy.install": true, "usr/src/nvidia-580/dkms.conf": true, "usr/lib/firmware/amdgpu/x.bin.zst": true,
		"usr/lib/modules/6.17.1-arch1-1/extramodules/nvidia.ko.zst": true,
		"usr/bin/vim": false, "usr/share/boot/x": false, "usr/lib/modules/6.17.1-arch1-1/kernel/fs/ext4.ko.zst": false,
	} {
		assert.Equal(t, want, slices.ContainsFunc(targets, func(target string) bool { return fnmatch(target, file) }), file)
	}
}

// fnmatch is fnmatch(3) without flags, for patterns with "*" only: it stands
// for slashes too.
func fnmatch(pattern, name string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	name, ok := strings.CutPrefix(name, first)
	if !ok || !star {
		return ok && name == ""
	}
	for i := range len(name) + 1 {
		if fnmatch(rest, name[i:]) {
			return true
		}
	}
	return false
}
