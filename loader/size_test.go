package loader_test

import (
	"testing"

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
