package loader

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/preflight"
	"github.com/kexec-bls/kexec-bls/loader/tpm"
)

// TestSameBuild compares what follows the release: uname -v begins with "#".
func TestSameBuild(t *testing.T) {
	const debian = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)"
	for name, c := range map[string]struct {
		image, running string
		want           bool
	}{
		"the same":             {"6.1.0-48-amd64 (b@h) " + debian, debian, true},
		"another number":       {"6.1.0 (b@h) #2 SMP", "#1 SMP", false},
		"another day":          {"6.1.0 (b@h) #1 SMP Mon", "#1 SMP Tue", false},
		"a part of it":         {"6.1.0 (b@h) #1 SMP", "#1 SMP Mon", false},
		"an image without one": {"6.1.0 (b@h)", "#1 SMP", true},
		"no text at all":       {"", "#1 SMP", true},
		"a kernel without one": {"6.1.0 (b@h) #1 SMP", "", true},
		"a number in it":       {"6.1.0 (b@h) #1 SMP #2", "#1 SMP #2", true},
	} {
		assert.Equal(t, c.want, sameBuild(c.image, c.running), name)
	}
}

// TestPackagesOfAKernel are in use only once a kernel starts.
func TestPackagesOfAKernel(t *testing.T) {
	for _, name := range []string{
		"linux-image-6.12.1-amd64", "linux-firmware", "kernel", "kernel-core", "kernel-default", "intel-microcode", "amd64-microcode", "ucode-intel",
		"intel-ucode", "firmware-iwlwifi", "atheros-firmware", "initramfs-tools", "dracut", "mkinitcpio",
	} {
		assert.True(t, ofKernel(name), name)
	}
	for _, name := range []string{"", "libc6", "dbus", "systemd", "util-linux", "selinux-policy", "linux", "akernel", "openssl"} {
		assert.False(t, ofKernel(name), name)
	}
}

// TestAreaOfAFinding: where it is listed decides who looks after it.
func TestAreaOfAFinding(t *testing.T) {
	for id, want := range map[FindingID]preflight.AreaID{
		FindingPlan: preflight.AreaEntry, FindingSecureBootImage: preflight.AreaSecurity, FindingMeasuredOS: preflight.AreaDisks,
		"lz4-frame": preflight.AreaInitrd,
	} {
		assert.Equal(t, want, areaOf(id), id)
	}
}

// TestStepsStopAtTheFirstFailure, which is named.
func TestStepsStopAtTheFirstFailure(t *testing.T) {
	refused := errors.New("refused")
	var done []string
	do := func(name string, err error) step {
		return step{name, func() error {
			done = append(done, name)
			return err
		}}
	}
	require.NoError(t, run(nil))
	require.NoError(t, run([]step{do("a", nil), do("b", nil)}))
	err := run([]step{do("c", nil), do("d", refused), do("e", nil)})
	require.EqualError(t, err, "d: refused")
	require.ErrorIs(t, err, refused)
	assert.Equal(t, []string{"a", "b", "c", "d"}, done)
}

// TestInTime: an answer in time is given as it is; after that the error says who
// did not answer, and who gave up is told so.
func TestInTime(t *testing.T) {
	for name, c := range map[string]struct {
		takes, givenUp time.Duration
		want           string
		err            error
		text           string
	}{
		"at once":            {0, time.Hour, "answer", nil, ""},
		"just in time":       {10*time.Second - 1, time.Hour, "answer", nil, ""},
		"late":               {10*time.Second + 1, time.Hour, "", ErrNoAnswer, "TPM and encrypted volumes: no answer in time"},
		"given up before":    {time.Minute, time.Second, "", context.Canceled, "context canceled"},
		"given up too late":  {time.Minute, 11 * time.Second, "", ErrNoAnswer, "TPM and encrypted volumes: no answer in time"},
		"answered before it": {time.Second, 2 * time.Second, "answer", nil, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			stop := time.AfterFunc(c.givenUp, cancel)
			defer stop.Stop()
			defer time.Sleep(c.takes) // until a late answer has come too
			began := time.Now()
			got, err := inTime(ctx, 10*time.Second, func() string {
				time.Sleep(c.takes)
				return "answer"
			})
			assert.Equal(t, c.want, got, name)
			assert.LessOrEqual(t, time.Since(began), min(c.takes, c.givenUp, 10*time.Second), name)
			if c.err == nil {
				require.NoError(t, err, name)
				return
			}
			require.ErrorIs(t, err, c.err, name)
			require.EqualError(t, err, c.text, name)
		})
	}
}

// TestOpenedVolume is named as crypttab(5) would name it: by its UUID where it has
// one.
func TestOpenedVolume(t *testing.T) {
	for name, c := range map[string]struct {
		crypt preflight.Crypt
		want  tpm.Volume
	}{
		"with a UUID": {preflight.Crypt{Name: "root", Device: "vda2", UUID: "0123"}, tpm.Volume{Name: "root", Source: "UUID=0123", Initrd: true}},
		"without one": {preflight.Crypt{Name: "root", Device: "vda2"}, tpm.Volume{Name: "root", Source: "/dev/vda2", Initrd: true}},
	} {
		assert.Equal(t, c.want, opened(c.crypt), name)
	}
}

// TestMissing keeps the order, and what is twice in the first.
func TestMissing(t *testing.T) {
	for name, c := range map[string]struct{ a, b, want []string }{
		"nothing":  {nil, []string{"x"}, nil},
		"all":      {[]string{"a", "b"}, nil, []string{"a", "b"}},
		"some":     {[]string{"c", "a", "b", "c"}, []string{"a"}, []string{"c", "b", "c"}},
		"the same": {[]string{"a", "b"}, []string{"b", "a"}, []string{}},
	} {
		given := append([]string(nil), c.a...)
		assert.Equal(t, c.want, missing(c.a, c.b), name)
		assert.Equal(t, given, c.a, "%s: it is not changed", name)
	}
}
