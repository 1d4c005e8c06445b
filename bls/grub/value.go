package grub

import (
	"strings"
)

// unknown marks a text that cannot be known, such as GRUB's name of a disk. It
// is a NUL, which no text of GRUB can hold.
const unknown = "\x00"

func isUnknown(s string) bool { return strings.Contains(s, unknown) }

// value returns a variable's value, "" where it is not set.
func (r *runner) value(name string) string {
	v, _ := r.get(name)
	return v
}

func (r *runner) get(name string) (string, bool) {
	switch {
	case name == "?":
		return r.status.number(), true
	case name == "#" && !r.scoped():
		return "", false
	case name == "#":
		return itoa(len(r.params)), true
	case name != "" && isDigit(name[0]):
		n, ok := atoi(name)
		if !ok || n == 0 || n > len(r.params) {
			return "", false
		}
		return r.params[n-1], true
	}
	v, ok := r.vars[name]
	return v, ok
}

func (r *runner) set(name, value string) error {
	if name == "root" { // GRUB takes the parentheses off
		value = strings.TrimSuffix(strings.TrimPrefix(value, "("), ")")
	}
	if len(value) > maxText {
		return r.undetermined("variable %s: %w", name, errTooLong)
	}
	r.size += len(name) + len(value)
	if r.size > maxWritten || len(r.vars) > maxVars {
		return r.undetermined("the script sets too much")
	}
	r.vars[name] = value
	return nil
}

// builtin returns the variables that GRUB sets itself. The features are those
// of every GRUB with the Boot Loader Specification.
func builtin() map[string]string {
	return map[string]string{
		"grub_platform": "efi", "grub_cpu": "x86_64",
		"feature_chainloader_bpb": "y", "feature_ntldr": "y", "feature_platform_search_hint": "y",
		"feature_default_font_path": "y", "feature_all_video_module": "y", "feature_menuentry_id": "y",
		"feature_menuentry_options": "y", "feature_200_final": "y", "feature_nativedisk_cmd": "y",
		"feature_timeout_style": "y", "color_normal": "light-gray/black", "color_highlight": "black/light-gray",
		"pager": "",
	}
}

// exported are the builtin variables that a configfile inherits.
func exported() map[string]bool {
	out := map[string]bool{"root": true, "prefix": true, "config_file": true, "config_directory": true, "cmdpath": true, "shim_lock": true, "check_signatures": true, "lockdown": true, "net_default_server": true}
	for name := range builtin() {
		out[name] = true
	}
	return out
}

// member reports whether a list, parted by blanks, has a name.
func member(name, list string) bool {
	for s := range strings.FieldsSeq(list) {
		if s == name {
			return true
		}
	}
	return false
}
