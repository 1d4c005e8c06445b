package kexec

import (
	"errors"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestLoadedLooksAtBothPlaces(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"old place":     {map[string]string{"sys/kernel/kexec_loaded": "1\n"}, true},
		"new place":     {map[string]string{"sys/kernel/kexec/loaded": "1\n"}, true},
		"both":          {map[string]string{"sys/kernel/kexec/loaded": "1\n", "sys/kernel/kexec_loaded": "1\n"}, true},
		"none loaded":   {map[string]string{"sys/kernel/kexec_loaded": "0\n"}, false},
		"without kexec": {map[string]string{"sys/kernel/notes": ""}, false},
	} {
		root := make(fstest.MapFS)
		for file, text := range c.files {
			root[file] = &fstest.MapFile{Data: []byte(text)}
		}
		got, err := loaded(root)
		assert.NoError(t, err, name)
		assert.Equal(t, c.want, got, name)
	}
	_, err := loaded(fstest.MapFS{})
	assert.ErrorContains(t, err, "is sysfs mounted?", "without sysfs nobody can tell")
}

// TestExplainedLooksOnlyAtErrnos holds that other errors, a context's for
// instance, stay what they are, and that a machine is inspected only for need.
func TestExplainedLooksOnlyAtErrnos(t *testing.T) {
	never := func() System { t.Error("looked"); return System{} }
	plain := errors.New("plain")
	assert.NoError(t, explained(opFile, nil, never))
	assert.Equal(t, plain, explained(opFile, plain, never))
	file := &os.PathError{Op: "open", Path: "/sys/firmware/memmap", Err: unix.ENOENT}
	assert.Equal(t, error(file), explained(opClassic, file, never), "not what the call said")
	assert.ErrorContains(t, explained(opClassic, unix.EBUSY, func() System { return System{} }), "kexec_load: device or resource busy")
}

func TestLoadRefusesBeforeTheKernelDoes(t *testing.T) {
	assert.ErrorContains(t, Load(t.Context(), os.Stdin, nil, "a\x00b", Options{}), "NUL inside")
	assert.EqualError(t, Load(t.Context(), os.Stdin, nil, "", Options{Syscall: "magic"}), `system call "magic" is not known; take auto, file or classic`)
}

// TestLoadOnThisMachine asks the real kernel for what no kernel takes: an empty
// file. Whatever it says has to come back explained.
func TestLoadOnThisMachine(t *testing.T) {
	empty, err := os.Open("/dev/null")
	require.NoError(t, err)
	defer func() { require.NoError(t, empty.Close()) }()
	var refused *LoadError
	require.ErrorAs(t, Load(t.Context(), empty, nil, "quiet", Options{Syscall: File, Debug: true, Patience: -1}), &refused)
	assert.Contains(t, []error{unix.EPERM, unix.ENOSYS, unix.EINVAL, unix.EBUSY}, error(refused.Errno))
	if os.Geteuid() != 0 && refused.Errno == unix.EPERM {
		assert.ErrorContains(t, refused, "run it as root")
	}
}

func TestJumpThatCameBack(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{unix.EINVAL, "reboot(KEXEC): invalid argument: no kernel is loaded, or this is a container; load one first"},
		{unix.EPERM, "reboot(KEXEC): operation not permitted: this needs CAP_SYS_BOOT; be root, outside of containers"},
		{unix.EBUSY, "reboot(KEXEC): device or resource busy: a load is under way; try again when it has ended"},
		{unix.ENOSYS, "reboot(KEXEC): function not implemented: this kernel was built without CONFIG_KEXEC_CORE"},
		{unix.EIO, "reboot(KEXEC): input/output error"},
		{nil, "reboot(KEXEC): function not implemented: this kernel was built without CONFIG_KEXEC_CORE"}, // who comes back did not jump
	} {
		err := jumpError(c.err)
		assert.EqualError(t, err, c.want)
		if c.err != nil {
			assert.ErrorIs(t, err, c.err)
		}
	}
}
