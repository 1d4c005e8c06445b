package kexec

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/internal/refusal"
)

// answers is a kernel that answers each call with an error, and notes the calls.
type answers struct {
	file, classic error
	calls         []string
}

func (a *answers) syscalls() kernelCalls {
	note := func(err error, format string, args ...any) error {
		a.calls = append(a.calls, fmt.Sprintf(format, args...))
		return err
	}
	return kernelCalls{
		fileLoad: func(_, initrd int, cmdline string, flags int) error {
			return note(a.file, "file %q initrd=%t flags=%d", cmdline, initrd >= 0, flags)
		},
		classicLoad: func(_, initrd *os.File, cmdline string, rsdp uint64) error {
			return note(a.classic, "classic %q initrd=%t rsdp=%#x", cmdline, initrd != nil, rsdp)
		},
		fileUnload:    func() error { return note(a.file, "file") },
		classicUnload: func() error { return note(a.classic, "classic") },
	}
}

// image is an open file, "MZ".
func image(t *testing.T) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "vmlinuz")
	require.NoError(t, os.WriteFile(name, []byte("MZ"), 0o600))
	f, err := os.Open(name)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, f.Close()) })
	return f
}

// TestWhichCallLoads: kexec_load is tried where the kernel does not have the other
// call, and never where it has refused an image.
func TestWhichCallLoads(t *testing.T) {
	open := fstest.MapFS{"sys/kernel/kexec_loaded": text("0"), "sys/kernel/security/lockdown": text("[none] integrity")}
	locked := fstest.MapFS{"sys/kernel/security/lockdown": text("none [integrity]")}
	const file, classic = refusal.File, refusal.Classic
	for name, tt := range map[string]struct {
		root     fstest.MapFS
		how      Syscall
		kernel   answers
		calls    string // file, classic
		want     error
		by       refusal.Call
		noErrno  bool // a refusal of ours
		needsOld bool // kexec_load has to be built in
	}{
		"both are there":              {root: open, calls: "file"},
		"the image is refused":        {root: open, kernel: answers{file: unix.EKEYREJECTED}, calls: "file", want: unix.EKEYREJECTED, by: file},
		"no permission":               {root: open, kernel: answers{file: unix.EPERM}, calls: "file", want: unix.EPERM, by: file},
		"only kexec_load":             {root: open, kernel: answers{file: unix.ENOSYS}, calls: "file classic", needsOld: true},
		"only that, and it refuses":   {root: open, kernel: answers{file: unix.ENOSYS, classic: unix.ENOMEM}, calls: "file classic", want: unix.ENOMEM, by: classic, needsOld: true},
		"neither":                     {root: open, kernel: answers{file: unix.ENOSYS, classic: unix.ENOSYS}, calls: "file classic", want: unix.ENOSYS, by: file, needsOld: true},
		"only that, but locked":       {root: locked, kernel: answers{file: unix.ENOSYS}, calls: "file", want: unix.ENOSYS, by: file},
		"auto by name":                {root: open, how: Auto, kernel: answers{file: unix.ENOSYS}, calls: "file classic", needsOld: true},
		"file by name":                {root: open, how: File, kernel: answers{file: unix.ENOSYS}, calls: "file", want: unix.ENOSYS, by: file},
		"classic by name":             {root: open, how: Classic, kernel: answers{file: unix.EPERM}, calls: "classic", needsOld: true},
		"classic by name, locked":     {root: locked, how: Classic, noErrno: true},
		"classic by name, it refuses": {root: open, how: Classic, kernel: answers{classic: unix.EADDRNOTAVAIL}, calls: "classic", want: unix.EADDRNOTAVAIL, by: classic, needsOld: true},
	} {
		if tt.needsOld && !classicBuilt {
			continue
		}
		t.Run(name, func(t *testing.T) {
			m := host.Machine{FS: tt.root, GOARCH: runtime.GOARCH}
			err := load(t.Context(), job{m, image(t), nil, "quiet", Options{Syscall: tt.how, BusyTimeout: -1}, tt.kernel.syscalls()})
			var called []string
			for _, c := range tt.kernel.calls {
				called = append(called, strings.Fields(c)[0])
			}
			switch {
			case tt.noErrno:
				assert.ErrorContains(t, err, "kexec_load")
			case tt.want == nil:
				assert.NoError(t, err)
			default:
				var refused *LoadError
				require.ErrorAs(t, err, &refused)
				assert.ErrorIs(t, err, tt.want)
				assert.Equal(t, tt.by, refused.Call)
				assert.Equal(t, 5, refused.Image.Cmdline)
			}
			assert.Equal(t, tt.calls, strings.Join(called, " "))
		})
	}
}

// TestWhatTheCallsGet: an image without an initrd is loaded with the flag that says
// so, and kexec_load with the address of the ACPI tables.
func TestWhatTheCallsGet(t *testing.T) {
	kernel := answers{file: unix.ENOSYS}
	m := host.Machine{FS: fstest.MapFS{"sys/firmware/efi/systab": text("ACPI20=0x7fb7e014\n")}, GOARCH: runtime.GOARCH}
	for _, initrd := range []*os.File{nil, image(t)} {
		_ = load(t.Context(), job{m, image(t), initrd, "a b", Options{Debug: true, NoCMA: true}, kernel.syscalls()})
	}
	want := []string{`file "a b" initrd=false flags=28`, `classic "a b" initrd=false rsdp=0x7fb7e014`, `file "a b" initrd=true flags=24`, `classic "a b" initrd=true rsdp=0x7fb7e014`}
	if !classicBuilt {
		want = []string{want[0], want[2]}
	}
	assert.Equal(t, want, kernel.calls)
	assert.Equal(t, 28, unix.KEXEC_FILE_NO_INITRAMFS|unix.KEXEC_FILE_DEBUG|unix.KEXEC_FILE_NO_CMA)
}

// TestUnload drops what either call loaded.
func TestUnload(t *testing.T) {
	for name, tt := range map[string]struct {
		kernel answers
		calls  string
		want   error
	}{
		"dropped":               {answers{}, "file", nil},
		"refused":               {answers{file: unix.EPERM}, "file", unix.EPERM},
		"only kexec_load":       {answers{file: unix.ENOSYS}, "file classic", nil},
		"refused by kexec_load": {answers{file: unix.ENOSYS, classic: unix.EPERM}, "file classic", unix.EPERM},
		"no kexec at all":       {answers{file: unix.ENOSYS, classic: unix.ENOSYS}, "file classic", unix.ENOSYS},
	} {
		t.Run(name, func(t *testing.T) {
			err := unload(tt.kernel.syscalls())
			assert.Equal(t, tt.calls, strings.Join(tt.kernel.calls, " "))
			if tt.want == nil {
				assert.NoError(t, err)
				return
			}
			var refused *LoadError
			require.ErrorAs(t, err, &refused)
			assert.ErrorIs(t, err, tt.want)
			assert.Equal(t, refusal.Unload, refused.Call)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		kernel := answers{file: unix.EBUSY}
		assert.ErrorIs(t, unload(kernel.syscalls()), unix.EBUSY)
		assert.Greater(t, len(kernel.calls), 5, "a load that has not ended is waited for")
	})
}
