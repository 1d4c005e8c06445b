package esp

import (
	"fmt"
	"path"
	"strings"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/entries/internal/blockdev"
)

// BlockDevice returns the node of what the file system is on, "/dev/vda2"; other
// than Device it is known for a directory of a larger file system too. It is ""
// where it is not known, and always for a path that was given.
func (v *Volume) BlockDevice() string { return v.under.Node }

// GRUBNames returns the names that GRUB has for the device of the volume, as far
// as they are certain: "hd0,gpt2" and "hd0,2" where the machine has one disk, as
// the order of several is the firmware's; "lvm/VG-LV" and "lvmid/..." for LVM,
// "mduuid/..." for RAID, "cryptouuid/..." for LUKS.
func (v *Volume) GRUBNames(m host.Machine) []string {
	if v.BlockDevice() == "" {
		return nil
	}
	dir := "sys/class/block/" + path.Base(v.BlockDevice())
	name, uuid := m.Text(dir+"/dm/name"), m.Text(dir+"/dm/uuid")
	if id, ok := strings.CutPrefix(uuid, "LVM-"); ok && len(id) == 2*lvmID {
		return []string{"lvm/" + name, "lvmid/" + dashed(id[:lvmID]) + "/" + dashed(id[lvmID:])}
	}
	if id, ok := strings.CutPrefix(uuid, "CRYPT-LUKS"); ok {
		if fields := strings.SplitN(id, "-", 3); len(fields) == 3 {
			return []string{"cryptouuid/" + fields[1]}
		}
	}
	devices := blockdev.New(m)
	if id := devices.RAID(v.under.Dev); id != "" {
		return []string{"mduuid/" + id}
	}
	scheme := map[string]string{"gpt": "gpt", "dos": "msdos"}[v.under.Scheme]
	if v.under.Disk == "" || scheme == "" || devices.OnlyDisk() != v.under.Disk {
		return nil
	}
	return []string{fmt.Sprintf("hd0,%s%d", scheme, v.under.Number), fmt.Sprintf("hd0,%d", v.under.Number)}
}

// lvmID is the length of an id of LVM without its dashes.
const lvmID = 32

// dashed writes an id of LVM as its tools do: 6-4-4-4-4-4-6.
func dashed(id string) string {
	out := id[:6]
	for i := 6; i < 26; i += 4 {
		out += "-" + id[i:i+4]
	}
	return out + "-" + id[26:]
}
