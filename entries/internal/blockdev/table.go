package blockdev

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A Slot is what a partition table has about one partition. The zero value is a
// partition of which nothing is known.
type Slot struct {
	Scheme string // "gpt" or "dos", as blkid names them; "": not known
	Type   string // a GUID in lower case, or "0xef"
	UUID   string // PARTUUID in lower case; "" without one
}

// Partition types: the Discoverable Partitions Specification, and for MBR disks
// UEFI 5.2.2 and UAPI.1.
const (
	gptESP      = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
	gptXBOOTLDR = "bc13c2ff-59e6-4262-a352-b275fd6f7172"
	mbrESP      = "0xef"
	mbrXBOOTLDR = "0xea"
)

// IsESP reports whether the partition has the type of an EFI system partition.
func (s Slot) IsESP() bool {
	return s.Scheme == "gpt" && s.Type == gptESP || s.Scheme == "dos" && s.Type == mbrESP
}

// IsXBOOTLDR reports whether the partition has the type of an extended boot
// loader partition.
func (s Slot) IsXBOOTLDR() bool {
	return s.Scheme == "gpt" && s.Type == gptXBOOTLDR || s.Scheme == "dos" && s.Type == mbrXBOOTLDR
}

// mbrSize is the size of the first sector that counts, in bytes, whatever the
// sector size of the disk.
const mbrSize = 512

var (
	errNoTable = errors.New("no partition table")
	errGPT     = errors.New("damaged GPT")
)

// readTable reads the partition table of a disk of size bytes with sectors of
// that size. Partitions are counted from 1; logical ones of an MBR are left
// out. The table is nil exactly when there is an error.
func readTable(disk io.ReaderAt, size, sector int64) (map[int]Slot, error) {
	var mbr [mbrSize]byte
	if _, err := disk.ReadAt(mbr[:], 0); err != nil {
		return nil, err
	}
	if mbr[510] != 0x55 || mbr[511] != 0xaa {
		return nil, errNoTable
	}
	table := map[int]Slot{}
	for n := 1; n <= 4; n++ {
		switch kind := mbr[446+(n-1)*16+4]; kind {
		case 0xee: // protective: the table is a GPT
			return readGPT(disk, size, sector)
		case 0:
		default:
			table[n] = Slot{Scheme: "dos", Type: fmt.Sprintf("0x%x", kind)}
		}
	}
	return table, nil
}

// readGPT reads the primary GPT, where it is damaged the backup in the last
// sector, as firmware and kernel do.
func readGPT(disk io.ReaderAt, size, sector int64) (map[int]Slot, error) {
	if sector < 512 || sector > 4096 {
		return nil, fmt.Errorf("sectors of %d bytes", sector)
	}
	g := gpt{disk: disk, sectors: size / sector, sector: sector}
	table, err := g.read(1)
	if err != nil {
		table, err = g.read(g.sectors - 1)
	}
	return table, err
}

// A gpt is a disk with a GUID partition table, UEFI 5.3.
type gpt struct {
	disk    io.ReaderAt
	sectors int64
	sector  int64 // bytes
}

// Bounds of the partition entries. The specification's least is 128 entries of
// 128 bytes.
const (
	minEntry   = 128
	maxEntry   = 4096
	maxEntries = 1 << 20 // bytes, all of them
)

// read reads the table whose header is in sector lba.
func (g gpt) read(lba int64) (map[int]Slot, error) {
	if lba < 1 || lba >= g.sectors {
		return nil, errGPT
	}
	header := make([]byte, g.sector)
	if _, err := g.disk.ReadAt(header, lba*g.sector); err != nil {
		return nil, err
	}
	size := int64(binary.LittleEndian.Uint32(header[12:]))
	if string(header[:8]) != "EFI PART" || size < 92 || size > g.sector {
		return nil, errGPT
	}
	sum := binary.LittleEndian.Uint32(header[16:])
	binary.LittleEndian.PutUint32(header[16:], 0)
	if crc32.ChecksumIEEE(header[:size]) != sum || binary.LittleEndian.Uint64(header[24:]) != uint64(lba) {
		return nil, errGPT
	}
	return g.entries(header)
}

// entries reads the partitions of a header that is whole.
func (g gpt) entries(header []byte) (map[int]Slot, error) {
	first := binary.LittleEndian.Uint64(header[72:])
	count := int64(binary.LittleEndian.Uint32(header[80:]))
	size := int64(binary.LittleEndian.Uint32(header[84:]))
	if size < minEntry || size > maxEntry || count > maxEntries/size || first >= uint64(g.sectors) {
		return nil, errGPT
	}
	r := bufio.NewReader(io.NewSectionReader(g.disk, int64(first)*g.sector, count*size))
	sum := crc32.NewIEEE()
	table := map[int]Slot{}
	entry := make([]byte, size)
	for n := 1; int64(n) <= count; n++ {
		if _, err := io.ReadFull(r, entry); err != nil {
			return nil, err
		}
		sum.Write(entry)
		if [16]byte(entry) != [16]byte{} {
			table[n] = Slot{Scheme: "gpt", Type: guid(entry), UUID: guid(entry[16:])}
		}
	}
	if sum.Sum32() != binary.LittleEndian.Uint32(header[88:]) {
		return nil, errGPT
	}
	return table, nil
}

// guid writes a GUID of 16 bytes, of which the first three fields are
// little-endian (UEFI appendix A).
func guid(b []byte) string {
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(b),
		binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:]), b[8:10], b[10:16])
}
