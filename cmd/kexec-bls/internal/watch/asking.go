package watch

import (
	"bufio"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// EFIVariable begins the name of a variable for Asking, which firmware is asked
// for.
const EFIVariable = "EFI variable "

// parentFD is the first of exec.Cmd.ExtraFiles.
const parentFD = 3

// Parent returns the pipe to the process that runs this one by Run, for Asking;
// io.Discard where there is none. It is called once, and only by a process that
// knows that it is watched.
func Parent() io.Writer {
	var st syscall.Stat_t
	if syscall.Fstat(parentFD, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return io.Discard
	}
	syscall.CloseOnExec(parentFD)
	return os.NewFile(parentFD, "parent")
}

// maxWhat bounds a message, in bytes, so that a pipe takes it as a whole.
const maxWhat = 1000

// Asking names what the machine is about to be asked for, a mount point or an
// EFI variable; answered is called when it has answered. Both may be called by
// any goroutine. That nobody listens is no error.
func Asking(parent io.Writer, what string) (answered func()) {
	what = strings.ReplaceAll(what[:min(len(what), maxWhat)], "\n", " ")
	_, _ = io.WriteString(parent, "+"+what+"\n")
	return func() { _, _ = io.WriteString(parent, "-"+what+"\n") }
}

// A conversation is what the machine was asked for and did not answer yet.
type conversation struct {
	pipe io.Closer
	mu   sync.Mutex
	what []string
}

// askedPipe returns the two ends of a pipe: what is written to parent by Asking
// is in the conversation.
func askedPipe() (c *conversation, parent *os.File, err error) {
	r, parent, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	c = &conversation{pipe: r}
	go c.read(r)
	return c, parent, nil
}

// read reads until the pipe is closed.
func (c *conversation) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		c.take(lines.Text())
	}
}

func (c *conversation) take(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if what, asked := strings.CutPrefix(line, "+"); asked {
		c.what = append(c.what, what)
	} else if i := slices.Index(c.what, strings.TrimPrefix(line, "-")); i >= 0 {
		c.what = slices.Delete(c.what, i, i+1)
	}
}

// open names what is not answered, each once.
func (c *conversation) open() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(c.what))), ", ")
}

func (c *conversation) close() { _ = c.pipe.Close() }

// fix is the hint for what does not answer.
func fix(what string) string {
	if strings.Contains(what, EFIVariable) {
		return "power-cycle the machine: nothing else restarts firmware"
	}
	return "check that its device is there"
}
