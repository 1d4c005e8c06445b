package loader_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/internal/stamp"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// stamps are files of the machine as a receipt has them.
func (f *fake) stamps(names ...string) []stamp.File {
	f.t.Helper()
	var files []stamp.File
	for _, name := range names {
		info, err := os.Stat(f.path(name))
		require.NoError(f.t, err)
		content, err := os.ReadFile(f.path(name))
		require.NoError(f.t, err)
		sum := sha256.Sum256(content)
		files = append(files, stamp.File{Path: loader.Text(f.path(name)), Size: info.Size(), MTime: info.ModTime(), SHA256: hex.EncodeToString(sum[:])})
	}
	return files
}

// recorded is the receipt on the disk without its time, which the load chose, with
// its files compared apart: their times have another zone.
func (f *fake) recorded(files ...string) loader.Receipt {
	f.t.Helper()
	r, err := f.Receipt()
	require.NoError(f.t, err)
	require.False(f.t, r.Time.IsZero())
	want := f.stamps(files...)
	require.Len(f.t, r.Files, len(want))
	for i := range want {
		require.True(f.t, want[i].MTime.Equal(r.Files[i].MTime))
		want[i].MTime = r.Files[i].MTime
	}
	assert.Equal(f.t, want, r.Files)
	r.Files, r.Time = nil, loader.Receipt{}.Time
	return r
}

// TestReceiptOfAnEntry has all that repeats the load, and all that a change of it
// would show in.
func TestReceiptOfAnEntry(t *testing.T) {
	f := newFake(t)
	volumes := []state.Volume{{Source: "esp", Dir: loader.Text(f.path("esp"))}}
	f.load("arch")
	r := f.recorded("esp/vmlinuz", "esp/b.img")
	require.NotNil(t, r.EntryFile)
	assert.Equal(t, f.stamps("esp/loader/entries/arch.conf")[0].SHA256, r.EntryFile.SHA256)
	assert.EqualValues(t, f.path("esp/loader/entries/arch.conf"), r.EntryFile.Path)
	r.EntryFile = nil
	want := loader.Receipt{
		Schema: 2, BootID: bootID, Entry: "arch.conf", Title: "Arch", Version: "6.12.1", Release: "6.12.1", Named: true, Volumes: volumes,
		Cmdline: "root=/dev/vda2 rw quiet", Request: &loader.Request{Entry: "arch.conf"},
	}
	assert.Equal(t, want, r)

	f.load("")
	r = f.recorded("esp/vmlinuz", "esp/b.img")
	r.EntryFile, want.Named, want.Request = nil, false, &loader.Request{}
	assert.Equal(t, want, r, "the default of then")
}

// TestReceiptOfAnImage: a unified kernel image has no file of its own for the entry,
// and folders that more files may come into.
func TestReceiptOfAnImage(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"esp/EFI/Linux/uki.efi": uki("root=/dev/uki"), "esp/EFI/Linux/uki.efi.extra.d/a.cred": "x"})
	f.load("uki")
	r := f.recorded("esp/EFI/Linux/uki.efi", "esp/EFI/Linux/uki.efi.extra.d/a.cred")
	assert.Nil(t, r.EntryFile)
	assert.Contains(t, r.Folders, stamp.Folder{Path: loader.Text(f.path("esp/EFI/Linux/uki.efi.extra.d")), Files: []loader.Text{"a.cred"}})
	assert.EqualValues(t, "uki.efi", r.Entry)
	assert.EqualValues(t, "root=/dev/uki", r.Cmdline)
}

// TestReceiptOfFiles names no entry and no partition: it cannot be repeated.
func TestReceiptOfFiles(t *testing.T) {
	f := newFake(t)
	p, err := loader.NewFilePlan(t.Context(), f.Host, f.path("esp/vmlinuz"), []string{f.path("esp/a.img")}, loader.PlanOptions{
		Append: []string{"quiet"}, Request: &loader.Request{Entry: "x"},
	})
	require.NoError(t, err)
	defer p.Close()
	_, err = f.Load(t.Context(), p, loader.LoadOptions{})
	require.NoError(t, err)
	r := f.recorded("esp/vmlinuz", "esp/a.img")
	assert.Equal(t, loader.Receipt{Schema: 2, BootID: bootID, Release: "6.12.1", Named: true, Cmdline: "quiet"}, r)
	assert.Equal(t, f.path("esp/vmlinuz"), f.LoadedName())
}

// TestRequestIsNotShared: the request of a plan is the caller's.
func TestRequestIsNotShared(t *testing.T) {
	f := newFake(t)
	request := loader.Request{Entry: "what the user typed"}
	r, err := f.Load(t.Context(), f.plan("arch", loader.PlanOptions{Request: &request}), loader.LoadOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, "arch.conf", r.Request.Entry)
	assert.EqualValues(t, "what the user typed", request.Entry)

	r, err = f.Load(t.Context(), f.plan("arch", loader.PlanOptions{}), loader.LoadOptions{})
	require.NoError(t, err)
	assert.Nil(t, r.Request, "none was given")
}

// TestOptionsReachTheKernel: which call, and whether the kernel talks.
func TestOptionsReachTheKernel(t *testing.T) {
	f := newFake(t)
	var lines []string
	for _, c := range []struct {
		plan loader.PlanOptions
		load loader.LoadOptions
		want kexec.Options
	}{
		{loader.PlanOptions{}, loader.LoadOptions{}, kexec.Options{}},
		{loader.PlanOptions{Syscall: kexec.Classic}, loader.LoadOptions{}, kexec.Options{Syscall: kexec.Classic}},
		{loader.PlanOptions{NoCMA: true}, loader.LoadOptions{}, kexec.Options{NoCMA: true}},
		{loader.PlanOptions{}, loader.LoadOptions{OnKernelLog: func(line string) { lines = append(lines, line) }}, kexec.Options{Debug: true}},
	} {
		_, err := f.Load(t.Context(), f.plan("arch", c.plan), c.load)
		require.NoError(t, err)
		if on := f.call.OnKernelLog; on != nil {
			on("kexec: a line")
		}
		f.call.OnKernelLog = nil
		assert.Equal(t, c.want, f.call)
	}
	assert.Equal(t, []string{"kexec: a line"}, lines)
}
