package readat_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader/initrd/internal/readat"
)

func TestFull(t *testing.T) {
	p := make([]byte, 3)
	assert.NoError(t, readat.Full(strings.NewReader("abcdef"), p, 3), "to the end")
	assert.Equal(t, "def", string(p))
	for _, off := range []int64{4, 6, 100} {
		assert.ErrorIs(t, readat.Full(strings.NewReader("abcdef"), p, off), io.ErrUnexpectedEOF)
	}
	assert.NoError(t, readat.Full(strings.NewReader(""), nil, 0), "nothing is asked for")
	assert.ErrorIs(t, readat.Full(broken{}, p, 0), errBroken)
}

var errBroken = errors.New("I/O error")

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 1, errBroken }
