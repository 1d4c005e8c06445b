package tpm_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/tpm"
)

// unlocking is an initrd that opens volumes by a TPM.
func unlocking(more ...string) tpm.Initrd {
	return measuring().with("usr/lib/x86_64-linux-gnu/libtss2-esys.so.0", "x").with(more...).initrd()
}

// sealable is root with an option of crypttab, and tokens.
func sealable(t *testing.T, option string, numbers ...int) tpm.Volume {
	v := root(t, numbers...)
	v.Options = []string{"tpm2-device=auto", option}
	return v
}

func TestLocked(t *testing.T) {
	b := tpm.Boot{Initrd: unlocking()}
	locked, err := tpm.Locked(running(t), b, []tpm.Volume{sealable(t, ""), sealable(t, "", none), {Name: "keyed", Initrd: true, Key: "/key"}, {Name: "data"}})
	require.NoError(t, err)
	require.Len(t, locked, 1, "the one that nothing else opens")
	assert.Empty(t, locked[0].Header.Tokens)
	assert.False(t, locked[0].Sealed())
	assert.True(t, sealable(t, "", pcr7).Sealed())
}

func TestLockedRefuses(t *testing.T) {
	var unread tpm.Initrd
	unread.Unread("it is long")
	broken := sealable(t, "")
	broken.Err = errors.New("broken")
	plain := root(t)
	for want, c := range map[string]struct {
		volume tpm.Volume
		initrd tpm.Initrd
		none   bool
	}{
		"no TPM 2.0 shows":                      {sealable(t, ""), unlocking(), true},
		"is not known: it is long":              {sealable(t, ""), unread, false},
		"header cannot be read: broken":         {broken, unlocking(), false},
		"is not systemd":                        {sealable(t, ""), unlocking("etc/initrd-release", ""), false},
		"no libtss2-esys":                       {sealable(t, ""), measuring().initrd(), false},
		"have no tpm2-device=auto":              {plain, unlocking(), false},
		"it has the option header":              {sealable(t, "header=/x"), unlocking(), false},
		"it has the option keyscript":           {sealable(t, "keyscript=/x"), unlocking(), false},
		"it has the option fido2-device":        {sealable(t, "fido2-device=auto"), unlocking(), false},
		"it has the option tpm2-pcrs":           {sealable(t, "tpm2-pcrs=7"), unlocking(), false},
		"the PIN of another token is asked for": {sealable(t, "", pin), unlocking(), false},
	} {
		m := running(t)
		if c.none {
			m.Banks = nil
		}
		_, err := tpm.Locked(m, tpm.Boot{Initrd: c.initrd}, []tpm.Volume{c.volume})
		require.ErrorIs(t, err, tpm.ErrOnce, want)
		require.ErrorContains(t, err, want)
	}
	_, err := tpm.Locked(running(t), tpm.Boot{Initrd: unlocking("usr/lib/x/cryptsetup/libcryptsetup-token-systemd-tpm2.so", "x")}, []tpm.Volume{plain})
	require.NoError(t, err, "libcryptsetup opens it")
}

// marked is the recorded machine after a digest was measured into PCR 23.
func marked(t *testing.T) (tpm.Machine, []byte) {
	m := running(t)
	mark := tpm.Marked([32]byte{1})
	zero := make([]byte, sha256.Size)
	require.Equal(t, zero, m.Once(), "nothing uses it")
	require.NoError(t, m.OnceFree())
	extended := sha256.Sum256(append(zero, append([]byte{1}, make([]byte, 31)...)...))
	require.Equal(t, extended[:], mark)
	banks := m.Banks["sha256"]
	banks[tpm.OncePCR] = mark
	m.Banks["sha256"] = banks
	return m, mark
}

func TestSealOnce(t *testing.T) {
	m, mark := marked(t)
	v := sealable(t, "")
	s, err := tpm.SealOnce(m, tpm.Boot{Initrd: unlocking()}, []tpm.Volume{v}, v, mark)
	require.NoError(t, err)
	assert.Equal(t, []int{7, 11, 23}, s.PCRs)
	assert.Regexp(t, `^7:sha256=[0-9a-f]{64}\+11:sha256=[0-9a-f]{64}\+23:sha256=[0-9a-f]{64}$`, s.Values)
	assert.Len(t, s.Policy, sha256.Size)
	again, err := tpm.SealOnce(m, tpm.Boot{Initrd: unlocking(), Cmdline: "systemd.tpm2_measured_os=no"}, []tpm.Volume{v}, v, mark)
	require.NoError(t, err)
	assert.NotEqual(t, s.Policy, again.Policy)
}

// A value that a start by firmware may have is none to seal to; nor one that the next
// initrd does not find.
func TestSealOnceRefuses(t *testing.T) {
	m, mark := marked(t)
	v := sealable(t, "")
	vendor := unit(measuring(), "vendor.service", "[Service]\nExecStart=/usr/lib/systemd/systemd-pcrextend --pcr=23 word\n").initrd()
	for name, c := range map[string]struct {
		machine tpm.Machine
		initrd  tpm.Initrd
		mark    []byte
	}{
		"zero":                {running(t), unlocking(), make([]byte, sha256.Size)},
		"ones":                {m, unlocking(), bytes.Repeat([]byte{0xff}, sha256.Size)},
		"not measured":        {running(t), unlocking(), mark},
		"another one":         {m, unlocking(), tpm.Marked([32]byte{2})},
		"the initrd measures": {m, vendor, mark},
		"no bank":             {tpm.Machine{}, unlocking(), mark},
	} {
		_, err := tpm.SealOnce(c.machine, tpm.Boot{Initrd: c.initrd}, []tpm.Volume{v}, v, c.mark)
		require.ErrorIs(t, err, tpm.ErrOnce, name)
	}
	require.ErrorContains(t, m.OnceFree(), "something uses PCR 23")
	require.ErrorContains(t, tpm.Machine{}.OnceFree(), "no PCR bank sha256")
}

// TestOpensOnce: before the jump the tokens are looked at again, and a volume that
// would not open ends it.
func TestOpensOnce(t *testing.T) {
	b := tpm.Boot{Initrd: unlocking()}
	good, shut := root(t, none), root(t, pcr7)
	require.NoError(t, tpm.OpensOnce(running(t), b, []tpm.Volume{good}, good))
	err := tpm.OpensOnce(running(t), b, []tpm.Volume{shut}, shut)
	require.ErrorIs(t, err, tpm.ErrOnce)
	assert.ErrorContains(t, err, "the TPM would not open root: ")
	empty := root(t)
	require.ErrorIs(t, tpm.OpensOnce(running(t), b, []tpm.Volume{empty}, empty), tpm.ErrOnce)
}
