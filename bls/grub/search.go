package grub

import (
	"errors"
	"slices"
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
	var w wanted
	if _, kind, ok := strings.Cut(c.name, "."); ok {
		if w.by = kind; len(c.args) > 1 {
			w.name, w.variable = c.args[0], c.args[1]
		}
	} else {
		w = r.searchArgs(c.args)
	}
	if w.name == "" || w.by == "" {
		r.status = failure
		return nil
	}
	if w.variable == "" {
		return nil
	}
	if d := r.find(w.by, w.name); d != nil {
		return r.set(w.variable, r.deviceName(d))
	}
	r.status = cannotKnow
	return r.set(w.variable, unknown)
}

// A wanted is what search looks for.
type wanted struct{ by, variable, name string }

// searchArgs reads options and the first argument. An option that GRUB does not
// know is that argument. Where there is none, the value of --set is.
func (r *runner) searchArgs(args []string) (w wanted) {
	label, uuid, file := false, false, false
	for i := 0; i < len(args); i++ {
		option, value, has := strings.Cut(args[i], "=")
		next := func() {
			if !has && i+1 < len(args) {
				i++
				value = args[i]
			}
		}
		switch r.searchOption(option) {
		case "set":
			if i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
				next()
			}
			w.variable = value
			if value == "" {
				w.variable = "root"
			}
		case "hint":
			next()
		case "none":
		case "fs_uuid":
			uuid = true
		case "fs_label":
			label = true
		case "file":
			file = true
		case "part_uuid":
			w.by = "part_uuid"
		case "several":
			args = slices.Insert(slices.Clone(args), i+1, letters(option)...)
		default:
			if w.name == "" {
				w.name = args[i]
			}
		}
	}
	switch {
	case label:
		w.by = "fs_label"
	case uuid:
		w.by = "fs_uuid"
	case file:
		w.by = "file"
	}
	if w.name == "" {
		w.name, w.variable = w.variable, "root"
	}
	return w
}

// searchOption is what an option means; "" for an argument.
func (r *runner) searchOption(option string) string {
	switch option {
	case "--set", "-s":
		return "set"
	case "--fs-uuid", "-u":
		return "fs_uuid"
	case "--label", "-l":
		return "fs_label"
	case "--file", "-f":
		return "file"
	case "--no-floppy", "-n", "--efidisk-only", "--cryptodisk-only":
		return "none"
	case "--hint", "-h", "--hint-ieee1275", "--hint-bios", "--hint-baremetal", "--hint-efi", "--hint-arc":
		return "hint"
	case "--part-uuid", "-p", "--root-dev-only", "-r":
		if r.flavor == Upstream {
			return ""
		}
		return map[bool]string{true: "part_uuid", false: "none"}[option[1] == 'p' || option == "--part-uuid"]
	}
	if len(option) > 2 && option[0] == '-' && option[1] != '-' && strings.Trim(option[1:], "ulfns") == "" {
		return "several"
	}
	return ""
}

// letters parts "-un" into "-u" and "-n".
func letters(option string) []string {
	var out []string
	for _, c := range option[1:] {
		out = append(out, "-"+string(c))
	}
	return out
}

// find returns the device that is meant, nil if that is not known.
func (r *runner) find(by, name string) *Device {
	switch by {
	case "fs_uuid":
		return r.findUUID(name)
	case "file":
		return r.findFile(name)
	case "fs_label":
		return r.findLabel(name)
	}
	if len(r.m.Devices) == 1 && r.m.Devices[0].UUID == "" {
		return r.m.Devices[0]
	}
	return nil
}

// findLabel returns the only device of that label, or the first one of which
// nothing is known.
func (r *runner) findLabel(label string) (found *Device) {
	var possible *Device
	for _, d := range r.m.Devices {
		switch {
		case d.Label == label && found != nil:
			return nil
		case d.Label == label:
			found = d
		case d.UUID == "" && d.Label == "" && possible == nil:
			possible = d
		}
	}
	if found == nil {
		return possible
	}
	return found
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
