package grub

import (
	"errors"
	"strings"
)

// asUndetermined returns err if it is an UndeterminedError, else nil: then it
// is an error of GRUB's own, which prints it and goes on.
func asUndetermined(err error) error {
	var u *UndeterminedError
	if errors.As(err, &u) {
		return err
	}
	return nil
}

// search finds a file system and sets a variable to its name. One that may be
// on a disk that is not read here makes the variable unknown.
func (r *runner) search(c call) error {
	by, variable, name := "file", "", ""
	if _, kind, ok := strings.Cut(c.name, "."); ok {
		by = kind
		if len(c.args) > 1 {
			name, variable = c.args[0], c.args[1]
		}
	} else {
		by, variable, name = searchArgs(c.args)
	}
	if name == "" {
		r.status = failure
		return nil
	}
	if variable == "" {
		return nil
	}
	if d := r.find(by, name); d != nil {
		return r.set(variable, r.deviceName(d))
	}
	r.status = cannotKnow
	return r.set(variable, unknown)
}

func searchArgs(args []string) (by, variable, name string) {
	by = "file"
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch value, isSet := strings.CutPrefix(a, "--set="); {
		case isSet:
			variable = value
		case a == "--set" || a == "-s":
			variable = "root"
			if i+2 < len(args) && !strings.HasPrefix(args[i+1], "-") {
				i++
				variable = args[i]
			}
		case a == "--fs-uuid" || a == "-u":
			by = "fs_uuid"
		case a == "--label" || a == "-l":
			by = "fs_label"
		case a == "--file" || a == "-f":
			by = "file"
		case a == "--part-uuid" || a == "-p":
			by = "part_uuid"
		case a == "--hint":
			i++
		case strings.HasPrefix(a, "-"):
		case name == "":
			name = a
		}
	}
	return by, variable, name
}

// find returns the device that is meant, nil if that is not known.
func (r *runner) find(by, name string) *Device {
	switch by {
	case "fs_uuid":
		return r.findUUID(name)
	case "file":
		return r.findFile(name)
	}
	if len(r.m.Devices) == 1 && r.m.Devices[0].UUID == "" {
		return r.m.Devices[0]
	}
	return nil
}

// findUUID prefers a device of that UUID, then the first one of an unknown UUID
// whose file system fits the form of the UUID.
func (r *runner) findUUID(uuid string) *Device {
	fat := len(uuid) == len("ABCD-1234")
	var possible *Device
	for _, d := range r.m.Devices {
		switch {
		case d.UUID != "" && strings.EqualFold(d.UUID, uuid):
			return d
		case d.UUID != "" || d.FAT && !fat:
		case possible == nil:
			possible = d
		}
	}
	return possible
}

// findFile returns the only device that has the file.
func (r *runner) findFile(name string) (found *Device) {
	for _, d := range r.m.Devices {
		if _, _, err := stat(d, name); err == nil {
			if found != nil {
				return nil
			}
			found = d
		}
	}
	return found
}
