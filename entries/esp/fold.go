package esp

import (
	"path"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// A folder finds names without regard to case.
type folder struct {
	mutex sync.Mutex
	// listed has the names of each directory that was searched.
	listed map[string]dirNames
}

// dirNames are the names of a directory: themselves, and by their folded form the
// first in byte order.
type dirNames struct {
	exact  map[string]bool
	folded map[string]string
}

// IgnoresCase reports whether names of the volume are matched without case
// where the exact one is absent: firmware's FAT driver does, but Linux may have
// mounted FAT with case, and an ESP may be a copy in a directory.
func (v *Volume) IgnoresCase() bool { return v.Kind == ESP || isFAT(v.FSType) }

// fold looks for a path without regard to case. Each part is the exact name
// where there is one, else the first in byte order that fits.
func (v *Volume) fold(name string) (found string, ok bool) {
	v.folder.mutex.Lock()
	defer v.folder.mutex.Unlock()
	found = "."
	for part := range strings.SplitSeq(name, "/") {
		switch part {
		case "", ".":
			continue
		case "..":
			if found == "." {
				return "", false
			}
			found = path.Dir(found)
			continue
		}
		if names := v.list(found); !names.exact[part] {
			if part, ok = names.folded[foldCase(part)]; !ok {
				return "", false
			}
		}
		found = path.Join(found, part)
	}
	return found, true
}

// list lists a directory once. One that cannot be listed is empty.
func (v *Volume) list(dir string) dirNames {
	if l, known := v.folder.listed[dir]; known {
		return l
	}
	l := dirNames{map[string]bool{}, map[string]string{}}
	if v.folder.listed == nil {
		v.folder.listed = map[string]dirNames{}
	}
	v.folder.listed[dir] = l
	f, err := openDirectory(v.Root, dir)
	if err != nil {
		return l
	}
	defer func() { _ = f.Close() }() // read only
	names, _ := f.Readdirnames(-1)
	slices.Sort(names)
	for _, name := range names {
		l.exact[name] = true
		if _, known := l.folded[foldCase(name)]; !known {
			l.folded[foldCase(name)] = name
		}
	}
	return l
}

// foldCase is the same for names that differ in case only. What is not UTF-8 is
// left alone, so that no two such names meet.
func foldCase(name string) string {
	if !utf8.ValidString(name) {
		return name
	}
	return strings.ToLower(name)
}

// candidates are the names that a path, which does not exist as it is, may have
// on the volume: without the directory of the file system that the volume
// shows, and without regard to case.
func (v *Volume) candidates(name string) []string {
	names := v.stripped(name)
	if v.IgnoresCase() {
		for _, n := range append([]string{name}, names...) {
			if found, ok := v.fold(n); ok {
				names = append(names, found)
			}
		}
	}
	return names
}

// stripped are the names of a path by GRUB's rules, from the root of the file
// system on. On btrfs the root is that of the default subvolume, any directory
// above the volume. Where Dir is no mount, "/boot" is its usual place.
func (v *Volume) stripped(name string) []string {
	dir := strings.TrimPrefix(v.Subdir, "/")
	prefixes := []string{dir}
	for v.FSType == "btrfs" && strings.Contains(dir, "/") {
		_, dir, _ = strings.Cut(dir, "/")
		prefixes = append(prefixes, dir)
	}
	if v.Plain {
		prefixes = append(prefixes, "boot")
	}
	var names []string
	for _, prefix := range prefixes {
		rest, found := strings.CutPrefix(name, prefix+"/")
		if found && prefix != "" && !slices.Contains(names, rest) {
			names = append(names, rest)
		}
	}
	return names
}
