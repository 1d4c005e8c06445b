//go:build packages

package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tool runs a program and returns what it says.
func tool(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", strings.Join(args, " "), out)
	return string(out)
}

// release makes the packages of HEAD and returns their directory.
func release(t *testing.T, repo, umask string, env ...string) string {
	out := filepath.Join(t.TempDir(), "out")
	printed := tool(t, repo, append(env, "OUT="+out), "sh", "-c", "umask "+umask+"; exec make --no-print-directory dist ARCHS=amd64")
	for _, step := range []string{"dist: version ", "dist: building for amd64\n", "dist: packages for amd64\n", "dist: done\n"} {
		assert.Contains(t, printed, step)
	}
	assert.NotContains(t, printed, "arm64")
	return out
}

// one is the file in a directory that fits a pattern.
func one(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	require.Len(t, found, 1, pattern)
	return found[0]
}

func TestPackages(t *testing.T) {
	require.Zero(t, os.Geteuid(), "packages are installed into a root directory, which only root can do")
	repo, err := filepath.Abs("../..")
	require.NoError(t, err)
	out := release(t, repo, "022")
	t.Run("are reproducible", func(t *testing.T) {
		elsewhere := filepath.Join(t.TempDir(), "clone")
		tool(t, "", nil, "git", "clone", "-q", repo, elsewhere)
		again := release(t, elsewhere, "077", "TZ=Asia/Tokyo", "LC_ALL=C.UTF-8", "GOFLAGS=-v")
		for _, name := range []string{"SHA256SUMS", "PKGBUILD"} {
			a, err := os.ReadFile(filepath.Join(out, name))
			require.NoError(t, err)
			b, err := os.ReadFile(filepath.Join(again, name))
			require.NoError(t, err)
			assert.Equal(t, string(a), string(b))
		}
		tool(t, out, nil, "sha256sum", "--check", "--strict", "SHA256SUMS")
	})
	t.Run("have one version", func(t *testing.T) {
		version := strings.TrimSpace(tool(t, repo, nil, "cmd/kexec-bls/dist/version.sh", "HEAD"))
		for _, pattern := range []string{"kexec-bls-%s.tar.gz", "kexec-bls-%s-linux-amd64.tar.gz", "kexec-bls-%s-linux-amd64.cdx.json", "kexec-bls_%s-1_amd64.deb", "kexec-bls-%s-1.x86_64.rpm"} {
			one(t, out, fmt.Sprintf(pattern, version))
		}
		text, err := os.ReadFile(filepath.Join(out, "PKGBUILD"))
		require.NoError(t, err)
		assert.Contains(t, string(text), "\npkgver="+version+"\n")
		unpacked := t.TempDir()
		tool(t, unpacked, nil, "tar", "-xzf", one(t, out, "*-linux-amd64.tar.gz"))
		assert.Equal(t, "kexec-bls "+version+"\n", tool(t, "", nil, one(t, unpacked, "*/usr/bin/kexec-bls"), "--version"))
	})
	t.Run("list their modules", func(t *testing.T) {
		var bom struct {
			BOMFormat  string
			Components []struct{ Name string }
		}
		text, err := os.ReadFile(one(t, out, "*.cdx.json"))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &bom))
		assert.Equal(t, "CycloneDX", bom.BOMFormat)
		var names []string
		for _, c := range bom.Components {
			names = append(names, c.Name)
		}
		assert.Contains(t, names, "github.com/spf13/cobra")
		assert.NotContains(t, names, "github.com/stretchr/testify", "that is for tests")
	})
	t.Run("deb", func(t *testing.T) { testDeb(t, one(t, out, "*_amd64.deb")) })
	t.Run("rpm", func(t *testing.T) { testRPM(t, one(t, out, "*.x86_64.rpm")) })
	t.Run("pacman", func(t *testing.T) { testPacman(t, one(t, out, "*-x86_64.pkg.tar.zst")) })
	t.Run("makepkg", func(t *testing.T) { testMakepkg(t, out) })
	t.Run("tarball", func(t *testing.T) {
		list := tool(t, "", nil, "tar", "-tzf", one(t, out, "*-linux-amd64.tar.gz"))
		assert.ElementsMatch(t, installed(t, "HOOKS=pacman kernel-install debian"), filesIn(list, 1))
	})
}

// installed is what make install installs, by name.
func installed(t *testing.T, env ...string) []string {
	var names []string
	for name := range install(t, append([]string{"PREFIX=/usr"}, env...)...) {
		names = append(names, name)
	}
	return names
}

// filesIn are the files of a tar listing, less so many leading directories.
// Packages have manuals compressed.
func filesIn(list string, strip int) []string {
	var names []string
	for _, line := range strings.Split(strings.TrimSpace(list), "\n") {
		name := "/" + strings.Join(strings.Split(strings.TrimPrefix(strings.TrimPrefix(line, "./"), "/"), "/")[strip:], "/")
		if strings.Contains(name, "/man/") {
			name = strings.TrimSuffix(name, ".gz")
		}
		if !strings.HasSuffix(name, "/") && !strings.HasPrefix(name, "/.") { // no .PKGINFO
			names = append(names, name)
		}
	}
	return names
}

// A root is a Debian 13 in which a package manager may do as it likes.
type root struct{ dir, upper string }

func newRootDir(t *testing.T) root {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	image := filepath.Join(cache, "kexec-bls/debian/trixie/root.ext4")
	require.FileExists(t, image, "fixtures/setup.sh packages makes it")
	dir := t.TempDir()
	for _, name := range []string{"lower", "upper", "work", "root"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	tool(t, dir, nil, "mount", "-o", "loop,ro,noload", image, "lower")
	t.Cleanup(func() { tool(t, dir, nil, "umount", "lower") })
	tool(t, dir, nil, "mount", "-t", "overlay", "overlay", "-o", "lowerdir=lower,upperdir=upper,workdir=work", "root")
	t.Cleanup(func() { tool(t, dir, nil, "umount", "root") })
	for _, name := range []string{"usr/share/doc", "usr/share/man", "usr/share/licenses", "usr/share/libalpm/hooks", "etc/systemd/system/multi-user.target.wants"} {
		// A system has more in there than we bring, and keeps the directory.
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "root", name), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "root", name, "other"), nil, 0o644))
	}
	return root{filepath.Join(dir, "root"), filepath.Join(dir, "upper")}
}

// use does in the root what a user does with an installed package.
func (r root) use(t *testing.T) {
	said := tool(t, "", nil, "chroot", r.dir, "kexec-bls", "--version")
	assert.Regexp(t, `^kexec-bls \d+\.\d+\.`, said)
	tool(t, "", nil, "systemctl", "--root="+r.dir, "enable", "kexec-bls-load.service", "kexec-bls-load@arch.conf.service", "kexec-bls-reload.path")
	assert.FileExists(t, r.dir+"/etc/systemd/system/multi-user.target.wants/kexec-bls-load@arch.conf.service")
	for _, dir := range []string{"var/lib/kexec-bls", "run/kexec-bls"} {
		require.NoError(t, os.MkdirAll(filepath.Join(r.dir, dir), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(r.dir, dir, "next.json"), []byte("{}"), 0o600))
	}
}

// left is what is otherwise than before in the root, but for what package
// managers keep for themselves.
func (r root) left(t *testing.T) []string {
	var found []string
	require.NoError(t, filepath.WalkDir(r.upper, func(path string, d fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, r.upper)
		if slices.Contains([]string{"/var/lib/dpkg", "/var/lib/rpm", "/var/lib/pacman", "/var/log", "/var/cache"}, name) {
			return filepath.SkipDir
		}
		own := d != nil && (d.Name() == "other" || name == "/etc/ld.so.cache") // pacman makes the cache
		if err == nil && !own && (!d.IsDir() || strings.Contains(name, "kexec-bls")) {
			found = append(found, name) // a removed one is there too, as a whiteout
		}
		return err
	}))
	return found
}

func testDeb(t *testing.T, file string) {
	list := tool(t, "", nil, "sh", "-c", "dpkg-deb --fsys-tarfile '"+file+"' | tar -t")
	assert.ElementsMatch(t, installed(t, "HOOKS=kernel-install debian", "ZSHDIR=/usr/share/zsh/vendor-completions",
		"LICENSEFILE=/usr/share/doc/kexec-bls/copyright"), filesIn(list, 0))
	r := newRootDir(t)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(r.dir+"/tmp/kexec-bls.deb", data, 0o644))
	for range 2 { // the second time is an upgrade
		tool(t, "", nil, "chroot", r.dir, "dpkg", "-i", "/tmp/kexec-bls.deb")
		r.use(t)
	}
	require.NoError(t, os.Remove(r.dir+"/tmp/kexec-bls.deb"))
	tool(t, "", nil, "chroot", r.dir, "dpkg", "-r", "kexec-bls")
	var conffiles []string
	for _, name := range r.left(t) {
		if strings.HasPrefix(name, "/etc/") {
			conffiles = append(conffiles, name)
		}
	}
	assert.ElementsMatch(t, []string{"/etc/kernel/postinst.d/zzz-kexec-bls", "/etc/kernel/postrm.d/zzz-kexec-bls",
		"/etc/initramfs/post-update.d/zzz-kexec-bls"}, conffiles, "a removal keeps what an administrator may have changed")
	tool(t, "", nil, "chroot", r.dir, "dpkg", "-P", "kexec-bls")
	assert.Empty(t, r.left(t), "a purge leaves nothing")
}

func testRPM(t *testing.T, file string) {
	list := tool(t, "", nil, "rpm", "-qp", "--qf", "[%{FILEMODES:perms} %{FILENAMES}\n]", file)
	var files strings.Builder
	for line := range strings.Lines(list) {
		if mode, name, _ := strings.Cut(line, " "); !strings.HasPrefix(mode, "d") {
			files.WriteString(name)
		}
	}
	assert.ElementsMatch(t, installed(t, "HOOKS=kernel-install"), filesIn(files.String(), 0))
	r := newRootDir(t)
	rpm := []string{"rpm", "--root", r.dir, "--dbpath", "/var/lib/rpm", "--nodeps"} // of a system that is no rpm's
	tool(t, "", nil, append(rpm, "-i", file)...)
	r.use(t)
	tool(t, "", nil, append(rpm, "-U", "--replacepkgs", file)...)
	r.use(t)
	tool(t, "", nil, append(rpm, "-e", "kexec-bls")...)
	assert.Empty(t, r.left(t))
}

func testPacman(t *testing.T, file string) {
	assert.ElementsMatch(t, installed(t, "HOOKS=kernel-install pacman"), filesIn(tool(t, "", nil, "tar", "-tf", file), 0))
	r := newRootDir(t)
	// pacman's /bin/sh is bash, which its package scripts are written for.
	tool(t, r.dir+"/usr/bin", nil, "ln", "-sf", "bash", "sh")
	before := r.left(t)
	config := filepath.Join(t.TempDir(), "pacman.conf")
	require.NoError(t, os.WriteFile(config, []byte("[options]\nArchitecture = x86_64\nSigLevel = Never\nLocalFileSigLevel = Never\n"), 0o644))
	require.NoError(t, os.MkdirAll(r.dir+"/var/lib/pacman", 0o755))
	pacman := []string{"pacman", "--root", r.dir, "--dbpath", r.dir + "/var/lib/pacman", "--config", config, "--noconfirm",
		"--hookdir", r.dir + "/usr/share/libalpm/hooks", "--cachedir", t.TempDir(), "--logfile", "/dev/null"}
	for range 2 {
		said := tool(t, "", nil, append(pacman, "-U", file)...)
		assert.NotRegexp(t, "error|warning: [^k]", said) // kexec-bls is up to date -- reinstalling
		r.use(t)
	}
	said := tool(t, "", nil, append(pacman, "-R", "kexec-bls")...)
	assert.NotRegexp(t, "error|warning", said)
	assert.Equal(t, before, r.left(t))
}

// testMakepkg builds as makepkg's users do: not root, offline, somewhere else,
// with nothing built before. The program is the same, byte for byte.
func testMakepkg(t *testing.T, out string) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	source := strings.Replace(one(t, out, "*-linux-amd64.tar.gz"), "-linux-amd64", "", 1)
	for _, file := range []string{one(t, out, "PKGBUILD"), source} {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(file)), data, 0o644))
	}
	nobody, err := user.Lookup("nobody")
	require.NoError(t, err)
	uid, err := strconv.Atoi(nobody.Uid)
	require.NoError(t, err)
	require.NoError(t, os.Chown(dir, uid, -1))
	env := []string{"HOME=" + dir, "GOCACHE=" + dir + "/.cache", "GOPATH=" + dir + "/.go", "GOPROXY=off", "PKGEXT=.pkg.tar.zst", "GOFLAGS="}
	tool(t, dir, env, "runuser", "-u", "nobody", "--", "makepkg", "--nodeps", "--nocheck")
	built := one(t, dir, "*.pkg.tar.zst")
	ours := one(t, out, "*-x86_64.pkg.tar.zst")
	assert.ElementsMatch(t, filesIn(tool(t, "", nil, "tar", "-tf", ours), 0), filesIn(tool(t, "", nil, "tar", "-tf", built), 0))
	assert.Equal(t, programIn(t, ours), programIn(t, built))
}

// programIn is the checksum of the program in a package.
func programIn(t *testing.T, file string) string {
	data, err := exec.Command("tar", "-xOf", file, "usr/bin/kexec-bls").Output()
	require.NoError(t, err)
	require.NotEmpty(t, data)
	return fmt.Sprintf("%x", sha256.Sum256(data))
}
