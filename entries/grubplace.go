package entries

import (
	"io/fs"
	"path"
	"slices"

	"github.com/kexec-bls/kexec-bls/entries/esp"
)

// A grubPlace is a folder that may be GRUB's prefix.
type grubPlace struct {
	volume *esp.Volume
	dir    string
	config bool // it has a grub.cfg; else an environment block only
}

// grubPlaces are the folders with files of GRUB, by preference: the one of the
// program that the firmware started, those of /boot, those of the ESP. Folders
// without a grub.cfg count only where no other has one.
func (s *System) grubPlaces(programDir string) []grubPlace {
	var configs, blocks []grubPlace
	look := func(v *esp.Volume, dir string) {
		switch {
		case v.Exists(dir+"/grub.cfg") == nil:
			configs = append(configs, grubPlace{v, dir, true})
		case v.Exists(dir+"/grubenv") == nil:
			blocks = append(blocks, grubPlace{v, dir, false})
		}
	}
	if programDir != "" {
		for _, v := range s.volumes {
			if v.Kind == esp.ESP {
				look(v, programDir)
			}
		}
	}
	for _, v := range slices.Backward(s.volumes) { // the ESP is the first of them
		look(v, "grub2")
		look(v, "grub")
	}
	for _, v := range s.volumes {
		vendors, _ := fs.ReadDir(v.Root.FS(), "EFI")
		for _, d := range vendors {
			look(v, path.Join("EFI", d.Name()))
		}
	}
	return append(configs, blocks...)
}
