package flags

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader"
)

// TestTold: who is at the machine reads what will open, by what, and how often.
func TestTold(t *testing.T) {
	for want, c := range map[string]struct {
		way   loader.UnlockWay
		names []string
	}{
		"no volume that the next initrd opens needs a key for this kexec":        {way: loader.UnlockByTPM},
		"the TPM will open root after this kexec, and never again by that key":   {loader.UnlockByTPM, []string{"root"}},
		"there is no TPM: a key in memory will open root, home after this kexec": {loader.UnlockByKey, []string{"root", "home"}},
	} {
		assert.Equal(t, want, told(c.way, c.names))
	}
}
