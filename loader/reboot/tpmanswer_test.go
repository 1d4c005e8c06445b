package reboot_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// TestAnswerCutAnywhere: without a whole header (tag, size, code: 10 bytes) it is
// not known what the TPM did; what follows the code is not needed.
func TestAnswerCutAnywhere(t *testing.T) {
	whole := []byte("\x80\x02\x00\x00\x00\x13\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00")
	for n := range len(whole) + 1 {
		err := reboot.ResetPCR(&tpm{answer: whole[:n]}, 16)
		if n < 10 {
			require.EqualError(t, err, fmt.Sprintf("the TPM answered %d bytes", n))
		} else {
			require.NoError(t, err, n)
		}
	}
}

// TestAnswerWithAnError: every bit of the code counts, and no bit beside it.
func TestAnswerWithAnError(t *testing.T) {
	for bit := range 32 {
		answer := append([]byte("\xff\xff\xff\xff\xff\xff"), binary.BigEndian.AppendUint32(nil, 1<<bit)...)
		err := reboot.ExtendPCR(&tpm{answer: append(answer, 0xff)}, 23, [32]byte{})
		require.EqualError(t, err, fmt.Sprintf("the TPM answered with error 0x%x", uint32(1)<<bit))
	}
	require.NoError(t, reboot.ResetPCR(&tpm{answer: []byte("\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\xff")}, 23))
}

// TestNumberOfThePCR is the handle of the command; nothing else of it changes.
func TestNumberOfThePCR(t *testing.T) {
	good := []byte("\x80\x02\x00\x00\x00\x0a\x00\x00\x00\x00")
	var first []byte
	for n := range 24 {
		chip := &tpm{answer: good}
		require.NoError(t, reboot.ResetPCR(chip, n))
		require.Equal(t, n, int(binary.BigEndian.Uint32(chip.command[10:])))
		binary.BigEndian.PutUint32(chip.command[10:], 0)
		if first == nil {
			first = chip.command
		}
		assert.Equal(t, first, chip.command)
	}
}
