package hint_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

func TestOfFindsTheOutermostHint(t *testing.T) {
	inner := hint.Errorf("run mkinitcpio -P", "initrd: %w", fs.ErrNotExist)
	for want, err := range map[string]error{
		"":                  nil,
		"run mkinitcpio -P": fmt.Errorf("arch.conf: %w", inner),
		"name another":      hint.Wrap(inner, "name another"),
	} {
		assert.Equal(t, want, hint.Of(err))
	}
	assert.Equal(t, "run mkinitcpio -P", hint.Of(errors.Join(fs.ErrExist, inner)))
	assert.ErrorIs(t, inner, fs.ErrNotExist)
	assert.EqualError(t, inner, "initrd: file does not exist", "the text is the cause alone")
}

func TestWrapKeepsWhatNeedsNoHint(t *testing.T) {
	err := fs.ErrClosed
	assert.NoError(t, hint.Wrap(nil, "anything"))
	assert.Equal(t, err, hint.Wrap(err, ""))
}
