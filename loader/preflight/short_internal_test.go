package preflight

import (
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
)

// TestInShort: evidence is one short line that a terminal can show, whatever a file
// is or holds.
func TestInShort(t *testing.T) {
	root := fstest.MapFS{
		"text": {Data: []byte(" one line\n")}, "lines": {Data: []byte("a\nb\n")}, "empty": {Data: []byte("\n\x00")}, "binary": {Data: []byte("\x1b[31m")},
		"latin": {Data: []byte("gr\xfcn")}, "tab": {Data: []byte("a\tb")}, "long": {Data: []byte(strings.Repeat("x", 79) + "éy")}, "huge": {Data: make([]byte, maxShown+1)}, "full": {Data: make([]byte, maxShown)},
		"dir/a": {}, "dir/b": {}, "dev": {Mode: fs.ModeDevice}, "link": {Data: []byte("../target"), Mode: fs.ModeSymlink},
	}
	for name, want := range map[string]string{
		"text": "one line", "lines": "2 lines", "empty": "empty", "binary": "5 bytes", "latin": "4 bytes", "tab": "a\tb",
		"long": strings.Repeat("x", 79) + "...", "huge": "1048577 bytes", "full": "empty", "dir": "directory, 2 entries", "dev": "device", "link": "link to ../target", "gone": "absent",
	} {
		assert.Equal(t, want, inShort(root, name), name)
	}
	for _, op := range []string{"stat", "open", "readdir"} {
		for _, name := range []string{"text", "dir"} {
			got := inShort(refusing{root, op}, name)
			assert.NotContains(t, got, "absent", "%s %s: it is there", op, name)
		}
	}
	assert.Empty(t, inShort(refusing{root, "stat"}, "text"))
}

// refusing refuses one kind of operation.
type refusing struct {
	fstest.MapFS
	op string
}

func (r refusing) refuse(op, name string) error {
	if op == r.op {
		return &fs.PathError{Op: op, Path: name, Err: syscall.EACCES}
	}
	return nil
}

// Open opens files and directories.
func (r refusing) Open(name string) (fs.File, error) {
	if err := r.refuse("open", name); err != nil {
		return nil, err
	}
	return r.MapFS.Open(name)
}

// Stat describes them.
func (r refusing) Stat(name string) (fs.FileInfo, error) {
	if err := r.refuse("stat", name); err != nil {
		return nil, err
	}
	return r.MapFS.Stat(name)
}

// ReadDir lists a directory.
func (r refusing) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := r.refuse("readdir", name); err != nil {
		return nil, err
	}
	return r.MapFS.ReadDir(name)
}

// ReadFile reads a file.
func (r refusing) ReadFile(name string) ([]byte, error) {
	if err := r.refuse("open", name); err != nil {
		return nil, err
	}
	return r.MapFS.ReadFile(name)
}

func TestDashed(t *testing.T) {
	assert.Equal(t, "01234567-89ab-cdef-0123-456789abcdef", dashed("0123456789ABCDEF0123456789abcdef"))
	for _, hex := range []string{"", "0123", strings.Repeat("0", 33)} {
		assert.Empty(t, dashed(hex), hex)
	}
}

func TestDeviceFile(t *testing.T) {
	for spec, want := range map[string]string{
		"UUID=AB-cd": "dev/disk/by-uuid/ab-cd", `PARTUUID="X"`: "dev/disk/by-partuuid/x", "LABEL=Root": "dev/disk/by-label/Root", "PARTLABEL=R": "dev/disk/by-partlabel/R",
		"/dev/mapper/root": "dev/mapper/root", "/dev//sda1/": "dev/sda1",
		"LABEL=../../x": "", "LABEL=": "", "none": "", "": "", "/swapfile": "", "ID=x": "",
	} {
		assert.Equal(t, want, deviceFile(spec), spec)
	}
}

// TestScriptStep is what the scripts that end a shutdown in an initramfs do with
// kexec, as dracut, mkinitcpio and others write them.
func TestScriptStep(t *testing.T) {
	for name, tt := range map[string]struct {
		script string
		want   lastStep
	}{
		"jumps":              {"case \"$1\" in\n reboot|poweroff) x;;\n kexec) kexec -e;;\nesac\n", jumps},
		"by a function":      {"case \"$1\" in\n reboot) reboot -f;;\n kexec) do_kexec;;\nesac\n", calls},
		"not known":          {"case \"$1\" in\n reboot) reboot -f;;\n *) poweroff -f;;\nesac\n", powersOff},
		"not known, halts":   {"case \"$1\" in\n poweroff) poweroff -f;;\n *) halt -f;;\nesac\n", powersOff},
		"not known, reboots": {"case \"$1\" in\n poweroff) poweroff -f;;\n *) reboot -f;;\nesac\n", resets},
		"no default":         {"case \"$1\" in\n poweroff) poweroff -f;;\nesac\n", unclear},
		"another default":    {"case \"$1\" in\n poweroff) poweroff -f;;\n *) true;;\nesac\n", unclear},
		"no case":            {"reboot -f\n", unclear},
		"no case, but jumps": {"kexec --exec\n", jumps},
		"another case after": {"case $1 in\n kexec) kexec -e;;\nesac\ncase $x in\n *) poweroff -f;;\nesac\n", jumps},
		"another case":       {"case $x in\n a) true;;\nesac\n", unclear},
		"arm without end":    {"case \"$1\" in reboot) x;; kexec esac\n", unclear},
	} {
		assert.Equal(t, tt.want, scriptStep(tt.script), name)
	}
}
