package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPostremoveLinks holds that the package removes the links which enabled its
// own units, and no link of the administrator.
func TestPostremoveLinks(t *testing.T) {
	dir := t.TempDir()
	script, err := os.ReadFile("dist/nfpm/postremove.sh")
	require.NoError(t, err)
	moved := strings.NewReplacer("/etc/systemd/system", dir+"/etc", "/var/lib/kexec-bls", dir+"/var", "/run/", dir+"/run/").Replace(string(script))
	type link struct {
		target string
		ours   bool
	}
	links := map[string]link{
		"multi-user.target.wants/kexec-bls-load.service":        {"/usr/lib/systemd/system/kexec-bls-load.service", true},
		"multi-user.target.wants/kexec-bls-load@a b.service":    {"/usr/lib/systemd/system/kexec-bls-load@.service", true},
		"-f/kexec-bls-boot.service":                             {"/lib/systemd/system/kexec-bls-boot.service", true},
		"line\nbreak/kexec-bls-reload.path":                     {"/usr/local/lib/systemd/system/kexec-bls-reload.path", true},
		"sockets.target.wants/kexec-bls-sysupdate.socket":       {"/usr/lib/systemd/system/kexec-bls-sysupdate.socket", true},
		"timers.target.wants/kexec-bls-metrics.timer":           {"/usr/lib/systemd/system/kexec-bls-metrics.timer", true},
		"kexec-bls-metrics.path":                                {"/usr/lib/systemd/system/kexec-bls-metrics.path", true},
		"gpu.service":                                           {"/usr/lib/systemd/system/kexec-bls-gpu.service", true},
		"guard.service":                                         {"/usr/lib/systemd/system/kexec-bls-guard.service", true},
		"kexec-bls-load@x.service":                              {"/usr/lib/systemd/system/kexec-bls-load@x.service", true},
		"backup.service":                                        {"/srv/kexec-bls-data/units/backup.service", false},
		"kexec-bls-nightly.service":                             {"/opt/site/kexec-bls-nightly.service", false},
		"kexec-bls-own.service":                                 {"/usr/lib/systemd/system/kexec-bls-own.service", false},
		"kexec-bls-load.service":                                {"/srv/usr/lib/systemd/system/kexec-bls-load.service", false},
		"kexec-bls-boot.service":                                {"/opt/lib/systemd/system/kexec-bls-boot.service", false},
		"twice.service":                                         {"/usr/usr/lib/systemd/system/kexec-bls-boot.service", false},
		"below.service":                                         {"/usr/lib/systemd/system/kexec-bls-load@/x.service", false},
		"masked.service":                                        {"/dev/null", false},
		"multi-user.target.wants/kexec-bls-load.service.backup": {"/usr/lib/systemd/system/kexec-bls-load.service.backup", false},
	}
	units, err := filepath.Glob("dist/systemd/kexec-bls-*")
	require.NoError(t, err)
	for _, unit := range units {
		if text, err := os.ReadFile(unit); err == nil && strings.Contains(string(text), "[Install]") {
			name := filepath.Base(unit)
			links["enabled.wants/"+name] = link{"/usr/lib/systemd/system/" + name, true}
		}
	}
	for name, link := range links {
		path := filepath.Join(dir, "etc", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.Symlink(link.target, path))
	}
	own := filepath.Join(dir, "etc/kexec-bls-kexec.service")
	require.NoError(t, os.WriteFile(own, nil, 0o644))
	dropIn := filepath.Join(dir, "etc/systemd-reboot.service.d/50-kexec-bls.conf")
	require.NoError(t, os.MkdirAll(filepath.Dir(dropIn), 0o755))
	require.NoError(t, os.WriteFile(dropIn, nil, 0o644))
	out, err := exec.CommandContext(t.Context(), "sh", "-c", moved, "postremove", "remove").CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Empty(t, string(out))
	for name, link := range links {
		_, err := os.Lstat(filepath.Join(dir, "etc", name))
		assert.Equal(t, link.ours, os.IsNotExist(err), name)
	}
	assert.NoFileExists(t, dropIn, "no reboot may become a kexec without the guard")
	assert.FileExists(t, own, "a file of the administrator is no link")
}
