package esp

import (
	"fmt"
	"os"
	"path/filepath"
)

// search (thin): the given paths, else the first directory of the usual ones
// that has a boot loader's files.
func (o Options) search() ([]*Volume, error) {
	espPath, err := o.given(o.ESPPath, "SYSTEMD_ESP_PATH")
	if err != nil {
		return nil, err
	}
	bootPath, err := o.given(o.BootPath, "SYSTEMD_XBOOTLDR_PATH")
	if err != nil {
		return nil, err
	}
	if espPath == "" && bootPath == "" {
		for _, dir := range []string{"/efi", "/boot", "/boot/efi"} {
			for _, have := range []string{"/loader/entries", "/EFI/Linux"} {
				if _, err := os.Stat(filepath.Join(o.Root, dir, have)); err == nil && espPath == "" {
					espPath = filepath.Join(o.Root, dir)
				}
			}
		}
	}
	var found []*Volume
	for _, p := range []struct {
		kind Kind
		dir  string
	}{{ESP, espPath}, {XBOOTLDR, bootPath}} {
		if p.dir == "" {
			continue
		}
		v, err := take(p.kind, p.dir)
		if err != nil {
			for _, v := range found {
				_ = v.Close()
			}
			return nil, fmt.Errorf("%s: %w", p.kind, err)
		}
		found = append(found, v)
	}
	if len(found) == 0 {
		return nil, ErrNotFound
	}
	return found, nil
}
