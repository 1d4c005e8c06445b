package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/fault"
)

// TestFault: the walk takes the place and the kind of a fault out of what the
// readers of archives and streams return, however that is wrapped.
func TestFault(t *testing.T) {
	err := fmt.Errorf("member a: %w", fault.New("junk", 4096, "%d bytes at %s", 3, "the end"))
	assert.EqualError(t, err, "member a: 3 bytes at the end")
	f, ok := errors.AsType[*fault.Fault](err)
	require.True(t, ok)
	assert.Equal(t, fault.Fault{ID: "junk", At: 4096, Text: "3 bytes at the end"}, *f)
}

// TestFaultTakesNoText: what a file has in it is given as an argument, so that a
// percent sign of it is one.
func TestFaultTakesNoText(t *testing.T) {
	assert.EqualError(t, fault.New("junk", 0, "file %q", "100%d"), `file "100%d"`)
}
