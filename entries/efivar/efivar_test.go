package efivar_test

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
)

// utf16le encodes a string without a NUL.
func utf16le(s string) []byte {
	var data []byte
	for _, u := range utf16.Encode([]rune(s)) {
		data = binary.LittleEndian.AppendUint16(data, u)
	}
	return data
}

// set writes a variable of a vendor as efivarfs would show it.
func set(t *testing.T, v efivar.Vars, name, vendor string, data []byte) {
	t.Helper()
	content := append([]byte{7, 0, 0, 0}, data...)
	require.NoError(t, os.WriteFile(filepath.Join(v.Dir, name+"-"+vendor), content, 0o644))
}

func TestLoader(t *testing.T) {
	for name, tt := range map[string]struct {
		data []byte
		want string
		err  string
	}{
		"with NUL":         {data: utf16le("arch.conf\x00"), want: "arch.conf"},
		"without NUL":      {data: utf16le("arch.conf"), want: "arch.conf"},
		"text after NUL":   {data: utf16le("arch.conf\x00junk\x00"), want: "arch.conf"},
		"empty":            {data: nil, want: ""},
		"only a NUL":       {data: utf16le("\x00"), want: ""},
		"beyond the BMP":   {data: utf16le("a\U0001F427b"), want: "a\U0001F427b"},
		"odd length":       {data: utf16le("arch.conf\x00")[:9], err: "EFI variable V: an odd number of bytes, not UTF-16"},
		"high surrogate":   {data: []byte{'a', 0, 0x3d, 0xd8}, err: "EFI variable V: half a surrogate pair, not UTF-16"},
		"low surrogate":    {data: []byte{0x27, 0xdc, 'a', 0}, err: "EFI variable V: half a surrogate pair, not UTF-16"},
		"pair split by a":  {data: []byte{0x3d, 0xd8, 'a', 0, 0x27, 0xdc}, err: "EFI variable V: half a surrogate pair, not UTF-16"},
		"garbled past NUL": {data: []byte{'a', 0, 0, 0, 0x3d, 0xd8}, want: "a"},
	} {
		t.Run(name, func(t *testing.T) {
			v := efivar.Vars{Dir: t.TempDir()}
			set(t, v, "V", bli.LoaderVendor, tt.data)
			got, err := v.Loader("V")
			assert.Equal(t, tt.want, got)
			if tt.err == "" {
				assert.NoError(t, err)
			} else {
				assert.EqualError(t, err, tt.err)
			}
		})
	}
}

func TestLoaderList(t *testing.T) {
	v := efivar.Vars{Dir: t.TempDir()}
	set(t, v, "Three", bli.LoaderVendor, utf16le("a.conf\x00auto-windows\x00\x00b.efi"))
	set(t, v, "Empty", bli.LoaderVendor, nil)
	set(t, v, "Odd", bli.LoaderVendor, []byte("abc"))

	list, err := v.LoaderList("Three")
	require.NoError(t, err)
	assert.Equal(t, []string{"a.conf", "auto-windows", "b.efi"}, list)
	list, err = v.LoaderList("Empty")
	assert.NoError(t, err)
	assert.Empty(t, list)
	list, err = v.LoaderList("Odd")
	assert.EqualError(t, err, "EFI variable Odd: an odd number of bytes, not UTF-16")
	assert.Nil(t, list)
	_, err = v.LoaderList("Absent")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestLoaderUint64(t *testing.T) {
	v := efivar.Vars{Dir: t.TempDir()}
	set(t, v, "LoaderFeatures", bli.LoaderVendor, []byte{0xff, 0xff, 0x3f, 0, 0, 0, 0, 0})
	set(t, v, "Short", bli.LoaderVendor, []byte{1, 2, 3, 4})

	features, err := v.LoaderUint64("LoaderFeatures")
	require.NoError(t, err)
	assert.Equal(t, uint64(0x3fffff), features)
	_, err = v.LoaderUint64("Short")
	assert.EqualError(t, err, "EFI variable Short: 4 bytes long, want 8")
	_, err = v.LoaderUint64("Absent")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestNotBootedWithEFI(t *testing.T) {
	v := efivar.Vars{Dir: filepath.Join(t.TempDir(), "absent")}
	_, err := v.Loader("LoaderInfo")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	_, err = v.Global("BootNext")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	_, err = v.Consume("LoaderEntryOneShot")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestReadGlobal(t *testing.T) {
	v := efivar.Vars{Dir: t.TempDir()}
	set(t, v, "BootNext", bli.GlobalVendor, []byte{3, 0})
	raw, err := v.Global("BootNext")
	require.NoError(t, err)
	assert.Equal(t, efivar.Variable{Attributes: 7, Data: []byte{3, 0}}, raw)
}

func TestReadSizes(t *testing.T) {
	const limit = 64 << 10
	for name, tt := range map[string]struct {
		size int // of the file, attributes included
		want string
	}{
		"nothing, as after a failed write": {size: 0, want: "EFI variable V: file does not exist"},
		"cut attributes":                   {size: 3, want: "EFI variable V: 3 bytes, too short for its attributes"},
		"attributes alone":                 {size: 4},
		"first buffer less one":            {size: 4095},
		"first buffer":                     {size: 4096},
		"second buffer and one":            {size: 16385},
		"limit":                            {size: limit},
		"limit and one":                    {size: limit + 1, want: "EFI variable V: larger than 65536 bytes"},
		"far beyond":                       {size: 1 << 20, want: "EFI variable V: larger than 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			v := efivar.Vars{Dir: t.TempDir()}
			content := bytes.Repeat([]byte{1, 2, 3, 4, 5}, tt.size/5+1)[:tt.size]
			require.NoError(t, os.WriteFile(filepath.Join(v.Dir, "V-"+bli.LoaderVendor), content, 0o600))
			raw, err := v.Read("V", bli.LoaderVendor)
			if tt.want != "" {
				assert.EqualError(t, err, tt.want)
				assert.Zero(t, raw)
				return
			}
			require.NoError(t, err)
			assert.True(t, bytes.Equal(content[4:], raw.Data))
		})
	}
}

func TestReadRefusesWhatIsNoVariable(t *testing.T) {
	v := efivar.Vars{Dir: t.TempDir()}
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("\x07\x00\x00\x00s\x00"), 0o600))
	file := func(name string) string { return filepath.Join(v.Dir, name+"-"+bli.LoaderVendor) }
	require.NoError(t, os.Symlink(secret, file("Link")))
	require.NoError(t, os.Mkdir(file("Dir"), 0o755))
	require.NoError(t, syscall.Mkfifo(file("Fifo"), 0o600))
	for _, name := range []string{"Link", "Dir", "Fifo", "", "../V", "a/b", "a\x00"} {
		s, err := v.Loader(name)
		assert.Error(t, err, name)
		assert.Empty(t, s, name)
		assert.NotErrorIs(t, err, fs.ErrNotExist, name)
	}
}
