package entries

import (
	"fmt"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
)

const (
	// largeEntry is the size of a file, in bytes, from which on its entry may be
	// held in part. Anyone may fill an ESP with such files, and a list of them
	// must not fill the memory.
	largeEntry = 16 << 10
	// largeTotal is how many bytes of such files are held whole, together.
	largeTotal = 4 << 20
	// heldValue is how much of a value, or of the values of a key together, is
	// then held, in bytes. It is a path's limit and above what the kernels of
	// today take as a command line.
	heldValue = 4 << 10
)

// hold cuts the entry of a large file down to what a list needs, and lets go
// of the file's text. It says whether anything was lost.
func (e *Entry) hold() bool {
	for _, s := range []*string{&e.Title, &e.Version, &e.MachineID, &e.SortKey, &e.Linux, &e.EFI, &e.UKI, &e.UKIURL, &e.DeviceTree} {
		if len(*s) > heldValue {
			*s, e.inPart = (*s)[:heldValue], true
		}
		*s = strings.Clone(*s)
	}
	for _, list := range []*[]string{&e.Initrds, &e.Options, &e.Extras, &e.DeviceTreeOverlays, &e.Architectures} {
		e.inPart = holdList(list) || e.inPart
	}
	if e.inPart {
		e.ForgetLines()
	}
	return e.inPart
}

// holdList keeps the first values, and cuts the one that is too much.
func holdList(list *[]string) (cut bool) {
	const perValue = 16 // what a string costs beside its bytes
	room := heldValue
	var held []string
	for _, s := range *list {
		if cut = len(s)+perValue > room; cut {
			held = append(held, strings.Clone(s[:max(room-perValue, 0)]))
			break
		}
		held, room = append(held, strings.Clone(s)), room-len(s)-perValue
	}
	*list = held
	return cut
}

// Complete reads the file of an entry anew that the list holds in part only.
// Call it before the entry is used for more than to be listed.
func (e *Entry) Complete() error {
	if !e.inPart {
		return nil
	}
	f, err := e.Volume.Open(e.Path)
	if err != nil {
		return fmt.Errorf("%s: %w", e.Volume.Where(e.Path), err)
	}
	defer func() { _ = f.Close() }() // read only
	data, err := readLimited(f, nil, maxEntrySize)
	if err != nil {
		return fmt.Errorf("%s: %w", e.Volume.Where(e.Path), err)
	}
	whole, _ := bls.ParseEntry(e.Path, data) // its problems were told with the list
	whole.Hidden = e.Hidden
	*e.Entry, e.inPart = *whole, false
	return nil
}
