package grub

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSearchArguments: what search is to look for, and the variable that is set.
func TestSearchArguments(t *testing.T) {
	for args, want := range map[string]wanted{
		"":                                      {"", "root", ""},
		"x":                                     {"", "", "x"},
		"-u x":                                  {"fs_uuid", "", "x"},
		"--fs-uuid x":                           {"fs_uuid", "", "x"},
		"-l x":                                  {"fs_label", "", "x"},
		"--label x":                             {"fs_label", "", "x"},
		"-f x":                                  {"file", "", "x"},
		"--file x":                              {"file", "", "x"},
		"-p x":                                  {"part_uuid", "", "x"},
		"--part-uuid x":                         {"part_uuid", "", "x"},
		"-u -l x":                               {"fs_label", "", "x"},
		"-f -u x":                               {"fs_uuid", "", "x"},
		"-p -f x":                               {"file", "", "x"},
		"-u -s v x":                             {"fs_uuid", "v", "x"},
		"-u --set v x":                          {"fs_uuid", "v", "x"},
		"-u --set=v x":                          {"fs_uuid", "v", "x"},
		"-u --set= x":                           {"fs_uuid", "root", "x"},
		"-u x -s":                               {"fs_uuid", "root", "x"},
		"-u -s x":                               {"fs_uuid", "root", "x"}, // the only argument is the name
		"-s -u x":                               {"fs_uuid", "root", "x"},
		"-u x y z":                              {"fs_uuid", "", "x"},
		"-n --efidisk-only --cryptodisk-only x": {"", "", "x"},
		"--no-floppy -u x":                      {"fs_uuid", "", "x"},
		"-u -h a x":                             {"fs_uuid", "", "x"},
		"-u --hint a --hint-efi=b --hint-bios c --hint-baremetal d --hint-arc e --hint-ieee1275 f x": {"fs_uuid", "", "x"},
		"-nu x":      {"fs_uuid", "", "x"},
		"-lns v x":   {"fs_label", "v", "x"},
		"-uz x":      {"", "", "-uz"},
		"--none x":   {"", "", "--none"},
		"-r -u x":    {"fs_uuid", "", "x"},
		"-u x --":    {"fs_uuid", "", "x"},
		"-u x -h":    {"fs_uuid", "", "x"},
		"- -u":       {"fs_uuid", "", "-"},
		"-u x=y":     {"fs_uuid", "", "x=y"},
		"-u --set=v": {"fs_uuid", "root", "v"},
	} {
		r := disk{}.bare()
		args := strings.Fields(args)
		assert.Equal(t, want, r.searchArgs(args), args)
	}
	r := disk{}.bare()
	r.flavor = Upstream
	for _, option := range []string{"-p", "--part-uuid", "-r", "--root-dev-only"} {
		assert.Equal(t, wanted{"fs_uuid", "", option}, r.searchArgs([]string{option, "-u", "x"}), "upstream has no %s", option)
	}
}

// found is the place of the device that is found; -1 where that is not known.
func found(devices []*Device, by, name string) int {
	d := newRunner(&Machine{Devices: devices}).find(by, name)
	for i, other := range devices {
		if d == other {
			return i
		}
	}
	return -1
}

// TestFind: a device of which nothing is known may be the one that is meant; one that is
// known is it, or is not.
func TestFind(t *testing.T) {
	const uuid = "11111111-2222-4333-8444-555555555555"
	empty := disk{}.fs()
	ext4 := &Device{UUID: uuid, Label: "BOOT", FS: disk{"a": "", "both": ""}.fs()}
	vfat := &Device{UUID: "ABCD-1234", Label: "ESP", FAT: true, FS: disk{"b": "", "both": ""}.fs()}
	dark, darkFAT, labelled := &Device{FS: empty}, &Device{FAT: true, FS: empty}, &Device{Label: "X", FS: empty}
	for _, c := range []struct {
		name     string
		devices  []*Device
		by, text string
		want     int
	}{
		{"the UUID", []*Device{vfat, ext4}, "fs_uuid", uuid, 1},
		{"in any case", []*Device{ext4, vfat}, "fs_uuid", "abcd-1234", 1},
		{"before one that is not known", []*Device{dark, ext4}, "fs_uuid", uuid, 1},
		{"one that is not known", []*Device{vfat, dark, dark}, "fs_uuid", uuid, 1},
		{"no FAT has such a UUID", []*Device{darkFAT, dark}, "fs_uuid", uuid, 1},
		{"no FAT alone", []*Device{darkFAT}, "fs_uuid", uuid, -1},
		{"a FAT's UUID", []*Device{darkFAT}, "fs_uuid", "1234-ABCD", 0},
		{"all others are known", []*Device{ext4, vfat}, "fs_uuid", "none", -1},
		{"the label", []*Device{vfat, ext4}, "fs_label", "BOOT", 1},
		{"its case counts", []*Device{vfat, ext4}, "fs_label", "boot", -1},
		{"two have it", []*Device{ext4, vfat, ext4}, "fs_label", "BOOT", -1},
		{"before one that is not known", []*Device{dark, ext4}, "fs_label", "BOOT", 1},
		{"one that is not known", []*Device{ext4, dark, dark}, "fs_label", "NEW", 1},
		{"a label is known without a UUID", []*Device{labelled}, "fs_label", "NEW", -1},
		{"the file", []*Device{ext4, vfat}, "file", "/b", 1},
		{"in any case on FAT", []*Device{ext4, vfat}, "file", "/B", 1},
		{"two have it", []*Device{ext4, vfat}, "file", "/both", -1},
		{"none has it", []*Device{ext4, vfat}, "file", "/none", -1},
		{"a partition, by its own UUID", []*Device{dark}, "part_uuid", uuid, 0},
		{"of a file system that is known", []*Device{ext4}, "part_uuid", uuid, -1},
		{"of two", []*Device{dark, darkFAT}, "part_uuid", uuid, -1},
	} {
		assert.Equal(t, c.want, found(c.devices, c.by, c.text), "%s: %s %s", c.by, c.name, c.text)
	}
}

// TestSearchCommand: the variable and the status.
func TestSearchCommand(t *testing.T) {
	for script, want := range map[string]string{ // status, and v
		"search -u --set=v ABCD-1234":                    "0 hd0,gpt1",
		"search -u -s v NONE-0000":                       unknown + " " + unknown,
		"search -u ABCD-1234":                            "0 old", // it is shown
		"search --set=v ABCD-1234":                       "1 old",
		"search -u":                                      "1 old",
		"search":                                         "1 old",
		"search.fs_uuid ABCD-1234 v":                     "0 hd0,gpt1",
		"search.fs_uuid ABCD-1234":                       "1 old",
		"search.fs_uuid":                                 "1 old",
		"search.fs_label NONE v":                         unknown + " " + unknown,
		"search.file /grub2/grub.cfg v":                  "0 hd0,gpt1",
		"search.fs_uuid ABCD-1234 v hd0,gpt9 hd1,gpt1":   "0 hd0,gpt1",
		"search --file --set v /grub2/grub.cfg --hint x": "0 hd0,gpt1",
	} {
		m := disk{}.machine("v=old\n" + script)
		m.Start.Name, m.Start.UUID = "hd0,gpt1", "ABCD-1234"
		r := newRunner(m)
		require.NoError(t, r.begin(), script)
		assert.Equal(t, want, r.status.number()+" "+r.value("v"), script)
	}
}

func TestLetters(t *testing.T) {
	assert.Equal(t, []string{"-u", "-n", "-s"}, letters("-uns"))
	assert.Equal(t, []string{"-u"}, letters("-u"))
}
