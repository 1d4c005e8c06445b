package host

import (
	"errors"
	"io/fs"
	"strings"
)

// A Swap is a swap space in use.
type Swap struct {
	Path string // of the block device or the file
	File bool   // it is a file in a file system
}

// Swaps are the swap spaces in use, by /proc/swaps (proc(5)); none where the kernel
// has no swapping.
func (m Machine) Swaps() ([]Swap, error) {
	text, err := m.ReadFile("proc/swaps", 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found []Swap
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line) // path, type, size, used, priority
		if len(f) == 5 && strings.HasPrefix(f[0], "/") {
			found = append(found, Swap{Path: unescape(f[0]), File: f[1] == "file"})
		}
	}
	return found, nil
}
