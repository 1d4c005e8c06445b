package tpm

import (
	"cmp"
	"slices"
	"strings"
)

// disks are what a kernel command line has of luks.* parameters.
type disks struct {
	off, noTab bool
	only       bool // those of luks.uuid= and luks.name=, not the rest of crypttab
	list       []disk
	// For those of the command line that nothing else gives a key file or options.
	key, options string
}

type disk struct {
	uuid, name, key, options string
	create                   bool // where crypttab does not
}

// parseDisks reads the parameters; those that begin with "rd." count in the
// initrd only.
func parseDisks(line string, initrd bool) disks {
	var d disks
	for _, p := range parameters(line) {
		key, rd := strings.CutPrefix(p.key, "rd.")
		if rd && !initrd {
			continue
		}
		id, rest, ok := strings.Cut(p.value, "=")
		switch key {
		case "luks", "luks.crypttab":
			on, set := boolean(p.key+"="+p.value, p.key)
			off := set && !on
			if key == "luks" {
				d.off = off
			} else {
				d.noTab = off
			}
		case "luks.uuid":
			d.add(p.value).create, d.only = true, true
		case "luks.name":
			if ok {
				disk := d.add(id)
				disk.name, disk.create, d.only = rest, true, true
			}
		case "luks.key":
			if ok && !strings.HasPrefix(id, "/") {
				d.add(id).key = rest
			} else {
				d.key = p.value
			}
		case "luks.options":
			if ok && isUUID(id) {
				d.add(id).options = rest
			} else {
				d.options = p.value
			}
		}
	}
	return d
}

// add is the disk with a UUID, a new one where there is none yet.
func (d *disks) add(uuid string) *disk {
	uuid = strings.ToLower(strings.TrimPrefix(uuid, "luks-"))
	for i := range d.list {
		if d.list[i].uuid == uuid {
			return &d.list[i]
		}
	}
	d.list = append(d.list, disk{uuid: uuid})
	return &d.list[len(d.list)-1]
}

// isUUID reports whether s has the form of a UUID.
func isUUID(s string) bool {
	s = strings.TrimPrefix(s, "luks-")
	return len(s) == 36 && strings.Count(s, "-") == 4 && strings.Trim(strings.ToLower(s), "0123456789abcdef-") == ""
}

// volumes are those of crypttab and then those that only the command line names.
// Where it names any, the others of crypttab are left out.
func (d disks) volumes(crypttab string) []Volume {
	if d.off {
		return nil
	}
	if d.noTab {
		crypttab = ""
	}
	var found []Volume
	for _, v := range parseCrypttab(crypttab) {
		i := slices.IndexFunc(d.list, func(k disk) bool { return k.uuid != "" && k.uuid == v.uuid() || "luks-"+k.uuid == v.Name })
		if i < 0 {
			if !d.only {
				found = append(found, v)
			}
			continue
		}
		k := &d.list[i]
		if k.options != "" {
			v.Options = strings.Split(k.options, ",")
		}
		if k.key != "" {
			v.Key = k.key
		}
		k.create = false
		found = append(found, v)
	}
	for _, k := range d.list {
		if k.create {
			found = append(found, k.volume(d.key, d.options))
		}
	}
	return found
}

func (k disk) volume(key, options string) Volume {
	v := Volume{Name: k.name, Source: "UUID=" + k.uuid, Key: cmp.Or(k.key, key)}
	if v.Name == "" {
		v.Name = "luks-" + k.uuid
	}
	if options = cmp.Or(k.options, options); options != "" {
		v.Options = strings.Split(options, ",")
	}
	return v
}

// parseCrypttab reads crypttab(5): name, source, key file, options.
func parseCrypttab(text string) []Volume {
	var found []Volume
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 || strings.HasPrefix(f[0], "#") {
			continue
		}
		v := Volume{Name: f[0], Source: f[1]}
		if len(f) > 2 && f[2] != "none" && f[2] != "-" {
			v.Key = f[2]
		}
		if len(f) > 3 {
			v.Options = strings.Split(f[3], ",")
		}
		found = append(found, v)
	}
	return found
}
