package host_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

func TestFiveLevel(t *testing.T) {
	for flags, want := range map[string]bool{"fpu la57 sse": true, "fpu sse": false, "fpu la571": false, "": false} {
		root := fstest.MapFS{"proc/cpuinfo": {Data: []byte("processor\t: 0\nflags\t\t: " + flags + "\n\n")}}
		assert.Equal(t, want, host.Machine{FS: root}.FiveLevel(), flags)
	}
}
