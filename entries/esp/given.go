package esp

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// given is the path of a partition that the user names, by option or by
// environment; "" for none.
func (o Options) given(option, variable string) (string, error) {
	path := option
	if path == "" {
		path = o.Getenv(variable)
		if path != "" && !filepath.IsAbs(path) {
			return "", fmt.Errorf("%s=%s: not an absolute path", variable, path)
		}
	}
	if path == "" {
		return "", nil
	}
	if o.Root != "" {
		return filepath.Join("/", path), nil // below Root, for any text
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return abs, nil
}

// take opens a directory that the user names, without a check.
func (o Options) take(kind Kind, dir string) (*Volume, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, Cause(err))
	}
	v := &Volume{Kind: kind, Dir: dir, Root: root, Plain: !isMountRoot(dir)}
	o.describe(v, dir)
	return v, nil
}

// describe notes the file system of a volume, as far as it is known.
func (o Options) describe(v *Volume, dir string) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return
	}
	if ms, err := o.Machine.Mounts(); err == nil {
		mounts(ms).describe(v, below(o.Machine.Dir, real))
	}
}

// takeBoth opens an ESP and an XBOOTLDR that the user names. The same directory
// twice is the ESP.
func (o Options) takeBoth(espPath, bootPath string) ([]*Volume, error) {
	esp, err := o.take(ESP, espPath)
	switch {
	case err != nil:
		return nil, err
	case bootPath == espPath:
		return []*Volume{esp}, nil
	}
	boot, err := o.take(XBOOTLDR, bootPath)
	if err != nil {
		return nil, errors.Join(err, esp.Close())
	}
	if sameDir(esp.Root, boot.Root) {
		return []*Volume{esp}, boot.Close()
	}
	return []*Volume{esp, boot}, nil
}

// sameDir reports whether two roots are one directory.
func sameDir(a, b *os.Root) bool {
	infoA, errA := a.Stat(".")
	infoB, errB := b.Stat(".")
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// isTrue reads a boolean variable as systemd's parse_boolean does.
func (o Options) isTrue(variable string) bool {
	switch strings.ToLower(o.Getenv(variable)) {
	case "1", "yes", "y", "true", "t", "on":
		return true
	}
	return false
}
