package kexec

import (
	"errors"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/internal/refusal"
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
		got, err := loaded(host.Machine{FS: root})
		assert.NoError(t, err, name)
		assert.Equal(t, c.want, got, name)
	}
	_, err := loaded(host.Machine{FS: fstest.MapFS{}})
	assert.ErrorContains(t, err, "cannot determine whether a kernel is loaded")
	assert.Equal(t, "mount sysfs: mount -t sysfs sysfs /sys", hint.Of(err), "without sysfs it is unknown")
}

// TestRefusedTakesOnlyErrnos holds that other errors, a context's for instance,
// are returned as they are.
func TestRefusedTakesOnlyErrnos(t *testing.T) {
	plain := errors.New("plain")
	assert.NoError(t, refused(refusal.File, nil, nil, refusal.Image{}))
	assert.Equal(t, plain, refused(refusal.File, plain, nil, refusal.Image{}))
	file := &os.PathError{Op: "open", Path: "/sys/firmware/memmap", Err: unix.ENOENT}
	assert.Equal(t, error(file), refused(refusal.Classic, file, nil, refusal.Image{}), "not the answer to the call")
	image := refusal.Image{Cmdline: 5}
	err := refused(refusal.Classic, unix.EBUSY, []string{"one", "two", "three"}, image)
	assert.Equal(t, &LoadError{Errno: unix.EBUSY, Call: "kexec_load", KernelLog: []string{"one", "two", "three"}, Image: image, NoClassic: !classicBuilt}, err)
	assert.EqualError(t, err, "kexec_load: device or resource busy (kernel log: one / two)")
	assert.ErrorIs(t, err, unix.EBUSY)
	assert.EqualError(t, refused(refusal.Unload, unix.EPERM, nil, image), "unload: operation not permitted")
}

func TestLoadRefusesBeforeTheKernelDoes(t *testing.T) {
	calls := Syscalls()
	assert.ErrorContains(t, calls.Load(t.Context(), os.Stdin, nil, "a\x00b", Options{}), "NUL inside")
	err := calls.Load(t.Context(), os.Stdin, nil, "", Options{Syscall: "magic"})
	assert.EqualError(t, err, `unknown system call "magic"`)
	assert.Equal(t, "use auto, file or classic", hint.Of(err))
}

// TestLoadOnThisMachine asks the real kernel for what no kernel takes: an empty
// file.
func TestLoadOnThisMachine(t *testing.T) {
	empty, err := os.Open("/dev/null")
	require.NoError(t, err)
	defer func() { require.NoError(t, empty.Close()) }()
	var refused *LoadError
	require.ErrorAs(t, Syscalls().Load(t.Context(), empty, nil, "quiet", Options{Syscall: File, Debug: true, BusyTimeout: -1}), &refused)
	assert.Contains(t, []error{unix.EPERM, unix.ENOSYS, unix.EINVAL, unix.EBUSY}, error(refused.Errno))
	assert.Equal(t, "/dev/null", refused.Image.Kernel.Name)
}

func TestJumpThatCameBack(t *testing.T) {
	for _, c := range []struct {
		err        error
		want, hint string
	}{
		{unix.EINVAL, "reboot(KEXEC): invalid argument: no kernel is loaded, or this is a container", "load a kernel first"},
		{unix.EPERM, "reboot(KEXEC): operation not permitted: this needs CAP_SYS_BOOT", "be root, outside of containers"},
		{unix.EBUSY, "reboot(KEXEC): device or resource busy: a load has not ended", "try again when it has"},
		{unix.ENOSYS, "reboot(KEXEC): function not implemented: this kernel was built without CONFIG_KEXEC_CORE", ""},
		{unix.EIO, "reboot(KEXEC): input/output error", ""},
		{nil, "reboot(KEXEC): function not implemented: this kernel was built without CONFIG_KEXEC_CORE", ""}, // a return is no jump
	} {
		err := jumpError(c.err)
		assert.EqualError(t, err, c.want)
		assert.Equal(t, c.hint, hint.Of(err))
		if c.err != nil {
			assert.ErrorIs(t, err, c.err)
		}
	}
}
