package host_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

func TestFileSystemNames(t *testing.T) {
	dir := t.TempDir()
	for link, node := range map[string]string{
		"by-uuid/ABCD-1234": "vda1", "by-uuid/3f0c": "dm-1", `by-label/MY\x20BOOT`: "vda1", `by-label/a\xzz\x2`: "vdb", "by-label/other": "vdc",
	} {
		name := filepath.Join(dir, "dev/disk", link)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.Symlink("../../"+node, name))
	}
	m := host.At(dir)
	for device, want := range map[string][2]string{
		"/dev/vda1": {"ABCD-1234", "MY BOOT"}, "/dev/dm-1": {"3f0c", ""}, "/dev/vdb": {"", `a\xzz\x2`}, "/dev/vdz": {}, "": {},
	} {
		assert.Equal(t, want[0], m.FileSystemUUID(device), device)
		assert.Equal(t, want[1], m.FileSystemLabel(device), device)
	}
}
