package term

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// env is an environment of these variables alone.
func env(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, set := values[name]
		return value, set
	}
}

// openTerminal opens a pseudo terminal; what is written to the screen is read from
// the other end.
func openTerminal(t *testing.T, width, height uint16) (screen, other *os.File) {
	t.Helper()
	other, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { other.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(other.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(other.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	screen, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { screen.Close() })
	require.NoError(t, unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: height, Col: width}))
	return screen, other
}

// drawn is what has been written to the screen, which it closes.
func drawn(t *testing.T, screen, other *os.File) string {
	t.Helper()
	_, err := screen.WriteString("\x04end")
	require.NoError(t, err)
	var all bytes.Buffer
	buf := make([]byte, 4<<10)
	for !bytes.HasSuffix(all.Bytes(), []byte("\x04end")) {
		n, err := other.Read(buf)
		require.NoError(t, err)
		all.Write(buf[:n])
	}
	return string(bytes.ReplaceAll(bytes.TrimSuffix(all.Bytes(), []byte("\x04end")), []byte("\r\n"), []byte("\n")))
}

func TestMessages(t *testing.T) {
	var out, err bytes.Buffer
	u := &UI{Out: &out, Err: &err}
	u.Print("%s\tb", "a\nforged")
	u.Warn("entry %s", "x\x1b[31m\nkexec-bls: all is well")
	u.Note("loaded %d", 1)
	u.Fail(hint.Errorf("run mkinitcpio\n-P", "initrd: %w", fs.ErrNotExist))
	assert.Equal(t, "a forged b\n", out.String())
	assert.Equal(t, "kexec-bls: warning: entry x\ufffd[31m kexec-bls: all is well\n"+
		"kexec-bls: loaded 1\n"+
		"kexec-bls: initrd: file does not exist; run mkinitcpio -P\n", err.String())
	err.Reset()
	u.Quiet = true
	u.Note("not printed")
	u.Warn("printed")
	assert.Equal(t, "kexec-bls: warning: printed\n", err.String())
}

func TestMessage(t *testing.T) {
	one, two := errors.New("one"), hint.Wrap(errors.New("two\nforged"), "go on")
	for want, err := range map[string]error{
		"one":                       one,
		"one; two forged; go on":    errors.Join(one, two),
		"one and two forged; go on": fmt.Errorf("%w and %w", one, two),
		"x: one two forged; go on":  fmt.Errorf("x: %w", errors.Join(one, two)),
	} {
		assert.Equal(t, want, Message(err))
	}
}

func TestColour(t *testing.T) {
	screen, _ := openTerminal(t, 80, 24)
	for _, tt := range []struct {
		env             map[string]string
		terminal, other bool
	}{
		{nil, true, false},
		{map[string]string{"NO_COLOR": "1"}, false, false},
		{map[string]string{"NO_COLOR": ""}, true, false}, // no-color.org: when not empty
		{map[string]string{"TERM": "dumb"}, false, false},
		{map[string]string{"SYSTEMD_COLORS": "0"}, false, false},
		{map[string]string{"SYSTEMD_COLORS": "No"}, false, false},
		{map[string]string{"SYSTEMD_COLORS": "1", "NO_COLOR": "1"}, true, true},
		{map[string]string{"SYSTEMD_COLORS": "16"}, true, true},
		{map[string]string{"SYSTEMD_COLORS": "auto-256"}, true, false},
	} {
		assert.Equal(t, tt.terminal, (&UI{Out: screen, Env: env(tt.env)}).Colour(), "%v", tt.env)
		assert.Equal(t, tt.other, (&UI{Out: &bytes.Buffer{}, Env: env(tt.env)}).Colour(), "%v", tt.env)
	}
	assert.True(t, (&UI{Out: screen}).Colour(), "no environment")
}

func TestScreen(t *testing.T) {
	screen, _ := openTerminal(t, 97, 31)
	width, height := (&UI{Out: screen}).Screen()
	assert.Equal(t, [2]int{97, 31}, [2]int{width, height})
	file, err := os.Create(t.TempDir() + "/x")
	require.NoError(t, err)
	defer file.Close()
	width, height = (&UI{Out: file}).Screen()
	assert.Zero(t, width+height)

	serial, _ := openTerminal(t, 0, 0)
	u := &UI{Out: serial, Err: serial}
	width, height = u.Screen()
	assert.Zero(t, width+height)
	assert.True(t, u.Colour(), "a terminal all the same")
	assert.NotNil(t, u.Progress("x").out)
}
