package loader_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

const (
	rootTab = "root UUID=" + diskUUID + " none\n"
	keyFile = "etc/cryptsetup-keys.d/root.key"
	tests   = "test the key of " + disk
)

// newKeyed is a machine without a TPM, whose initrd opens a volume by what it has of
// crypttab, and with more files.
func newKeyed(t *testing.T, crypttab string, files ...cpio.Record) *fake {
	t.Helper()
	f := newFake(t)
	f.write(map[string]string{"dev/disk/by-uuid/" + diskUUID: f.volume(none), "key": "correct\nhorse"})
	f.write(map[string]string{"esp/b.img": newcOf(t, append([]cpio.Record{
		cpio.Directory("etc", 0o755), cpio.StaticFile("etc/initrd-release", "x", 0o644), cpio.StaticFile("etc/crypttab", crypttab, 0o644),
		cpio.Directory("usr", 0o755), cpio.Directory("usr/bin", 0o755), cpio.StaticFile("usr/bin/systemd-cryptsetup", "x", 0o755),
	}, files...)...)})
	f.expect(tests, jump)
	return f
}

func newcOf(t *testing.T, files ...cpio.Record) string {
	t.Helper()
	var b bytes.Buffer
	w := cpio.Newc.Writer(&b)
	for _, r := range files {
		require.NoError(t, w.WriteRecord(r))
	}
	require.NoError(t, cpio.WriteTrailer(w))
	return b.String()
}

func (f *fake) testKey(device string, key *reboot.Secret) error {
	b, err := io.ReadAll(key.Reader())
	require.NoError(f.t, err)
	f.tested = string(b)
	return f.act("test the key of " + device)
}

// handed is the mode and the text of the key in what was loaded.
func handed(t *testing.T, initrd string) (mode uint64, key string) {
	t.Helper()
	last := strings.LastIndex(initrd[:strings.Index(initrd, keyFile)], "070701")
	before := strings.LastIndex(initrd[:last], "070701") // its directory
	r := cpio.Newc.Reader(strings.NewReader(initrd[before:]))
	dir, err := r.ReadRecord()
	require.NoError(t, err)
	assert.Equal(t, cpio.Info{Name: "etc/cryptsetup-keys.d", Mode: 0o40700, NLink: 1, Ino: 1}, dir.Info)
	file, err := r.ReadRecord()
	require.NoError(t, err)
	assert.Equal(t, keyFile, file.Name)
	b, err := io.ReadAll(io.NewSectionReader(file, 0, int64(file.FileSize)))
	require.NoError(t, err)
	return file.Mode, string(b)
}

// TestHandOver: without a TPM a key of the volume comes in an archive behind the
// initrds, where systemd-cryptsetup looks for it, and nowhere else.
func TestHandOver(t *testing.T) {
	f := newKeyed(t, rootTab)
	told := []string{}
	opt := loader.UnlockOptions{KeyFile: f.path("key"), OnVolumes: func(way loader.UnlockWay, names []string) { told = append(names, string(way)) }}
	require.NoError(t, f.unlock(opt))
	assert.Equal(t, []string{"root", "key"}, told)
	assert.Equal(t, []string{tests, "load", jump}, f.acts)
	assert.Equal(t, "correct\nhorse", f.tested, "a file is taken as it is")
	mode, key := handed(t, f.initrd)
	assert.Equal(t, uint64(0o100400), mode)
	assert.Equal(t, "correct\nhorse", key)
	assert.True(t, strings.HasPrefix(f.initrd, f.read("esp/b.img")), "after the others")
	assert.NoFileExists(t, f.path("var/lib/kexec-bls/unlock.json"), "nothing has to be removed later")
	for _, file := range []string{"run/kexec-bls/loaded.json", "var/lib/kexec-bls/next.json"} {
		assert.NotContains(t, f.read(file), "horse")
		assert.NotContains(t, f.read(file), "root.key")
	}
	receipt, err := f.Receipt()
	require.NoError(t, err)
	assert.Len(t, receipt.Files, 2, "kernel and initrd")
}

// A passphrase is asked for once, for all volumes.
func TestHandOverAsks(t *testing.T) {
	second := "data UUID=" + diskUUID + " none x-initrd.attach\n"
	f := newKeyed(t, rootTab+second)
	err := f.unlock(loader.UnlockOptions{})
	require.ErrorContains(t, err, "no key for root, data: there is no TPM, and nobody can be asked")
	assert.Equal(t, "name a file with a key", hint.Of(err))
	var asked [][]string
	typed := []byte("horse")
	require.NoError(t, f.unlock(loader.UnlockOptions{Ask: func(_ context.Context, names []string) ([]byte, error) {
		asked = append(asked, names)
		return typed, nil
	}}))
	assert.Equal(t, [][]string{{"root", "data"}}, asked)
	assert.Equal(t, make([]byte, 5), typed, "overwritten")
	assert.Equal(t, []string{tests, tests, "load", jump}, f.acts)
	_, key := handed(t, f.initrd)
	assert.Equal(t, "horse", key)
	assert.Equal(t, 2, strings.Count(f.initrd, "horse"))
}

// TestHandOverUndone: what fails leaves no kernel with a key behind.
func TestHandOverUndone(t *testing.T) {
	for act, loads := range map[string]bool{tests: false, "load": true, jump: true} {
		t.Run(act, func(t *testing.T) {
			f := newKeyed(t, rootTab)
			f.done[act] = errors.New("refused")
			require.ErrorContains(t, f.unlock(loader.UnlockOptions{KeyFile: f.path("key")}), "refused")
			assert.False(t, f.there)
			assert.Equal(t, loads, count(f.acts, "load") == 1)
		})
	}
}

// TestHandOverRefuses: what would not open, or would let the key get onto a disk, is
// refused before anything is asked for.
func TestHandOverRefuses(t *testing.T) {
	write := func(name, text string) func(*fake) {
		return func(f *fake) { f.write(map[string]string{name: text}) }
	}
	for name, c := range map[string]struct {
		crypttab, line string
		change         func(*fake)
		want           string
	}{
		"hibernation": {change: write("sys/power/resume", "254:1\n"), want: "could get onto a disk: the machine can hibernate"},
		"resume=":     {change: write("proc/cmdline", "resume=/dev/sda3"), want: "could get onto a disk: the machine can hibernate"},
		"swap":        {change: write("proc/swaps", "/dev/sda3 partition 1 0 -2\n"), want: "could get onto a disk: swap space /dev/sda3 is not encrypted"},
		"no header":   {change: func(f *fake) { require.NoError(f.t, os.Remove(f.path(disk[1:]))) }, want: "root: its LUKS2 header cannot be read"},
		"another initrd": {change: func(f *fake) {
			f.write(map[string]string{"esp/b.img": strings.Replace(f.read("esp/b.img"), "bin/systemd-", "bin/xystemd-", 1)})
		}, want: "not systemd-cryptsetup"},
		"kept initrd":      {line: "retain_initrd", want: "the kernel would keep the initrd"},
		"one try":          {crypttab: "tpm2-device=auto,tries=1", want: "no key is tried"},
		"header elsewhere": {crypttab: "header=" + disk, want: "it has the option header"},
		"part of a file":   {crypttab: "keyfile-offset=5", want: "it has the option keyfile-offset"},
		"a FIDO2 token":    {crypttab: "fido2-device=auto", want: "it has the option fido2-device"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newKeyed(t, strings.TrimSpace(rootTab)+" "+c.crypttab+"\n")
			if c.change != nil {
				c.change(f)
			}
			opt := loader.RebootOptions{Unlock: &loader.UnlockOptions{Ask: func(context.Context, []string) ([]byte, error) {
				t.Error("asked")
				return nil, errors.New("asked")
			}}}
			for _, opt.DryRun = range []bool{true, false} {
				err := f.Reboot(t.Context(), f.plan("other.conf", loader.PlanOptions{Append: []string{c.line}}), opt)
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, err, "nothing was changed")
				if name == "swap" {
					assert.Equal(t, "swapoff /dev/sda3", hint.Of(err))
				}
			}
			assert.Empty(t, f.acts)
		})
	}
}

// An initrd with a key of its own needs none, nor does a volume whose key file crypttab
// names.
func TestHandOverIsNotNeeded(t *testing.T) {
	for name, f := range map[string]*fake{
		"key in the initrd": newKeyed(t, rootTab, cpio.Directory("etc/cryptsetup-keys.d", 0o700), cpio.StaticFile(keyFile, "x", 0o400)),
		"key file":          newKeyed(t, "root UUID="+diskUUID+" /key\n"),
		"noauto":            newKeyed(t, "root UUID="+diskUUID+" none noauto\n"),
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, f.unlock(loader.UnlockOptions{}))
			assert.Equal(t, []string{"load", jump}, f.acts)
		})
	}
}

// A key that cannot be one is refused, and not read without an end.
func TestHandOverKeyFiles(t *testing.T) {
	f := newKeyed(t, rootTab)
	f.write(map[string]string{"empty": ""})
	require.NoError(t, os.Truncate(f.path("empty"), 0))
	large, err := os.Create(f.path("large"))
	require.NoError(t, err)
	require.NoError(t, large.Truncate(8<<20+1))
	require.NoError(t, large.Close())
	for file, want := range map[string]string{"empty": "it is empty", "large": "it is larger than 8 MiB", "esp": "esp: ", "absent": "no such file"} {
		require.ErrorContains(t, f.unlock(loader.UnlockOptions{KeyFile: f.path(file)}), want)
	}
	assert.Empty(t, f.acts)
}

// A key that the kernel would drop is no key: what it makes of the whole is looked at
// again.
func TestHandOverIsVerified(t *testing.T) {
	f := newKeyed(t, rootTab, cpio.Directory("etc/cryptsetup-keys.d", 0o700), cpio.Directory(keyFile, 0o700), cpio.StaticFile(keyFile+"/x", "", 0o400))
	err := f.unlock(loader.UnlockOptions{KeyFile: f.path("key")})
	lossy, ok := errors.AsType[*loader.LossyError](err)
	require.True(t, ok, err)
	require.Len(t, lossy.Findings, 1)
	assert.Equal(t, "keys for this kexec", lossy.Findings[0].Member)
	assert.Equal(t, []string{tests}, f.acts)
}
