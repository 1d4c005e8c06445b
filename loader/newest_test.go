package loader_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader"
)

func TestNewestKernel(t *testing.T) {
	for name, c := range map[string]struct {
		files          []string
		kernel, initrd string
	}{
		"Debian": {[]string{"vmlinuz-6.1.0-9-amd64", "initrd.img-6.1.0-9-amd64", "vmlinuz-6.1.0-48-amd64", "initrd.img-6.1.0-48-amd64", "config-6.1.0-48-amd64"},
			"/boot/vmlinuz-6.1.0-48-amd64", "/boot/initrd.img-6.1.0-48-amd64"},
		"Ubuntu": {[]string{"vmlinuz", "vmlinuz.old", "vmlinuz-6.8.0-9-generic", "vmlinuz-6.8.0-10-generic", "vmlinuz-6.8.0-11-generic.dpkg-new"},
			"/boot/vmlinuz-6.8.0-10-generic", ""},
		"Fedora": {[]string{"vmlinuz-0-rescue-0123", "initramfs-0-rescue-0123.img", "vmlinuz-6.17.9-300.fc43", "initramfs-6.17.9-300.fc43.img", ".vmlinuz-6.17.9-300.fc43.hmac"},
			"/boot/vmlinuz-6.17.9-300.fc43", "/boot/initramfs-6.17.9-300.fc43.img"},
		"openSUSE": {[]string{"vmlinuz-6.4.0-default", "initrd-6.4.0-default"}, "/boot/vmlinuz-6.4.0-default", "/boot/initrd-6.4.0-default"},
		"none":     {[]string{"vmlinuz", "vmlinuz-"}, "", ""},
	} {
		files := fstest.MapFS{}
		for _, file := range c.files {
			files["boot/"+file] = &fstest.MapFile{}
		}
		kernel, initrd, ok := loader.NewestKernel(host.Machine{FS: files})
		assert.Equal(t, c.kernel != "", ok, name)
		assert.Equal(t, [2]string{c.kernel, c.initrd}, [2]string{kernel, initrd}, name)
	}
}
