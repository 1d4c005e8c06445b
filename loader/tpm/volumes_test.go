package tpm_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"iter"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/tpm"
)

// fields are options with commas between them.
func fields(options string) iter.Seq[string] { return strings.SplitSeq(options, ",") }

// Two are one volume by name or by UUID, however that is written.
func TestSameVolumes(t *testing.T) {
	for name, c := range map[string]struct {
		a, b tpm.Volume
		want bool
	}{
		"name":            {tpm.Volume{Name: "a", Source: "/dev/a"}, tpm.Volume{Name: "a", Source: "/dev/b"}, true},
		"UUID":            {tpm.Volume{Name: "a", Source: "UUID=AB"}, tpm.Volume{Name: "b", Source: "UUID=ab"}, true},
		"UUID and path":   {tpm.Volume{Name: "a", Source: `UUID="ab"`}, tpm.Volume{Name: "b", Source: "/dev/disk/by-uuid/ab"}, true},
		"other UUID":      {tpm.Volume{Name: "a", Source: "UUID=ab"}, tpm.Volume{Name: "b", Source: "UUID=ac"}, false},
		"no UUID":         {tpm.Volume{Name: "a", Source: "/dev/a"}, tpm.Volume{Name: "b", Source: "/dev/a"}, false},
		"PARTUUID":        {tpm.Volume{Name: "a", Source: "PARTUUID=ab"}, tpm.Volume{Name: "b", Source: "UUID=ab"}, false},
		"empty UUID":      {tpm.Volume{Name: "a", Source: "UUID="}, tpm.Volume{Name: "b", Source: "UUID="}, false},
		"UUID and a name": {tpm.Volume{Name: "ab", Source: "/dev/a"}, tpm.Volume{Name: "b", Source: "UUID=ab"}, false},
	} {
		assert.Equal(t, c.want, c.a.Same(c.b), name)
		assert.Equal(t, c.want, c.b.Same(c.a), name)
	}
}

// Discovery looks at the last root=, and is off by a parameter that is a boolean.
func TestDiscovery(t *testing.T) {
	auto := files{"usr/lib/systemd/system-generators/systemd-gpt-auto-generator": "x"}.initrd()
	for line, found := range map[string]bool{
		"": true, "root=gpt-auto": true, "root=gpt-auto-force": true, "root=": true, "root=/dev/a": false, "root=/dev/a root=gpt-auto": true, "root=gpt-auto root=/dev/a": false,
		"systemd.gpt_auto": true, "systemd.gpt-auto=0": false, "systemd.gpt_auto=1": true, "systemd.gpt_auto=x": true, "rd.systemd.gpt_auto=0": true, "root=gpt-auto systemd.gpt_auto=no": false,
	} {
		volumes := tpm.Volumes(line, auto, "")
		if !found {
			assert.Empty(t, volumes, line)
			continue
		}
		assert.Equal(t, []tpm.Volume{{Name: "root", Source: "/dev/gpt-auto-root-luks", Initrd: true, Err: fs.ErrNotExist, Options: []string{"tpm2-measure-pcr=yes"}}}, volumes, line)
	}
}

// A discovered volume is looked for in two places, others in one.
func TestPlacesOfHeaders(t *testing.T) {
	header := &fstest.MapFile{Data: headerOf(`{"tokens":{"4":{"type":"x"}}}`)}
	other := &fstest.MapFile{Data: headerOf(`{"tokens":{"5":{"type":"x"}}}`)}
	v := tpm.Volume{Source: "/dev/gpt-auto-root-luks"}
	v.ReadHeader(fstest.MapFS{"dev/gpt-auto-root-luks": header, "dev/disk/by-designator/root-luks": other})
	require.NoError(t, v.Err)
	assert.Equal(t, 4, v.Header.Tokens[0].Number)
	v.ReadHeader(fstest.MapFS{"dev/gpt-auto-root-luks": {Data: make([]byte, 9000)}, "dev/disk/by-designator/root-luks": other})
	require.Error(t, v.Err, "the first that is there counts, whatever it is")
	assert.Empty(t, v.Header)
	v.ReadHeader(fstest.MapFS{})
	require.ErrorIs(t, v.Err, fs.ErrNotExist)

	v = tpm.Volume{Source: "UUID=a", Options: []string{"header=/a", "header=/b"}}
	v.ReadHeader(fstest.MapFS{"a": other, "b": header, "dev/disk/by-uuid/a": other})
	require.NoError(t, v.Err)
	assert.Equal(t, 4, v.Header.Tokens[0].Number, "the last value of an option")
	v = tpm.Volume{Source: "/dev/a"}
	v.ReadHeader(noOffsets{fstest.MapFS{"dev/a": header}})
	assert.EqualError(t, v.Err, "dev/a: cannot be read at an offset")
}

// noOffsets has files that are read from their beginning only.
type noOffsets struct{ fs.FS }

// Open hides ReadAt.
func (n noOffsets) Open(name string) (fs.File, error) {
	f, err := n.FS.Open(name)
	return struct{ fs.File }{f}, err
}

// The seal for one kexec is the policy of the predicted values, computed here anew; a
// PCR whose value is not known is left out.
func TestSealIsThePolicyOfItsValues(t *testing.T) {
	m, mark := marked(t)
	v := sealable(t, "")
	var unread tpm.Initrd
	unread.Unread("it is long")
	for name, c := range map[string]struct {
		initrd tpm.Initrd
		line   string
		pcrs   []int
		bitmap []byte
	}{
		"measured":   {unlocking(), "", []int{7, 11, 23}, []byte{0x80, 0x08, 0x80}},
		"unmeasured": {unlocking(), "systemd.tpm2_measured_os=no", []int{7, 11, 23}, []byte{0x80, 0x08, 0x80}},
		"unread":     {unread, "", []int{23}, []byte{0, 0, 0x80}},
	} {
		b := tpm.Boot{Initrd: c.initrd, Cmdline: c.line}
		s, err := tpm.SealOnce(m, b, []tpm.Volume{v}, v, mark)
		require.NoError(t, err, name)
		assert.Equal(t, c.pcrs, s.PCRs, name)
		bank, values := tpm.Predict(m, b).Banks["sha256"], sha256.New()
		var parts []string
		for _, n := range c.pcrs {
			values.Write(bank[n].Next)
			parts = append(parts, map[int]string{7: "7", 11: "11", 23: "23"}[n]+":sha256="+hex.EncodeToString(bank[n].Next))
		}
		assert.Equal(t, strings.Join(parts, "+"), s.Values, name)
		policy := append(make([]byte, 32), 0, 0, 1, 0x7f, 0, 0, 0, 1, 0, 0x0b, 3)
		want := sha256.Sum256(values.Sum(append(policy, c.bitmap...)))
		assert.Equal(t, want[:], s.Policy, name)
	}
}
