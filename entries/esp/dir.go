package esp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"golang.org/x/sys/unix"
)

// A Dir is an open directory of a volume. It lists and reads its files with as
// few system calls as that takes, since a boot partition may hold thousands.
type Dir struct {
	f     *os.File
	where string // for messages
}

// OpenDir opens a directory of the volume; the caller closes it. The error is
// fs.ErrNotExist where there is none. A directory that is, or is reached by, a
// symbolic link is refused, as FAT has none; a FileSystem follows them. Case is
// matched as by Open.
func (v *Volume) OpenDir(dir string) (*Dir, error) {
	name := Name(dir)
	f, err := openDir(v.Root, name)
	if isMissing(err) && v.IgnoresCase() {
		if found, ok := v.fold(name); ok {
			f, err = openDir(v.Root, found)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.Where(dir), Cause(err))
	}
	return &Dir{f: f, where: v.Where(dir)}, nil
}

// openDir opens a directory of which no part is a symbolic link.
func openDir(root *os.Root, dir string) (*os.File, error) {
	for p := dir; p != "." && p != "/"; p = path.Dir(p) {
		info, err := root.Lstat(p)
		if err != nil {
			return nil, err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return nil, errors.New("a symbolic link, which systemd-boot does not follow")
		}
	}
	return openDirectory(root, dir)
}

// Close closes the directory.
func (d *Dir) Close() error { return d.f.Close() }

// The fields of linux_dirent64, getdents(2): their offsets in a record.
const (
	direntLength = 16
	direntType   = 18
	direntName   = 19
)

// Names lists the regular files, in byte order. Links, FIFOs and directories
// are passed over: FAT has none of them but directories. Where the listing
// breaks off, what was read comes with the error. A second call finds none.
//
// os.File.ReadDir asks lstat(2) for each file of an os.Root.
func (d *Dir) Names() ([]string, error) {
	var names []string
	buf := make([]byte, 16<<10)
	for {
		n, err := uninterrupted(func() (int, error) { return unix.ReadDirent(int(d.f.Fd()), buf) })
		if err != nil {
			err = fmt.Errorf("%s: %w", d.where, err)
		}
		if n <= 0 {
			slices.Sort(names)
			return names, err
		}
		names = d.appendRegular(names, buf[:n])
	}
}

func (d *Dir) appendRegular(names []string, records []byte) []string {
	for len(records) > direntName {
		length := int(binary.NativeEndian.Uint16(records[direntLength:]))
		if length <= direntName || length > len(records) {
			break
		}
		name, _, _ := bytes.Cut(records[direntName:length], []byte{0})
		kind := records[direntType]
		if kind == unix.DT_REG || kind == unix.DT_UNKNOWN && d.isRegular(string(name)) {
			names = append(names, string(name))
		}
		records = records[length:]
	}
	return names
}

// isRegular is for file systems that list names without types.
func (d *Dir) isRegular(name string) bool {
	var st unix.Stat_t
	err := unix.Fstatat(int(d.f.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
}

// Read reads a regular file that Names listed, of at most limit bytes, into
// buf, which grows as needed. It follows no link. The error is the bare cause.
//
// It opens the file at once, which takes half the system calls of a look at it
// before: Names has seen that it is regular, and what takes its place in
// between is opened without waiting for it.
func (d *Dir) Read(name string, buf []byte, limit int) ([]byte, error) {
	fd, err := uninterrupted(func() (int, error) {
		return unix.Openat(int(d.f.Fd()), name, openFlags|unix.O_NOFOLLOW, 0)
	})
	if err != nil {
		return buf[:0], err
	}
	defer func() { _ = unix.Close(fd) }() // read only
	if err := isRegular(fd); err != nil {
		return buf[:0], err
	}
	return readAll(fd, slices.Grow(buf[:0], 4<<10), limit)
}

// readAll reads to the end of a regular file. A read that stops short of the
// room it has is the last one.
func readAll(fd int, buf []byte, limit int) ([]byte, error) {
	for {
		room := buf[len(buf):cap(buf)]
		n, err := uninterrupted(func() (int, error) { return unix.Read(fd, room) })
		if err != nil {
			return buf[:0], err
		}
		buf = buf[:len(buf)+n]
		if len(buf) > limit {
			return buf[:0], fmt.Errorf("%w: more than %d bytes", host.ErrTooLarge, limit)
		}
		if n < len(room) {
			return buf, nil
		}
		buf = slices.Grow(buf, len(buf))
	}
}

// uninterrupted repeats a system call that a signal cut off.
func uninterrupted(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// reaches looks for a file with one system call on FAT, which has no symbolic
// links, and with two where the kernel has openat2(2), Linux 5.6. Only nil and
// what isMissing are an answer: of the rest os.Root decides.
func (v *Volume) reaches(name string) error {
	if v.self == nil {
		var err error
		if v.self, err = v.Root.Open("."); err != nil {
			return errors.ErrUnsupported
		}
	}
	if isFAT(v.FSType) && filepath.IsLocal(name) {
		var st unix.Stat_t
		return unix.Fstatat(int(v.self.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	}
	fd, err := unix.Openat2(int(v.self.Fd()), name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH})
	if err != nil {
		return err
	}
	return unix.Close(fd)
}
