package reboot_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// A tpm takes one command and answers.
type tpm struct {
	command, answer []byte
	err, unread     error
}

func (t *tpm) Write(b []byte) (int, error) {
	t.command = append(t.command, b...)
	return len(b), t.err
}

func (t *tpm) Read(b []byte) (int, error) { return copy(b, t.answer), t.unread }

// The bytes are those of the TPM 2.0 Library, Part 3, TPM2_PCR_Extend and
// TPM2_PCR_Reset. What a TPM does with them, a test with swtpm shows.
func TestCommandsOfATPM(t *testing.T) {
	digest := [32]byte(bytes.Repeat([]byte{0xab}, 32))
	for want, do := range map[string]func(io.ReadWriter) error{
		"80020000004100000182000000170000000940000009" + "0000000000" + "00000001000b" + hex.EncodeToString(digest[:]): func(tpm io.ReadWriter) error { return reboot.ExtendPCR(tpm, 23, digest) },
		"80020000001b0000013d000000170000000940000009" + "0000000000":                                                  func(tpm io.ReadWriter) error { return reboot.ResetPCR(tpm, 23) },
	} {
		good := &tpm{answer: []byte("\x80\x02\x00\x00\x00\x13\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00")}
		require.NoError(t, do(good))
		assert.Equal(t, want, hex.EncodeToString(good.command))
		assert.Len(t, good.command, int(good.command[5]), "as its header says")
		require.ErrorContains(t, do(&tpm{answer: []byte("\x80\x01\x00\x00\x00\x0a\x00\x00\x09\x07")}), "the TPM answered with error 0x907")
		require.ErrorContains(t, do(&tpm{answer: []byte("\x80\x01")}), "the TPM answered 2 bytes")
		require.ErrorContains(t, do(&tpm{err: errors.New("gone")}), "gone")
		require.ErrorContains(t, do(&tpm{answer: good.answer, unread: errors.New("timed out")}), "timed out")
	}
}
