package main

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// install runs what make install runs, with a program that only prints what it
// was asked for, and returns the installed files and their texts.
func install(t *testing.T, env ...string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\necho \"$@\"\n"), 0o755))
	cmd := exec.Command("dist/install.sh")
	cmd.Env = append(os.Environ(), "DESTDIR="+dir+"/to", "PROGRAM="+program)
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	files := map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS(dir+"/to"), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		require.NoError(t, err)
		script := strings.HasSuffix(path, "bin/kexec-bls") || strings.HasSuffix(path, ".install") || strings.HasSuffix(path, "zzz-kexec-bls")
		assert.Equal(t, script, info.Mode()&0o111 != 0, "%s: %s", path, info.Mode())
		assert.Equal(t, fs.FileMode(0o644), info.Mode()&0o644, path)
		text, err := os.ReadFile(filepath.Join(dir, "to", path))
		files["/"+path] = string(text)
		return err
	}))
	return files
}

// TestInstallTakesEverything: each file that is made to be installed is.
func TestInstallTakesEverything(t *testing.T) {
	got := install(t, "PREFIX=/usr", "HOOKS=pacman kernel-install debian")
	var names []string
	for path := range got {
		names = append(names, filepath.Base(path))
	}
	for _, dir := range []string{"man", "systemd", "schema", "prometheus", "pacman", "kernel-install", "debian"} {
		files, err := filepath.Glob("dist/" + dir + "/*")
		require.NoError(t, err)
		require.NotEmpty(t, files, dir)
		for _, file := range files {
			assert.Contains(t, names, filepath.Base(file))
		}
	}
	assert.Contains(t, got, "/usr/share/doc/kexec-bls/ansible/roles/kexec_bls/files/systemd/kexec-bls-boot.service")
	require.NoError(t, fs.WalkDir(os.DirFS("dist"), ".", func(path string, d fs.DirEntry, err error) error {
		if top, _, _ := strings.Cut(path, "/"); err == nil && d.Type().IsRegular() && (top == "ansible" || top == "kured") {
			assert.Contains(t, got, "/usr/share/doc/kexec-bls/"+path)
		}
		return err
	}))
	for _, path := range []string{
		"/usr/bin/kexec-bls", "/usr/share/man/man8/kexec-bls.8", "/usr/share/man/man5/kexec-bls.toml.5",
		"/usr/lib/systemd/system/kexec-bls-load@.service", "/usr/lib/systemd/system-preset/80-kexec-bls.preset",
		"/usr/share/libalpm/hooks/95-kexec-bls.hook", "/usr/lib/kernel/install.d/95-kexec-bls.install",
		"/etc/kernel/postinst.d/zzz-kexec-bls", "/etc/kernel/postrm.d/zzz-kexec-bls", "/etc/initramfs/post-update.d/zzz-kexec-bls",
		"/usr/share/licenses/kexec-bls/LICENSE", "/usr/share/kexec-bls/schema/status.json",
		"/usr/share/kexec-bls/prometheus/kexec-bls.rules.yml", "/usr/lib/systemd/system/kexec-bls-metrics.timer",
		"/usr/lib/systemd/system/kexec-bls-sysupdate.socket",
	} {
		assert.Contains(t, got, path)
	}
	assert.Equal(t, "completion bash\n", got["/usr/share/bash-completion/completions/kexec-bls"])
	assert.Equal(t, "completion zsh\n", got["/usr/share/zsh/site-functions/_kexec-bls"])
	assert.Equal(t, "completion fish\n", got["/usr/share/fish/vendor_completions.d/kexec-bls.fish"])
}

// TestInstallElsewhere: below another prefix the program is called there, and
// hooks go where package managers look for the administrator's.
func TestInstallElsewhere(t *testing.T) {
	got := install(t, "PREFIX=/opt/kb", "HOOKS=pacman kernel-install debian")
	for path, text := range got {
		if !strings.Contains(path, "/share/man/") && !strings.Contains(path, "/share/doc/") {
			assert.NotContains(t, text, "/usr/bin/kexec-bls", path)
		}
	}
	for _, path := range []string{
		"/opt/kb/lib/systemd/system/kexec-bls-load.service", "/etc/pacman.d/hooks/95-kexec-bls.hook",
		"/etc/kernel/install.d/95-kexec-bls.install", "/etc/kernel/postinst.d/zzz-kexec-bls",
	} {
		assert.Contains(t, got[path], "/opt/kb/bin/kexec-bls", path)
	}
	assert.Equal(t, "completion fish\n", got["/etc/fish/completions/kexec-bls.fish"], "found without XDG_DATA_DIRS")
	assert.NotContains(t, install(t, "HOOKS="), "/etc/pacman.d/hooks/95-kexec-bls.hook")
}

// TestInstallPaths: any DESTDIR works, and a PREFIX that units could not name is
// refused before anything is written.
func TestInstallPaths(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\necho \"$@\"\n"), 0o755))
	script, err := filepath.Abs("dist/install.sh")
	require.NoError(t, err)
	for _, destdir := range []string{"relative", "-dash", "two words", `a"b'c`, "100%n|&", "$(touch x)`touch y`", "line\nbreak", dir + "/absolute"} {
		_, err := runInstall(dir, script, "DESTDIR="+destdir, "PREFIX=/usr", "PROGRAM="+program, "HOOKS=debian")
		require.NoError(t, err, destdir)
		if !filepath.IsAbs(destdir) {
			destdir = filepath.Join(dir, destdir)
		}
		assert.FileExists(t, filepath.Join(destdir, "usr/bin/kexec-bls"))
		assert.FileExists(t, filepath.Join(destdir, "etc/kernel/postinst.d/zzz-kexec-bls"))
	}
	for _, prefix := range []string{"usr", "./usr", "/opt/two words", "/opt/a'b", `/opt/a"b`, "/opt/%n", "/opt/a|b", "/opt/a&b", "/opt/$x", "/opt/a\nb", "/opt/../usr", "/opt/a\\b"} {
		out, err := runInstall(dir, script, "DESTDIR="+dir+"/none", "PREFIX="+prefix, "PROGRAM="+program)
		require.Error(t, err, prefix)
		assert.Contains(t, out, "install.sh: PREFIX=")
	}
	assert.NoFileExists(t, filepath.Join(dir, "x"))
	assert.NoDirExists(t, filepath.Join(dir, "none"))
	_, err = runInstall(dir, script, "DESTDIR=slash", "PREFIX=/usr//", "PROGRAM="+program, "HOOKS=kernel-install")
	require.NoError(t, err)
	assert.FileExists(t, filepath.Join(dir, "slash/usr/lib/kernel/install.d/95-kexec-bls.install"), "/usr in another writing")
}

func runInstall(dir, script string, env ...string) (string, error) {
	cmd := exec.Command(script)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestUninstall removes what install brought, and nothing else.
func TestUninstall(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\necho \"$@\"\n"), 0o755))
	script, err := filepath.Abs("dist/install.sh")
	require.NoError(t, err)
	to := filepath.Join(dir, "two words")
	others := map[string]string{"opt/kb/bin/other": "", "opt/kb/share/doc/other/x": "", "opt/kb/share/kexec-bls/mine": "", "etc/kernel/postinst.d/other": ""}
	write(t, to, others)
	env := []string{"DESTDIR=" + to, "PREFIX=/opt/kb", "PROGRAM=" + program}
	out, err := runInstall(dir, script, append(env, "HOOKS=pacman kernel-install debian")...)
	require.NoError(t, err, out)
	cmd := exec.Command(script, "uninstall")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), append(env, "HOOKS=")...)
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", text)
	assert.Contains(t, string(text), "remove "+to+"/opt/kb/bin/kexec-bls\n")
	var left []string
	require.NoError(t, fs.WalkDir(os.DirFS(to), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			left = append(left, path)
		}
		return err
	}))
	assert.ElementsMatch(t, slices.Collect(maps.Keys(others)), left)
	assert.NoDirExists(t, to+"/opt/kb/share/doc/kexec-bls")
	assert.NoDirExists(t, to+"/opt/kb/share/kexec-bls/schema")
	assert.NoDirExists(t, to+"/opt/kb/share/licenses/kexec-bls")
}

// TestInstallBesideAPackage is refused on the machine itself, whatever the package
// manager, and allowed below a DESTDIR.
func TestInstallBesideAPackage(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"program": "#!/bin/sh\n"})
	require.NoError(t, os.Chmod(filepath.Join(dir, "program"), 0o755))
	script, err := filepath.Abs("dist/install.sh")
	require.NoError(t, err)
	for name, answer := range map[string]string{"dpkg": "dpkg-query", "rpm": "rpm", "pacman": "pacman"} {
		bin := filepath.Join(dir, name)
		for _, tool := range []string{"dpkg-query", "rpm", "pacman"} {
			text := "#!/bin/sh\nexit 1\n"
			if tool == answer {
				text = "#!/bin/sh\nprintf installed\n"
			}
			write(t, bin, map[string]string{tool: text})
			require.NoError(t, os.Chmod(filepath.Join(bin, tool), 0o755))
		}
		env := []string{"PREFIX=" + dir + "/to-" + name, "HOOKS=", "PROGRAM=" + dir + "/program", "PATH=" + bin + ":" + os.Getenv("PATH")}
		out, err := runInstall(dir, script, append(env, "DESTDIR=")...)
		require.Error(t, err)
		assert.Contains(t, out, "installed as a package of "+name+": remove the package first")
		assert.NoDirExists(t, dir+"/to-"+name)
		out, err = runInstall(dir, script, append(env, "DESTDIR="+dir+"/dest")...)
		require.NoError(t, err, out)
		out, err = runInstall(dir, script, append(env, "DESTDIR=", "FORCE=1")...)
		require.NoError(t, err, out)
		assert.FileExists(t, dir+"/to-"+name+"/bin/kexec-bls")
	}
}
