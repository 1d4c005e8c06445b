package reboot

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEnding(t *testing.T) {
	const shutdown = "1234 systemd-kexec.service     start waiting\n 990 kexec.target       start waiting\n1100 ssh.service stop  running\n"
	for want, jobs := range map[string]string{
		"":         "",
		"kexec":    shutdown,
		"reboot":   "7 reboot.target start waiting\n8 kexec-bls-boot.service stop running\n",
		"poweroff": "7 shutdown.target start waiting\n8 poweroff.target start waiting\n",
		"halt":     "8 halt.target start waiting",
	} {
		assert.Equal(t, want, endingOf(jobs))
	}
	for _, jobs := range []string{
		"8 kexec-bls-boot.service restart running\n",
		"8 reboot.target stop waiting\n",
		"8 soft-reboot.target start waiting\n", // the kernel stays
		"8 reboot.target\nNo jobs running.\n\n",
	} {
		assert.Empty(t, endingOf(jobs), jobs)
	}
}

func TestSince(t *testing.T) {
	now := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	got, err := since("12500000\n", 20*time.Second, now)
	require.NoError(t, err)
	assert.Equal(t, now.Add(-7500*time.Millisecond), got)
	for _, never := range []string{"0", "-5", "20000001"} {
		got, err = since(never, 20*time.Second, now)
		require.NoError(t, err)
		assert.Zero(t, got, never)
	}
	_, err = since("", time.Second, now)
	assert.Error(t, err)
}
