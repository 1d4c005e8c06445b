package tpm_test

import (
	"errors"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/tpm"
	"github.com/kexec-bls/kexec-bls/loader/tpm/luks2"
)

func TestPresent(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want bool
	}{
		"TPM 2.0": {"sys/class/tpm/tpm0/pcr-sha256/0", true},
		"TPM 1.2": {"sys/class/tpm/tpm0/pcrs", false},
		"none":    {"sys/class/tpm", false},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, tpm.Present(fstest.MapFS{c.file: {}}))
		})
	}
}

func initrdWith(paths ...string) tpm.Initrd {
	var i tpm.Initrd
	for _, p := range paths {
		i.Visit(tpm.File{Path: p, Content: func() ([]byte, error) { return nil, nil }})
	}
	return i
}

// TestWithoutKey: which volumes a key is passed on for, and why one would not be taken.
// See crypttab(5) and systemd-cryptsetup(8).
func TestWithoutKey(t *testing.T) {
	const opener = "usr/lib/systemd/systemd-cryptsetup"
	opens := initrdWith("etc/initrd-release", opener)
	v := func(change func(*tpm.Volume)) tpm.Volume {
		v := tpm.Volume{Name: "root", Source: "/dev/vda2", Initrd: true}
		change(&v)
		return v
	}
	options := func(o ...string) tpm.Volume { return v(func(v *tpm.Volume) { v.Options = o }) }
	plain := options()
	for name, c := range map[string]struct {
		volume tpm.Volume
		initrd tpm.Initrd
		line   string
		locked bool
		err    string
	}{
		"passphrase":           {volume: plain, initrd: opens, locked: true},
		"program in /usr/bin":  {volume: plain, initrd: initrdWith("etc/initrd-release", "usr/bin/systemd-cryptsetup"), locked: true},
		"TPM in crypttab":      {volume: options("tpm2-device=auto", "headless"), initrd: opens, locked: true},
		"one try, no TPM":      {volume: options("tries=1"), initrd: opens, locked: true},
		"opened by the system": {volume: v(func(v *tpm.Volume) { v.Initrd = false }), initrd: opens},
		"key file":             {volume: v(func(v *tpm.Volume) { v.Key = "/key" }), initrd: opens},
		"noauto":               {volume: options("noauto"), initrd: opens},
		"key in the initrd":    {volume: plain, initrd: initrdWith("etc/initrd-release", opener, "etc/cryptsetup-keys.d/root.key")},
		"key of another":       {volume: plain, initrd: initrdWith("etc/initrd-release", opener, "etc/cryptsetup-keys.d/swap.key"), locked: true},
		"no systemd":           {volume: plain, initrd: initrdWith(opener), err: "what opens it in the next initrd is not systemd-cryptsetup"},
		"no systemd-cryptsetup": {volume: plain, initrd: initrdWith("etc/initrd-release"),
			err: "what opens it in the next initrd is not systemd-cryptsetup"},
		"unreadable header": {volume: v(func(v *tpm.Volume) { v.Err = luks2.ErrNotLUKS2 }), initrd: opens, err: "its LUKS2 header cannot be read: " + luks2.ErrNotLUKS2.Error()},
		"path as a name":    {volume: v(func(v *tpm.Volume) { v.Name = "../../bin/sh" }), initrd: opens, err: "its name has a slash"},
		"kept initrd":       {volume: plain, initrd: opens, line: "quiet retain_initrd", err: "the kernel would keep the initrd, and with it the key (retain_initrd)"},
		"kept, on arm":      {volume: plain, initrd: opens, line: "keepinitrd", err: "the kernel would keep the initrd, and with it the key (retain_initrd)"},
		"one try":           {volume: options("tpm2-device=auto", "tries=1"), initrd: opens, err: "with the options tpm2-device and tries=1 no key is tried"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tpm.WithoutKey(tpm.Boot{Cmdline: c.line, Initrd: c.initrd}, []tpm.Volume{c.volume})
			if c.err != "" {
				require.ErrorIs(t, err, tpm.ErrKey)
				require.EqualError(t, err, "no key can be handed over to this kexec: "+c.volume.Name+": "+c.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.locked, len(got) == 1)
		})
	}
	for _, o := range []string{"header", "keyscript", "fido2-device", "pkcs11-uri", "keyfile-size", "keyfile-offset", "tcrypt", "bitlk", "plain", "swap", "tmp"} {
		_, err := tpm.WithoutKey(tpm.Boot{Initrd: opens}, []tpm.Volume{options(o + "=x")})
		require.EqualError(t, err, "no key can be handed over to this kexec: root: it has the option "+o)
	}
}

// What was not looked at may open anything.
func TestWithoutKeyOfAnUnreadInitrd(t *testing.T) {
	i := initrdWith("etc/initrd-release")
	i.Unread("it was not decoded")
	_, err := tpm.WithoutKey(tpm.Boot{Initrd: i}, nil)
	require.EqualError(t, err, "no key can be handed over to this kexec: what the next initrd opens is not known: it was not decoded")
	assert.True(t, errors.Is(err, tpm.ErrKey))
	assert.Equal(t, string(hint.Decode), hint.Of(err))
}

func TestKeyPath(t *testing.T) {
	v := tpm.Volume{Name: "luks-1234", Header: luks2.Header{UUID: "5f1d"}}
	assert.Equal(t, "etc/cryptsetup-keys.d/luks-1234.key", v.KeyPath())
	assert.Equal(t, "/dev/disk/by-uuid/5f1d", v.Device())
}
