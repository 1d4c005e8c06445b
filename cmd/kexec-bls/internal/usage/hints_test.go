package usage_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/usage"
	"github.com/kexec-bls/kexec-bls/loader"
)

// TestHintForUsers: root helps with what only root may read, but for root.
func TestHintForUsers(t *testing.T) {
	err := fmt.Errorf("/efi: %w", fs.ErrPermission)
	assert.Equal(t, "run it as root", hint.Of(usage.WithHint(err, 1000)))
	assert.Empty(t, hint.Of(usage.WithHint(err, 0)))
	assert.Equal(t, "mount it", hint.Of(usage.WithHint(hint.Wrap(err, "mount it"), 1000)), "its own comes first")
}

func TestCauseIsOneLine(t *testing.T) {
	blocked := &loader.BlockedError{Name: "a.conf", Findings: []loader.Finding{{ID: "vfio", Text: "devices", Hint: "stop it"}, {ID: "memory", Text: "too little"}}}
	assert.Equal(t, "devices [vfio]; too little [memory]", usage.Cause(fmt.Errorf("reboot: %w", blocked)))
	assert.Equal(t, "no", usage.Cause(hint.Wrap(errors.New("no"), "ask again")))
}
