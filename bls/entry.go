package bls

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ParseEntry reads a Type #1 entry from the content of the file at path. It
// cannot fail: what systemd-boot would ignore is ignored and reported as a
// problem, what makes it hide the entry is in Hidden.
func ParseEntry(path string, data []byte) (*Entry, []*ParseError) {
	id, tries := SplitTries(baseName(path))
	e := &Entry{Type: Type1, ID: id, Path: path, Tries: tries, Profile: -1}
	e.hideByName()
	var problems []*ParseError
	for l := range lines(string(data)) {
		value := l.value
		if l.key == "title" {
			value = l.raw // for the eye only, so bootctl's spelling is kept
		}
		err := noValue(l.key)
		if l.raw != "" {
			err = e.set(l.key, value)
		}
		if err != nil {
			problems = complain(problems, path, l, err)
		}
	}
	e.hideByKeys()
	return e, problems
}

var errUnknownKey = errors.New("unknown key, ignored")

// set takes one pair. Scalars: the last one wins; lists grow.
func (e *Entry) set(key, value string) error {
	if field := e.scalar(key); field != nil {
		*field = value
		return nil
	}
	if field := e.path(key); field != nil {
		*field = CleanPath(value)
		return nil
	}
	switch key {
	case "initrd":
		e.Initrds = append(e.Initrds, CleanPath(value))
	case "options":
		e.Options = append(e.Options, value)
	case "extra":
		e.Extras = append(e.Extras, CleanPath(value))
	case "architecture":
		e.Architectures = append(e.Architectures, value)
	case "devicetree-overlay":
		for _, p := range strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == '\t' }) {
			e.DeviceTreeOverlays = append(e.DeviceTreeOverlays, CleanPath(p))
		}
	case "profile":
		return e.setProfile(value)
	case "grub_users", "grub_arg", "grub_class", "grub_hotkey", "id":
		// GRUB's own, of no use here.
	default:
		return errUnknownKey
	}
	return nil
}

func (e *Entry) scalar(key string) *string {
	switch key {
	case "title":
		return &e.Title
	case "version":
		return &e.Version
	case "machine-id":
		return &e.MachineID
	case "sort-key":
		return &e.SortKey
	case "uki-url":
		return &e.UKIURL
	}
	return nil
}

func (e *Entry) path(key string) *string {
	switch key {
	case "linux":
		return &e.Linux
	case "efi":
		return &e.EFI
	case "uki":
		return &e.UKI
	case "devicetree":
		return &e.DeviceTree
	}
	return nil
}

func (e *Entry) setProfile(value string) error {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return fmt.Errorf("%q is not a profile number, ignored", clip(value))
	}
	e.Profile = int(n)
	return nil
}

// hideByKeys wants one kind of thing to boot. The same key twice is one kind.
func (e *Entry) hideByKeys() {
	var kinds []string
	for _, k := range []struct{ key, value string }{
		{"linux", e.Linux}, {"efi", e.EFI}, {"uki", e.UKI}, {"uki-url", e.UKIURL},
	} {
		if k.value != "" {
			kinds = append(kinds, k.key)
		}
	}
	switch {
	case len(kinds) == 0:
		e.Hide("it has no linux, efi, uki or uki-url line")
	case len(kinds) > 1:
		e.Hide("it has both " + strings.Join(kinds, " and ") + " lines, one is allowed")
	case strings.HasPrefix(e.UKIURL, ":"):
		e.Hide("its uki-url is relative to a network boot")
	}
}

// CleanPath brings a path of an entry into the form that bootctl prints: one
// leading slash, no empty and no "." parts. ".." stays for the one who opens
// the file and can determine whether it leaves the partition.
func CleanPath(p string) string {
	if isClean(p) {
		return p
	}
	var b strings.Builder
	for part := range strings.SplitSeq(p, "/") {
		if part != "" && part != "." {
			b.WriteByte('/')
			b.WriteString(part)
		}
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

// isClean reports whether CleanPath would change nothing, as is usual.
func isClean(p string) bool {
	return len(p) > 1 && p[0] == '/' && p[len(p)-1] != '/' &&
		!strings.Contains(p, "//") && !strings.Contains(p, "/./") && !strings.HasSuffix(p, "/.")
}
