package efivar

import "os"

// Names returns the file names of all variables, NAME-VENDOR, sorted. The error
// is fs.ErrNotExist where EFI is absent.
func (v Vars) Names() ([]string, error) {
	dir := v.Dir
	if dir == "" {
		dir = DefaultDir
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}
