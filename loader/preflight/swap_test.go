package preflight_test

import (
	"io/fs"
	"path"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

// TestKeepsMemory: what is in memory is on no disk in the clear where each swap space
// is in memory or on an encrypted device, and the machine does not hibernate.
func TestKeepsMemory(t *testing.T) {
	const (
		table = "Filename\tType\tSize\tUsed\tPriority\n"
		root  = "36 1 253:1 / / rw - ext4 /dev/mapper/root rw\n"
		crypt = "CRYPT-LUKS2-0123456789abcdef0123456789abcdef-root\n"
	)
	for name, c := range map[string]struct {
		swap  string
		files map[string]string
		links map[string]string
		want  string
	}{
		"none":                 {},
		"a partition":          {swap: "/dev/sda2 partition", files: map[string]string{"../../devices/sda/sda2/partition": "2"}, links: map[string]string{"sys/class/block/sda2": "../../devices/sda/sda2"}, want: "swap space /dev/sda2 is not encrypted"},
		"a partition inside":   {swap: "/dev/dm-4 partition", files: map[string]string{"../../devices/dm-3/dm-4/partition": "1", "dm-3/dm/uuid": crypt}, links: map[string]string{"sys/class/block/dm-4": "../../devices/dm-3/dm-4"}},
		"a disk":               {swap: "/dev/sdb partition", want: "swap space /dev/sdb is not encrypted"},
		"encrypted":            {swap: "/dev/dm-1 partition", files: map[string]string{"dm-1/dm/uuid": "CRYPT-PLAIN-swap\n"}},
		"named":                {swap: "/dev/mapper/swap partition", files: map[string]string{"dm-1/dm/uuid": crypt}, links: map[string]string{"dev/mapper/swap": "../dm-1"}},
		"LVM on encrypted":     {swap: "/dev/dm-2 partition", files: map[string]string{"dm-2/dm/uuid": "LVM-x", "dm-2/slaves/dm-1/x": "", "dm-1/dm/uuid": crypt}},
		"LVM on both":          {swap: "/dev/dm-2 partition", files: map[string]string{"dm-2/slaves/dm-1/x": "", "dm-2/slaves/sda/x": "", "dm-1/dm/uuid": crypt}, want: "swap space /dev/dm-2 is not encrypted"},
		"a circle":             {swap: "/dev/dm-2 partition", files: map[string]string{"dm-2/slaves/dm-2/x": ""}, want: "swap space /dev/dm-2 is not encrypted"},
		"zram":                 {swap: "/dev/zram0 partition", files: map[string]string{"zram0/backing_dev": "none\n"}},
		"zram, old kernel":     {swap: "/dev/zram0 partition"},
		"zram with a disk":     {swap: "/dev/zram0 partition", files: map[string]string{"zram0/backing_dev": "/dev/sda3\n"}, want: "swap space /dev/zram0 is not encrypted"},
		"file":                 {swap: "/swap\\040file file", files: map[string]string{"sda1/x": ""}, links: map[string]string{"sys/dev/block/253:1": "../../block/sda1"}, want: "swap space /swap file is not encrypted"},
		"encrypted file":       {swap: "/swapfile file", files: map[string]string{"dm-0/dm/uuid": crypt}, links: map[string]string{"sys/dev/block/253:1": "../../block/dm-0"}},
		"file on another disk": {swap: "/srv/swapfile file", files: map[string]string{"dm-0/dm/uuid": crypt, "sda/x": ""}, links: map[string]string{"sys/dev/block/253:1": "../../block/dm-0", "sys/dev/block/8:0": "../../block/sda"}, want: "swap space /srv/swapfile is not encrypted"},
		"one of two":           {swap: "/dev/zram0 partition 1 0 100\n/dev/sdb partition", want: "swap space /dev/sdb is not encrypted"},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{"proc/self/mountinfo": {Data: []byte(root + "37 36 8:0 / /srv rw - ext4 /dev/sda rw\n")}}
			if c.swap != "" {
				files["proc/swaps"] = &fstest.MapFile{Data: []byte(table + c.swap + " 1 0 -2\n")}
			}
			for file, text := range c.files {
				files[path.Join("sys/class/block", file)] = &fstest.MapFile{Data: []byte(text)}
			}
			for link, target := range c.links {
				files[link] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink}
			}
			err := preflight.KeepsMemory(host.Machine{FS: files})
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, c.want)
		})
	}
}

func TestHibernatingKeepsMemory(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		keeps      bool
	}{
		"no device":         {"sys/power/resume", "0:0\n", false},
		"a device":          {"sys/power/resume", "253:2\n", true},
		"on the line":       {"proc/cmdline", "quiet resume=UUID=x\n", true},
		"another parameter": {"proc/cmdline", "noresume rd.resume=x\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			err := preflight.KeepsMemory(host.Machine{FS: fstest.MapFS{c.file: {Data: []byte(c.text)}}})
			assert.Equal(t, c.keeps, err != nil, err)
		})
	}
	err := preflight.KeepsMemory(host.Machine{FS: fstest.MapFS{"proc/swaps": {Mode: fs.ModeDir}}})
	require.ErrorContains(t, err, "proc/swaps", "what cannot be read may be anything")
}
