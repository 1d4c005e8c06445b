package esp_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A record is a machine in a text file of testdata: sections that begin with
// "-- NAME --", comments with "#". See testdata/README.
type record map[string][]string

func readRecord(t testing.TB, path string) record {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	r, section := record{}, ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		name, isSection := strings.CutPrefix(line, "-- ")
		switch {
		case strings.HasPrefix(line, "#"), line == "":
		case isSection:
			section = strings.TrimSuffix(name, " --")
			require.Contains(t, []string{"options", "disks", "mountinfo", "tree", "want"}, section, path)
		default:
			r[section] = append(r[section], line)
		}
	}
	require.NotContains(t, r, "", "text before the first section")
	require.NotEmpty(t, r["want"])
	return r
}

// build makes the directory that replaces "/".
func (r record) build(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	write(t, root, "proc/self/mountinfo", strings.Join(append(r["mountinfo"], ""), "\n"))
	var disk *diskRecord
	for _, line := range r["disks"] {
		fields := strings.Fields(line)
		switch {
		case !strings.HasPrefix(line, " "):
			disk.finish(t, root)
			disk = newDisk(t, root, fields)
		default:
			disk.add(t, root, fields)
		}
	}
	disk.finish(t, root)
	for _, name := range r["tree"] {
		if from, to, isLink := strings.Cut(name, " -> "); isLink {
			require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, from)), 0o755))
			require.NoError(t, os.Symlink(to, filepath.Join(root, from)))
		} else if strings.HasSuffix(name, "/") {
			require.NoError(t, os.MkdirAll(filepath.Join(root, name), 0o755))
		} else {
			name, content, given := strings.Cut(name, " = ")
			if !given {
				content = name
			}
			write(t, root, name, content)
		}
	}
	return root
}

func write(t testing.TB, root, name, content string) {
	t.Helper()
	path := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

// A diskRecord is a disk, "vda 254:0 udev", with what is known through udev,
// or through its table, "gpt", "gpt4k" or "mbr"; "none": neither.
type diskRecord struct {
	name, dir, from string
	slots           []slotRecord
}

type slotRecord struct{ kind, uuid string }

func typeGUIDs() map[string]string {
	return map[string]string{
		"esp":      "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
		"xbootldr": "bc13c2ff-59e6-4262-a352-b275fd6f7172",
		"linux":    "0fc63daf-8483-4772-8e79-3d69d8477de4",
		"data":     "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7",
	}
}

const diskSectors = 2048 // of 512 bytes

func newDisk(t testing.TB, root string, fields []string) *diskRecord {
	t.Helper()
	require.GreaterOrEqual(t, len(fields), 3, fields)
	from, kind, _ := strings.Cut(fields[2], ",")
	bus := map[string]string{"": "pci0", "removable": "pci0", "usb": "pci0/usb1/1-1", "virtual": "virtual"}[kind]
	require.NotEmpty(t, bus, fields)
	d := &diskRecord{name: fields[0], dir: "sys/devices/" + bus + "/block/" + fields[0], from: from}
	if kind == "removable" {
		write(t, root, d.dir+"/removable", "1\n")
	}
	device(t, root, d.dir, fields[0], fields[1])
	write(t, root, d.dir+"/size", fmt.Sprintln(diskSectors))
	sector := 512
	if d.from == "gpt4k" {
		sector = 4096
	}
	write(t, root, d.dir+"/queue/logical_block_size", fmt.Sprintln(sector))
	for _, below := range fields[3:] { // dm-0 254:9 none vda3
		require.NoError(t, os.MkdirAll(filepath.Join(root, d.dir, "slaves"), 0o755))
		require.NoError(t, os.Symlink(strings.Repeat("../", strings.Count(d.dir, "/")+1)+"class/block/"+below, filepath.Join(root, d.dir, "slaves", below)))
	}
	return d
}

// add adds a partition: "vda1 254:1 esp UUID [fs]".
func (d *diskRecord) add(t testing.TB, root string, fields []string) {
	t.Helper()
	require.GreaterOrEqual(t, len(fields), 4, fields)
	s := slotRecord{kind: fields[2], uuid: fields[3]}
	if known := typeGUIDs()[s.kind]; known != "" {
		s.kind = known
	}
	d.slots = append(d.slots, s)
	dir := d.dir + "/" + fields[0]
	device(t, root, dir, fields[0], fields[1])
	write(t, root, dir+"/partition", fmt.Sprintln(len(d.slots)))
	if d.from != "udev" {
		return
	}
	scheme := "gpt"
	if strings.HasPrefix(s.kind, "0x") {
		scheme = "dos"
	}
	db := "S:disk/by-path/x\nI:1234\nE:ID_PART_ENTRY_SCHEME=" + scheme +
		"\nE:ID_PART_ENTRY_TYPE=" + s.kind + "\nE:ID_PART_ENTRY_UUID=" + s.uuid + "\n"
	if len(fields) > 4 {
		db += "E:ID_FS_TYPE=" + fields[4] + "\n"
	}
	write(t, root, "run/udev/data/b"+fields[1], db+"G:systemd\nQ:systemd\nV:1\n")
}

// device makes what sysfs has for a block device.
func device(t testing.TB, root, dir, name, dev string) {
	t.Helper()
	write(t, root, dir+"/dev", dev+"\n")
	write(t, root, dir+"/uevent", "MAJOR=1\nMINOR=1\nDEVNAME="+name+"\nDEVTYPE=x\n")
	write(t, root, "dev/"+name, "")
	for _, link := range []string{"sys/dev/block/" + dev, "sys/class/block/" + name} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, link)), 0o755))
		up := strings.Repeat("../", strings.Count(link, "/"))
		require.NoError(t, os.Symlink(up+dir, filepath.Join(root, link)))
	}
}

// finish writes the disk's first sectors where they are to be read.
func (d *diskRecord) finish(t testing.TB, root string) {
	t.Helper()
	if d == nil {
		return
	}
	switch d.from {
	case "gpt":
		write(t, root, "dev/"+d.name, string(gptImage(t, 512, d.slots)))
	case "gpt4k":
		write(t, root, "dev/"+d.name, string(gptImage(t, 4096, d.slots)))
	case "mbr":
		write(t, root, "dev/"+d.name, string(mbrImage(t, d.slots)))
	default:
		require.Contains(t, []string{"udev", "none"}, d.from)
	}
}

func mbrImage(t testing.TB, slots []slotRecord) []byte {
	t.Helper()
	image := make([]byte, diskSectors*512)
	for i, s := range slots {
		kind, err := hex.DecodeString(strings.TrimPrefix(s.kind, "0x"))
		require.NoError(t, err)
		image[446+i*16+4] = kind[0]
	}
	image[510], image[511] = 0x55, 0xaa
	return image
}

// gptImage is a disk with a protective MBR, a primary and a backup GPT.
func gptImage(t testing.TB, sector int, slots []slotRecord) []byte {
	t.Helper()
	image := mbrImage(t, []slotRecord{{kind: "0xee"}})
	entries := make([]byte, 128*128)
	for i, s := range slots {
		copy(entries[i*128:], guidBytes(t, s.kind))
		copy(entries[i*128+16:], guidBytes(t, s.uuid))
	}
	last := len(image)/sector - 1
	backup := last - len(entries)/sector
	for lba, first := range map[int]int{1: 2, last: backup} {
		copy(image[first*sector:], entries)
		h := image[lba*sector : lba*sector+92]
		copy(h, "EFI PART\x00\x00\x01\x00\x5c\x00\x00\x00")
		binary.LittleEndian.PutUint64(h[24:], uint64(lba))
		binary.LittleEndian.PutUint64(h[72:], uint64(first))
		binary.LittleEndian.PutUint32(h[80:], 128)
		binary.LittleEndian.PutUint32(h[84:], 128)
		binary.LittleEndian.PutUint32(h[88:], crc32.ChecksumIEEE(entries))
		binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h))
	}
	return image
}

// guidBytes encodes a GUID as the GPT has it.
func guidBytes(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	require.NoError(t, err, s)
	require.Len(t, b, 16, s)
	var out bytes.Buffer
	for _, i := range []int{3, 2, 1, 0, 5, 4, 7, 6} {
		out.WriteByte(b[i])
	}
	out.Write(b[8:])
	return out.Bytes()
}
