package loader_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader"
)

func TestFormatSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 10<<10 - 1: "10239 B", 10 << 10: "10 KiB", 1<<20 - 1: "1023 KiB", 1 << 20: "1.0 MiB",
		10 << 20: "10 MiB", 2 << 30: "2048 MiB", 12 << 30: "12 GiB",
	} {
		assert.Equal(t, want, loader.FormatSize(n))
	}
}

func TestFormatSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0", 10 * time.Second: "10s", 3 * time.Minute: "3min", 90 * time.Minute: "1h 30min", 24 * time.Hour: "24h", time.Hour + time.Second: "1h 1s",
	} {
		assert.Equal(t, want, loader.FormatSpan(d))
	}
}
