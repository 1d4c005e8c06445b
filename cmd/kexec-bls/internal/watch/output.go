package watch

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"sync"
)

// A gate is a writer that can be closed: what a process prints that was left
// running is dropped. It also keeps exec.Cmd from giving a file of ours away.
type gate struct {
	mu   sync.Mutex
	out  io.Writer
	shut bool
}

// Write never fails: that nobody listens is no reason for the process to end.
func (g *gate) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		_, _ = g.out.Write(b)
	}
	return len(b), nil
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
}

// gates puts gates before the outputs of a command that is not started yet.
// flush shuts them, prints what was held, if the process ended by itself, and
// adds the error of that to its own.
func gates(cmd *exec.Cmd, hold bool) (flush func(err error, itself bool) error) {
	stdout, stderr := writer(cmd.Stdout), writer(cmd.Stderr)
	outputs := []io.Writer{stderr, stdout} // errors first: results may go to a pager
	var held [2]bytes.Buffer
	var all [2]*gate
	for i, out := range outputs {
		all[i] = &gate{out: out}
		if hold {
			all[i].out = &held[i]
		}
	}
	cmd.Stderr, cmd.Stdout = all[0], all[1]
	if stdout == stderr {
		cmd.Stderr = all[1] // one pipe keeps the order
	}
	return func(err error, itself bool) error {
		for i, g := range all {
			g.close()
			if !hold || !itself {
				continue
			}
			if _, werr := outputs[i].Write(held[i].Bytes()); werr != nil {
				err = errors.Join(err, werr)
			}
		}
		return err
	}
}

func writer(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}
