package watch

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestConversation: what is asked at once is named until it is answered.
func TestConversation(t *testing.T) {
	for want, say := range map[string]func(io.Writer){
		"":     func(w io.Writer) { Asking(w, "/efi")() },
		"/efi": func(w io.Writer) { Asking(w, "/efi") },
		"/boot, /efi": func(w io.Writer) {
			Asking(w, "/efi")
			Asking(w, "EFI variable LoaderInfo")()
			Asking(w, "/boot")
			Asking(w, "/boot")
		},
		"two lines":                  func(w io.Writer) { Asking(w, "two\nlines") },
		strings.Repeat("x", maxWhat): func(w io.Writer) { Asking(w, strings.Repeat("x", 1<<20)) },
		"x": func(w io.Writer) {
			_, _ = io.WriteString(w, "-never asked\n")
			Asking(w, "x")
		},
	} {
		var c conversation
		var said strings.Builder
		say(&said)
		c.read(strings.NewReader(said.String()))
		assert.Equal(t, want, c.open())
	}
}

type deaf struct{}

func (deaf) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestAskingWithoutAParent(t *testing.T) {
	assert.NotPanics(t, Asking(deaf{}, "/efi"))
	assert.NotPanics(t, Asking(io.Discard, ""))
}

func TestFix(t *testing.T) {
	assert.Contains(t, fix(EFIVariable+"LoaderInfo"), "power-cycle")
	assert.Contains(t, fix("/efi"), "device")
	assert.Contains(t, fix(""), "device")
}

func TestHungError(t *testing.T) {
	assert.EqualError(t, &HungError{Limit: 2e9}, "the machine: no answer within 2s")
}
