package grub

import (
	"errors"
	"strings"
)

// An Entry is an entry file as GRUB reads it; systemd-boot's grammar differs.
// The values are those of the file, before any expansion.
type Entry struct {
	Title      string // the value of linux where there is no title
	Linux      string
	EFI        string // only Fedora's GRUB knows this key; it wins over Linux
	Options    string // of the first options line
	NoOptions  bool   // there is no options line
	Initrds    []string
	Devicetree string
	Lost       bool // a blank line, or a key without a value, ended the file before its end
}

// errIndented is what stops Fedora's GRUB: it frees the line at the wrong place.
var errIndented = errors.New("a line begins with a blank")

// ParseEntry reads an entry file as this GRUB does. A blank line, or a key
// without a value, ends the file. Of title, linux, efi, options and devicetree
// the first line counts, of initrd all. The error is ErrCrash where the file
// stops GRUB.
func ParseEntry(data []byte, flavor Flavor) (*Entry, error) {
	e := &Entry{NoOptions: true}
	seen := map[string]bool{}
	for text := string(data); text != ""; {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		line, _, _ = strings.Cut(strings.ReplaceAll(line, "\r", ""), "\x00")
		trimmed := strings.TrimLeft(line, " \t")
		if strings.HasPrefix(trimmed, "#") {
			continue
		}
		if len(trimmed) != len(line) && flavor != Upstream {
			return nil, errors.Join(ErrCrash, errIndented)
		}
		key, value, ok := cutPair(trimmed, flavor)
		if !ok {
			e.Lost = text != ""
			break
		}
		e.set(key, value, seen)
	}
	if !seen["title"] {
		e.Title = e.Linux
	}
	return e, nil
}

// cutPair parts a line at its first space, or its first tab: upstream at
// whichever comes first, Fedora at a tab only if there is no space.
func cutPair(line string, flavor Flavor) (key, value string, ok bool) {
	i := strings.IndexByte(line, ' ')
	if flavor == Upstream {
		i = strings.IndexAny(line, " \t")
	} else if i < 0 {
		i = strings.IndexByte(line, '\t')
	}
	if i < 0 || i+1 == len(line) {
		return "", "", false
	}
	value = strings.TrimLeft(line[i+1:], " \t")
	return line[:i], value, flavor != Upstream || value != ""
}

func (e *Entry) set(key, value string, seen map[string]bool) {
	if key == "initrd" {
		e.Initrds = append(e.Initrds, value)
		return
	}
	field := map[string]*string{"title": &e.Title, "linux": &e.Linux, "efi": &e.EFI, "options": &e.Options, "devicetree": &e.Devicetree}[key]
	if field == nil || seen[key] {
		return
	}
	*field, seen[key] = value, true
	if key == "options" {
		e.NoOptions = false
	}
}

// listed reports whether GRUB shows the entry.
func (e *Entry) listed(flavor Flavor) bool {
	return e.Linux != "" || e.EFI != "" && flavor != Upstream
}
