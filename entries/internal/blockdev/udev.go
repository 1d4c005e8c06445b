package blockdev

import "strings"

// maxUdev bounds a record of udev's database, in bytes.
const maxUdev = 1 << 20

// parseUdev reads the properties of a device from its record in
// /run/udev/data: lines "E:KEY=value" among others. The last of a key counts.
func parseUdev(record string) map[string]string {
	properties := map[string]string{}
	for line := range strings.Lines(record) {
		line, isProperty := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "E:")
		key, value, found := strings.Cut(line, "=")
		if isProperty && found && key != "" {
			properties[key] = value
		}
	}
	return properties
}

// udevSlot is what udev's blkid call found out about the partition that the
// device is. The zero value: nothing.
func udevSlot(properties map[string]string) Slot {
	return Slot{
		Scheme: properties["ID_PART_ENTRY_SCHEME"],
		Type:   strings.ToLower(properties["ID_PART_ENTRY_TYPE"]),
		UUID:   strings.ToLower(properties["ID_PART_ENTRY_UUID"]),
	}
}
