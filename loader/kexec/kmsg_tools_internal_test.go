//go:build tools

package kexec

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestKmsgIsReadFromNowOn writes into the log of this machine.
func TestKmsgIsReadFromNowOn(t *testing.T) {
	log, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, log.Close()) }()
	say := func(text string) {
		// Facility 1, as for every program; without a newline the record
		// would stay open for more.
		_, err := log.WriteString("<15>" + text + "\n")
		require.NoError(t, err)
	}
	say("before")
	r := openKmsg()
	defer r.close()
	assert.NotContains(t, strings.Join(r.read(), ""), "before")
	say("kexec-test-after")
	all := strings.Join(r.read(), "")
	assert.Contains(t, all, ";kexec-test-after\n")
	assert.NotContains(t, all, "before")
	assert.NotContains(t, kernelLines([]string{all}), "kexec-test-after", "a program is not the kernel")
}
