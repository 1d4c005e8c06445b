package grub

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const bootUUID = "11111111-2222-4333-8444-555555555555"

// searchMachine has an ESP with grub.cfg and a /boot, as a disk has them.
func searchMachine(cfg string) *Machine {
	boot := disk{"i1": "", "loader/entries/a.conf": "linux /i1\n"}
	first := &Device{Aliases: []string{"hd0,gpt1", "hd0,1"}, UUID: "ABCD-1234", Label: "ESPLABEL", FAT: true,
		FS: disk{"grub2/grub.cfg": cfg + "\n"}.fs()}
	second := &Device{Aliases: []string{"hd0,gpt2", "hd0,2"}, UUID: bootUUID, Label: "BOOT", FS: boot.fs()}
	return &Machine{Devices: []*Device{first, second}, Start: first, Dir: "grub2"}
}

// TestSearch has the forms of search, and of a name of a device, that GRUB 2.14
// was asked about.
func TestSearch(t *testing.T) {
	for cfg, found := range map[string]bool{
		"search --no-floppy --fs-uuid --set=root " + bootUUID:                              true,
		"search --set root --fs-uuid " + bootUUID:                                          true,
		"search --fs-uuid --set " + bootUUID:                                               true,
		"search --fs-uuid -s root " + bootUUID:                                             true,
		"search --label --set=root BOOT":                                                   true,
		"search --label --set=root boot":                                                   false,
		"search --label BOOT --set":                                                        true,
		"search --file --set=root /i1":                                                     true,
		"search --set=root --file /sub/../i1":                                              true,
		"search --fs-uuid --set=root --hint-efi=hd0,gpt2 --hint-bios hd0,gpt1 " + bootUUID: true,
		"search --fs-uuid --set=root --hint 'hd0,gpt2' " + bootUUID:                        true,
		"search -u -n --set=root " + bootUUID:                                              true,
		"search -un --set=root " + bootUUID:                                                true,
		"search --fs-uuid --set=root " + bootUUID + " x y":                                 true,
		"search --set=root --fs-uuid --label BOOT":                                         true,
		"search --set=root --label --fs-uuid " + bootUUID:                                  false,
		"search --fs-uuid --set=root 11111111-2222-4333-8444-55555555555A":                 false,
		"search --root-dev-only --fs-uuid --set=root " + bootUUID:                          true, // Fedora's knows it
		"insmod blsuki\nsearch --root-dev-only --fs-uuid --set=root " + bootUUID:           false,
		"insmod blsuki\nsearch --nosuch --fs-uuid --set=root " + bootUUID:                  false,
		"search --set=root " + bootUUID:                                                    false, // a kind is missing
		"search --fs-uuid " + bootUUID:                                                     false, // it is only shown
		"search --fs-uuid " + bootUUID + " root":                                           false,
		"search --fs-uuid --set=r " + bootUUID + "\nroot=$r":                               true,
		"search.fs_uuid " + bootUUID + " root":                                             true,
		"search.fs_uuid " + bootUUID + " root hd0,gpt9":                                    true,
		"search.fs_label BOOT root":                                                        true,
		"search.file /i1 root":                                                             true,
		"set root='hd0,gpt2'":                                                              true,
		"set root='(hd0,gpt2)'":                                                            true,
		"set root=hd0,2":                                                                   true,
		"set root=hd0,gpt1":                                                                false,
		"if [ -f (hd0,gpt2)/i1 ]; then set root=hd0,gpt2; fi":                              true,
		"if [ -e (md/md-boot) ]; then set root=x; else set root=hd0,2; fi":                 true,
	} {
		m := searchMachine(cfg + "\nblscfg")
		m.Absent = func(device string) bool { return device == "md/md-boot" }
		b := Next(m)
		if found {
			require.NoError(t, b.Err, cfg)
			assert.Equal(t, "/i1", b.Command.Kernel.Path)
			continue
		}
		assert.Error(t, b.Err, cfg)
	}
}

// What GRUB calls hd1 is its firmware's to say.
func TestUnknownDevices(t *testing.T) {
	for _, cfg := range []string{
		"set root=hd1,gpt2", "if [ -f (hd1,gpt2)/i1 ]; then set root=hd0,gpt2; fi", "set root='lvm/vg-boot'", "if [ -e (md/md-boot) ]; then blscfg; fi\nset root=hd0,2",
		"search --set=root --file /nosuch", "search --set=root --label none",
	} {
		var u *UndeterminedError
		assert.ErrorAs(t, Next(searchMachine(cfg+"\nblscfg")).Err, &u, cfg)
	}
	m := searchMachine("set root=hd0,gpt2\nblscfg")
	m.Devices = append(m.Devices, &Device{UUID: "x", Label: "BOOT", FS: disk{}.fs()})
	require.NoError(t, Next(m).Err)
	m.Start.FS = disk{"grub2/grub.cfg": "search --label --set=root BOOT\nblscfg\n"}.fs()
	var u *UndeterminedError
	assert.ErrorAs(t, Next(m).Err, &u, "two have the label")
	m.Devices[1].UUID, m.Devices[1].Label, m.Devices[2].Label = "", "", "other"
	require.NoError(t, Next(m).Err, "one of which nothing is known may have it")
}
