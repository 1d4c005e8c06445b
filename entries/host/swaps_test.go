package host_test

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

func TestSwaps(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []host.Swap
	}{
		"none in use":  {text: "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"},
		"a partition":  {text: "/dev/sda2                               partition\t8388604\t\t0\t\t-2\n", want: []host.Swap{{Path: "/dev/sda2"}}},
		"a file":       {text: "/swap\\040file file 524284 0 -3\n", want: []host.Swap{{Path: "/swap file", File: true}}},
		"two":          {text: "Filename Type Size Used Priority\n/dev/zram0 partition 1 0 100\n/swapfile file 1 0 -2\n", want: []host.Swap{{Path: "/dev/zram0"}, {Path: "/swapfile", File: true}}},
		"cut off":      {text: "/dev/sda2 partition"},
		"another kind": {text: "dev/sda2 partition 1 0 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := host.Machine{FS: fstest.MapFS{"proc/swaps": {Data: []byte(c.text)}}}.Swaps()
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestSwapsThatCannotBeRead(t *testing.T) {
	got, err := host.Machine{FS: fstest.MapFS{}}.Swaps()
	require.NoError(t, err, "the kernel has no swapping")
	assert.Empty(t, got)
	_, err = host.Machine{FS: fstest.MapFS{"proc/swaps": {Mode: fs.ModeDir}}}.Swaps()
	require.Error(t, err)
}
