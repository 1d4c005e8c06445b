package esp_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/esp"
)

func TestFindOffline(t *testing.T) {
	for name, tt := range map[string]struct {
		tree string // what is below DIR; "->" for links
		env  string
		o    esp.Options
		want string // DIR is replaced by the tree
	}{
		"ESP at /efi":               {tree: "efi/EFI/Linux/ boot/", want: "esp DIR/efi plain"},
		"ESP at /boot":              {tree: "boot/loader/entries/ boot/EFI/", want: "esp DIR/boot plain"},
		"loader.conf alone":         {tree: "efi/ boot/loader/loader.conf", want: "esp DIR/boot plain"},
		"entries alone":             {tree: "boot/loader/entries/", want: "esp DIR/boot plain"},
		"ESP and XBOOTLDR":          {tree: "efi/EFI/systemd/ boot/loader/entries/", want: "esp DIR/efi plain|xbootldr DIR/boot plain"},
		"XBOOTLDR with UKIs":        {tree: "efi/EFI/ boot/EFI/Linux/", want: "esp DIR/efi plain|xbootldr DIR/boot plain"},
		"GRUB":                      {tree: "boot/loader/entries/ boot/grub2/ boot/efi/EFI/fedora/", want: "esp DIR/boot/efi plain|xbootldr DIR/boot plain"},
		"GRUB without EFI":          {tree: "boot/loader/entries/ boot/grub2/", want: "xbootldr DIR/boot plain"},
		"GRUB's files on the ESP":   {tree: "boot/loader/entries/ boot/efi/EFI/redhat/grub.cfg", want: "esp DIR/boot/efi plain|xbootldr DIR/boot plain"},
		"nothing in them":           {tree: "efi/ boot/efi/", want: "error no boot partition found below DIR: neither efi, boot nor boot/efi there has loader/entries or EFI/Linux; give the path of the boot partition"},
		"nothing":                   {tree: "etc/", want: "error no boot partition found below DIR: neither efi, boot nor boot/efi there has loader/entries or EFI/Linux; give the path of the boot partition"},
		"relaxed":                   {tree: "efi/ boot/", env: "SYSTEMD_RELAX_ESP_CHECKS=1 SYSTEMD_RELAX_XBOOTLDR_CHECKS=1", want: "esp DIR/efi plain|xbootldr DIR/boot plain"},
		"relaxed, boot alone":       {tree: "boot/", env: "SYSTEMD_RELAX_ESP_CHECKS=1 SYSTEMD_RELAX_XBOOTLDR_CHECKS=1", want: "esp DIR/boot plain"},
		"relaxed by something else": {tree: "efi/", env: "SYSTEMD_RELAX_ESP_CHECKS=maybe", want: "error no boot partition found below..."},
		"path given":                {tree: "a/b/", o: esp.Options{ESPPath: "/a/b"}, want: "esp DIR/a/b plain"},
		"relative path given":       {tree: "a/b/", o: esp.Options{ESPPath: "a/b"}, want: "esp DIR/a/b plain"},
		"both given":                {tree: "a/b/", o: esp.Options{ESPPath: "/a", BootPath: "/a/b"}, want: "esp DIR/a plain|xbootldr DIR/a/b plain"},
		"both given, same":          {tree: "a/", o: esp.Options{ESPPath: "/a", BootPath: "/a"}, want: "esp DIR/a plain"},
		"path above":                {tree: "a/", o: esp.Options{ESPPath: "../../../../../etc"}, want: "error DIR/etc: no such file or directory; paths of boot partitions are below DIR"},
		"path by environment":       {tree: "a/ b/", env: "SYSTEMD_ESP_PATH=/a SYSTEMD_XBOOTLDR_PATH=/b", want: "esp DIR/a plain|xbootldr DIR/b plain"},
		"link inside":               {tree: "boot/efi/EFI/ efi->boot/efi", want: "esp DIR/efi plain"},
		"link out of it":            {tree: "efi->../../../../etc etc/EFI/", want: "esp DIR/efi plain"},
		"absolute link":             {tree: "efi->/boot boot/EFI/", want: "esp DIR/efi plain"},
		"absolute link to nothing":  {tree: "efi->/usr boot/EFI/", want: "esp DIR/boot plain"},
		"link to itself":            {tree: "efi->efi boot/EFI/", want: "error DIR/efi: too many levels of symbolic links"},
		"a file":                    {tree: "boot/EFI/ efi", want: "error DIR/efi: not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.o.Root = t.TempDir()
			for _, name := range strings.Fields(tt.tree) {
				makeNode(t, tt.o.Root+"/"+name, strings.HasSuffix(name, "/"))
			}
			env := map[string]string{}
			for _, v := range strings.Fields(tt.env) {
				name, value, _ := strings.Cut(v, "=")
				env[name] = value
			}
			tt.o.Getenv = func(name string) string { return env[name] }
			volumes, err := esp.Find(tt.o)
			got := strings.Join(describe(volumes, err), "|")
			assertLike(t, tt.want, strings.ReplaceAll(got, tt.o.Root, "DIR"))
			for _, v := range volumes {
				assert.NoError(t, v.Close())
			}
		})
	}
	_, err := esp.Find(esp.Options{Root: "/nonexistent"})
	assert.EqualError(t, err, "/nonexistent: no such file or directory")
	_, err = esp.Find(esp.Options{Root: "/dev/null"})
	assert.EqualError(t, err, "/dev/null: not a directory")
}

// makeNode makes a file, a directory, or the link that "name->target" says.
func makeNode(t *testing.T, path string, isDir bool) {
	t.Helper()
	from, to, isLink := strings.Cut(path, "->")
	require.NoError(t, os.MkdirAll(filepath.Dir(from), 0o755))
	switch {
	case isLink:
		require.NoError(t, os.Symlink(to, from))
	case isDir:
		require.NoError(t, os.MkdirAll(from, 0o755))
	default:
		require.NoError(t, os.WriteFile(from, nil, 0o644))
	}
}

func TestFindGiven(t *testing.T) {
	dir := t.TempDir()
	makeNode(t, dir+"/a/in", false)
	makeNode(t, dir+"/b", true)
	makeNode(t, dir+"/secret", false)
	makeNode(t, dir+"/a/out->../secret", false)
	none := func(string) string { return "" }

	volumes, err := esp.Find(esp.Options{ESPPath: dir + "/a/", BootPath: dir + "/b", Getenv: none})
	require.NoError(t, err)
	assert.Equal(t, []string{"esp " + dir + "/a plain", "xbootldr " + dir + "/b plain"}, describe(volumes, err))
	_, err = volumes[0].Root.Stat("in")
	assert.NoError(t, err)
	_, err = volumes[0].Root.Open("out")
	assert.ErrorContains(t, err, "path escapes from parent")

	// The option has precedence over the environment.
	t.Setenv("SYSTEMD_ESP_PATH", "/nonexistent")
	t.Setenv("SYSTEMD_XBOOTLDR_PATH", dir+"/b")
	volumes, err = esp.Find(esp.Options{ESPPath: dir + "/b"})
	assert.Equal(t, []string{"esp " + dir + "/b plain"}, describe(volumes, err))
	volumes, err = esp.Find(esp.Options{})
	assert.Equal(t, []string{"error /nonexistent: no such file or directory"}, describe(volumes, err))

	// A mount point is told from a plain directory.
	volumes, err = esp.Find(esp.Options{ESPPath: "/proc", BootPath: dir + "/b"})
	require.NoError(t, err)
	assert.False(t, volumes[0].Plain)
	assert.True(t, volumes[1].Plain)

	// A relative path is one of this process.
	t.Chdir(dir)
	volumes, err = esp.Find(esp.Options{ESPPath: "a", BootPath: "b"})
	assert.Equal(t, []string{"esp " + dir + "/a plain", "xbootldr " + dir + "/b plain"}, describe(volumes, err))
}

func TestKind(t *testing.T) {
	assert.Equal(t, "esp", esp.ESP.String())
	assert.Equal(t, "xbootldr", esp.XBOOTLDR.String())
	assert.Equal(t, "Kind(0)", esp.Kind(0).String())
}
