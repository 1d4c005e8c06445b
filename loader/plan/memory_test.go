package plan_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/plan"
)

func TestMemory(t *testing.T) {
	k := int64(len(kernel()))
	files := map[string]string{"v": kernel(), "a": strings.Repeat("a", 1000), "b": strings.Repeat("b", 3000)}
	for text, want := range map[string]int64{
		"linux /v\n":                          2 * k,
		"linux /v\ninitrd /a\n":               2*k + 2*1000,
		"linux /v\ninitrd /a\ninitrd /b\n":    2*k + 2*4000 + 4000,
		"linux /v\ninitrd /a\ninitrd /a\n":    2*k + 2*2000 + 2000,
		"linux /v\ninitrd /a\noptions long\n": 2*k + 2*1000,
	} {
		p, err := planOf(t, files, text)
		require.NoError(t, err)
		assert.Equal(t, want, p.Memory(0), text)
		assert.Equal(t, want, p.Memory(1), text)
		assert.Equal(t, want+10<<20, p.Memory(k+10<<20), "%s: the kernel grows", text)
	}
}

// TestMemoryOfUnified: the kernel is cut out of the image.
func TestMemoryOfUnified(t *testing.T) {
	src := partition(t, map[string]string{"u.efi": image(".linux", strings.Repeat("k", 100), ".initrd", "abc")})
	p := make1(t, src, "uki /u.efi\n", plan.Firmware{})
	assert.EqualValues(t, 3*100+3*3, p.Memory(0))
}
