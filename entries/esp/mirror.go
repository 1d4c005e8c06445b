package esp

import (
	"fmt"
	"path"
	"strings"

	"github.com/kexec-bls/kexec-bls/entries/internal/blockdev"
)

// mirrorFile lists the file systems, by UUID, that proxmox-boot-tool keeps the same:
// an ESP on each disk of a mirror, none of them mounted.
const mirrorFile = "etc/kernel/proxmox-boot-uuids"

// mirrored opens the first of the partitions that proxmox-boot-tool keeps the same,
// for a boot loader that does not name the one it was started from. nil is none.
func (s *search) mirrored() *Volume {
	var copies []blockdev.Partition
	for uuid := range strings.FieldsSeq(s.Machine.Text(mirrorFile)) {
		name := s.Machine.LinkName("dev/disk/by-uuid/" + path.Base(uuid))
		for _, p := range s.devices.Partitions() {
			if p.IsESP() && name != "" && p.Node == "/dev/"+name {
				copies = append(copies, p)
			}
		}
	}
	for _, p := range copies {
		if v, err := s.openPartition(p, ESP); err == nil {
			s.esp = p
			v.addNote(fmt.Sprintf("it is one of %d that proxmox-boot-tool keeps the same; no boot loader names the one that it was started from", len(copies)))
			return v
		}
	}
	return nil
}
