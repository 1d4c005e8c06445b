package esp

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// offline finds the boot partitions of an operating system that does not run.
// Partitions and directories look the same there, so what a directory holds
// decides; with the relax variables any directory will do, as with bootctl.
// Links are followed within the tree, as if it were "/".
func (o Options) offline(espPath, bootPath string) ([]*Volume, error) {
	dir, err := filepath.Abs(o.Root)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Root, err)
	}
	tree, err := os.OpenFile(dir, unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, Cause(err))
	}
	defer func() { _ = tree.Close() }() // read only
	t := offlineTree{Options: o, tree: tree}
	esp, err := t.first(ESP, espPath, "/efi", "/boot", "/boot/efi")
	if err != nil {
		return nil, err
	}
	boot, err := t.first(XBOOTLDR, bootPath, "/boot")
	switch {
	case err != nil && esp != nil:
		return nil, errors.Join(err, esp.Close())
	case err != nil:
		return nil, err
	case esp == nil && boot == nil:
		return nil, hint.Errorf(giveHint, "%w below %s: neither efi, boot nor boot/efi there has loader/entries or EFI/Linux", ErrNotFound, dir)
	case esp == nil:
		return []*Volume{boot}, nil
	case boot == nil:
		return []*Volume{esp}, nil
	case sameDir(esp.Root, boot.Root):
		return []*Volume{esp}, boot.Close()
	}
	return []*Volume{esp, boot}, nil
}

// An offlineTree is the directory of --root=.
type offlineTree struct {
	Options
	tree *os.File
}

// first opens the path that is given, else the first of the usual ones that
// passes for the kind; nil where none does.
func (t offlineTree) first(kind Kind, given string, usual ...string) (*Volume, error) {
	if given != "" {
		v, err := t.take(kind, given)
		if isMissing(err) {
			err = hint.Wrap(err, "paths of boot partitions are below "+t.tree.Name())
		}
		return v, err
	}
	for _, dir := range usual {
		v, err := t.take(kind, dir)
		switch {
		case isMissing(err):
			continue
		case err != nil:
			return nil, err
		case t.passes(v):
			return v, nil
		}
		_ = v.Close()
	}
	return nil, nil
}

func (t offlineTree) take(kind Kind, dir string) (*Volume, error) {
	path := filepath.Join(t.tree.Name(), dir)
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT}
	fd, err := unix.Openat2(int(t.tree.Fd()), dir, &how)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	link := fmt.Sprintf("/proc/self/fd/%d", fd)
	root, err := os.OpenRoot(link)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, Cause(err))
	}
	v := &Volume{Kind: kind, Dir: path, Root: root, Plain: !isMountRoot(link)}
	t.describe(v, link)
	return v, nil
}

// passes reports whether a directory has what the partition would have. GRUB's
// /boot has entries, but no ESP's files; it may have the ESP in it.
func (t offlineTree) passes(v *Volume) bool {
	if v.Kind == XBOOTLDR {
		return t.isTrue("SYSTEMD_RELAX_XBOOTLDR_CHECKS") || has(v.Root, "loader/entries", "EFI/Linux")
	}
	return t.isTrue("SYSTEMD_RELAX_ESP_CHECKS") || has(v.Root, "EFI", "loader/loader.conf") ||
		has(v.Root, "loader/entries") && !has(v.Root, "grub", "grub2", "efi/EFI")
}
