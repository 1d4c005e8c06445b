//go:build tools || vm

package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"testing"

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
