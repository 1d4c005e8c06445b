package reboot

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

// grace is how long a program may go on after the context has ended.
const grace = 10 * time.Second

// run runs a program to its end. It gets our environment, except that
// systemctl must not turn a reboot into a kexec, and our standard input, where
// polkit may ask for a password.
func (o Options) run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return os.ErrProcessDone } // see System.Kexec
	cmd.WaitDelay = grace
	cmd.Env = append(os.Environ(), "SYSTEMCTL_SKIP_AUTO_KEXEC=1")
	cmd.Stdin = os.Stdin
	output := head{limit: 4096}
	cmd.Stdout, cmd.Stderr = o.Stdout, &output
	if o.Stderr != nil {
		cmd.Stderr = io.MultiWriter(o.Stderr, &output)
	}
	if err := cmd.Run(); err != nil {
		return &RefusedError{
			Command: strings.TrimSpace(filepath.Base(program) + " " + strings.Join(args[:min(1, len(args))], " ")),
			Output:  joined(output.b.String()), Err: err,
		}
	}
	return nil
}

// A head keeps the first limit bytes that are written to it.
type head struct {
	b     bytes.Buffer
	limit int
}

func (h *head) Write(p []byte) (int, error) {
	h.b.Write(p[:min(len(p), h.limit-h.b.Len())])
	return len(p), nil
}

// joined makes one line of a program's output. Text from units and users may be
// in it: what is not printable becomes a space, for the terminal's sake.
func joined(output string) string {
	var lines []string
	for line := range strings.Lines(strings.ToValidUTF8(output, " ")) {
		line = strings.Join(strings.FieldsFunc(line, func(r rune) bool {
			return unicode.IsSpace(r) || !unicode.IsPrint(r)
		}), " ")
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
