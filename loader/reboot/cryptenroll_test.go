package reboot_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// enroller puts a systemd-cryptenroll into PATH.
func enroller(t *testing.T, script string) fake {
	t.Helper()
	f := program(t, "systemd-cryptenroll", script)
	t.Setenv("PATH", filepath.Dir(f.path)+":"+os.Getenv("PATH"))
	return f
}

const enrolls = "systemd-cryptenroll --tpm2-device=auto --tpm2-public-key= --tpm2-pcrlock= --tpm2-with-pin=no --tpm2-pcrs=23:sha256=00 "

func TestEnroll(t *testing.T) {
	f := enroller(t, "[ -z \"$*\" ] || case $* in *fd/3*) stat -Lc %a /proc/self/fd/3 >&1; cat /proc/self/fd/3;; esac >>"+filepath.Join(t.TempDir(), "key")+"; [ ! -t 0 ]")
	secret, err := reboot.NewSecret([]byte("horse"))
	require.NoError(t, err)
	for want, key := range map[string]reboot.Key{
		"--unlock-tpm2-device=auto -- /dev/x skip=":         {},
		"--unlock-key-file=/key -- /dev/x skip=":            {File: "/key"},
		"--unlock-key-file=/proc/self/fd/3 -- /dev/x skip=": {Passphrase: secret},
	} {
		require.NoError(t, reboot.Running().Enroll(t.Context(), reboot.Enrolment{Device: "/dev/x", PCRs: "23:sha256=00", Key: key}))
		calls := f.called(t)
		assert.Equal(t, enrolls+want, calls[len(calls)-1])
		assert.NotContains(t, strings.Join(calls, ""), "horse")
	}
	require.NoError(t, secret.Close())
	require.NoError(t, reboot.Running().WipeSlots(t.Context(), "/dev/x", []int{2, 5}))
	calls := f.called(t)
	assert.Equal(t, []string{"systemd-cryptenroll --wipe-slot=2 -- /dev/x skip=", "systemd-cryptenroll --wipe-slot=5 -- /dev/x skip="}, calls[len(calls)-2:])
}

// The passphrase arrives in a file that others cannot read.
func TestEnrollHandsThePassphraseOver(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	enroller(t, "{ stat -Lc %a /proc/self/fd/3; cat /proc/self/fd/3; } >"+out)
	typed := []byte("horse")
	secret, err := reboot.NewSecret(typed)
	require.NoError(t, err)
	defer secret.Close()
	assert.Equal(t, make([]byte, 5), typed, "it is overwritten")
	for range 2 { // for each volume
		require.NoError(t, reboot.Running().Enroll(t.Context(), reboot.Enrolment{Key: reboot.Key{Passphrase: secret}}))
		b, err := os.ReadFile(out)
		require.NoError(t, err)
		assert.Equal(t, "600\nhorse", string(b))
	}
}

func TestEnrollFails(t *testing.T) {
	enroller(t, "echo 'Failed to unlock' >&2; exit 1")
	err := reboot.Running().Enroll(t.Context(), reboot.Enrolment{})
	require.ErrorContains(t, err, "systemd-cryptenroll: Failed to unlock")
	require.Error(t, reboot.Running().WipeSlots(t.Context(), "/dev/x", []int{1}))
	enroller(t, "echo \"systemd-cryptenroll: unrecognized option '--unlock-tpm2-device=auto'\" >&2; exit 1")
	assert.Equal(t, "it needs systemd 256 or newer", hint.Of(reboot.Running().Enroll(t.Context(), reboot.Enrolment{})))
}

func TestSecretIsSealed(t *testing.T) {
	_, err := reboot.NewSecret(nil)
	require.ErrorContains(t, err, "it is empty")
	secret, err := reboot.NewSecret([]byte("horse"))
	require.NoError(t, err)
	enroller(t, "if echo x >/proc/self/fd/3; then exit 0; fi 2>/dev/null; exit 3")
	require.Error(t, reboot.Running().Enroll(t.Context(), reboot.Enrolment{Key: reboot.Key{Passphrase: secret}}), "nobody can change it")
	require.NoError(t, secret.Close())
}

// TestTestKey: the key is read from memory, not from an argument, and nobody is asked.
func TestTestKey(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	f := program(t, "cryptsetup", "cat /proc/self/fd/3 >"+out+"; [ ! -t 0 ]")
	t.Setenv("PATH", filepath.Dir(f.path)+":"+os.Getenv("PATH"))
	secret, err := reboot.NewSecret([]byte("horse"))
	require.NoError(t, err)
	defer secret.Close()
	require.NoError(t, reboot.Running().TestKey(t.Context(), "/dev/x", secret))
	assert.Equal(t, []string{"cryptsetup open --test-passphrase --batch-mode --key-file=/proc/self/fd/3 -- /dev/x skip="}, f.called(t))
	b, err := os.ReadFile(out)
	require.NoError(t, err)
	assert.Equal(t, "horse", string(b))

	f = program(t, "cryptsetup", "echo 'No key available with this passphrase.' >&2; exit 2")
	t.Setenv("PATH", filepath.Dir(f.path)+":"+os.Getenv("PATH"))
	require.EqualError(t, reboot.Running().TestKey(t.Context(), "/dev/x", secret), "cryptsetup: No key available with this passphrase.")
}

// TestReadSecret: a file is taken whole, or not at all.
func TestReadSecret(t *testing.T) {
	name := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(name, []byte("correct\nhorse\n"), 0o600))
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	secret, err := reboot.ReadSecret(f)
	require.NoError(t, err)
	b, err := io.ReadAll(secret.Reader())
	require.NoError(t, err)
	assert.Equal(t, "correct\nhorse\n", string(b))
	require.NoError(t, secret.Close())

	require.NoError(t, f.Truncate(0))
	_, err = reboot.ReadSecret(f)
	require.EqualError(t, err, "it is empty")
	require.NoError(t, f.Truncate(reboot.MaxSecret+1))
	_, err = reboot.ReadSecret(f)
	require.EqualError(t, err, "it is larger than 8 MiB")
}
