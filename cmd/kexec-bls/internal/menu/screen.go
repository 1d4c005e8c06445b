package menu

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/cancelreader"
	xterm "golang.org/x/term"
)

// A frame is what the screen is to show.
type frame struct {
	lines []string
	// column is that of the cursor in the prompt, -1 for none.
	column int
}

// A screen is a terminal that the menu has to itself, and what is on it.
type screen struct {
	in, out *os.File
	before  *xterm.State
	reader  cancelreader.CancelReader
	typed   chan []byte // closed after the last, with the reason in err
	err     error
	shown   []string
}

// The keys are read alone; the mouse's clicks and wheel, and pasted text, are
// told apart from them.
const (
	enterScreen = ansi.SetModeAltScreenSaveCursor + ansi.SetModeMouseNormal + ansi.SetModeMouseExtSgr + ansi.SetModeBracketedPaste
	leaveScreen = ansi.ResetModeBracketedPaste + ansi.ResetModeMouseExtSgr + ansi.ResetModeMouseNormal + ansi.ShowCursor + ansi.ResetModeAltScreenSaveCursor
)

// openScreen takes the terminal over; close gives it back.
func openScreen(in, out *os.File) (*screen, error) {
	reader, err := cancelreader.NewReader(in)
	if err != nil {
		return nil, err
	}
	before, err := xterm.MakeRaw(int(in.Fd()))
	if err != nil {
		_ = reader.Close() // the error that counts is err
		return nil, err
	}
	s := &screen{in: in, out: out, before: before, reader: reader, typed: make(chan []byte)}
	go s.read()
	_, err = io.WriteString(out, enterScreen)
	if err != nil {
		_ = s.close() // the error that counts is err
		return nil, err
	}
	return s, nil
}

// read sends what is typed until close, or until the terminal has gone.
func (s *screen) read() {
	defer close(s.typed)
	for {
		b := make([]byte, 4096)
		n, err := s.reader.Read(b)
		if err != nil {
			s.err = err
			return
		}
		s.typed <- b[:n]
	}
}

func (s *screen) close() error {
	s.reader.Cancel()
	for range s.typed { // until it has stopped: the next reader misses no key
	}
	_ = s.reader.Close() // all that it read is here
	_, err := io.WriteString(s.out, leaveScreen)
	if restored := xterm.Restore(int(s.in.Fd()), s.before); restored != nil {
		return restored
	}
	return err
}

// size is that of the terminal, or what every terminal has: a serial console
// does not report one.
func (s *screen) size() sizeEvent {
	if w, h, err := xterm.GetSize(int(s.out.Fd())); err == nil && w > 0 && h > 0 {
		return sizeEvent{w, h}
	}
	return sizeEvent{serialWidth, serialHeight}
}

// draw writes the lines that changed: a serial console is slow.
func (s *screen) draw(f frame) error {
	var b strings.Builder
	b.WriteString(ansi.HideCursor)
	if len(s.shown) != len(f.lines) {
		s.shown = nil
		b.WriteString(ansi.EraseEntireScreen)
	}
	for i, line := range f.lines {
		if s.shown == nil || s.shown[i] != line {
			b.WriteString(ansi.CursorPosition(1, i+1) + ansi.EraseEntireLine + line)
		}
	}
	if f.column >= 0 {
		b.WriteString(ansi.CursorPosition(f.column+1, promptLine+1) + ansi.ShowCursor)
	}
	s.shown = f.lines
	_, err := io.WriteString(s.out, b.String())
	return err
}

// escapeDelay is how long the rest of a sequence may take after its escape; a slow
// line needs 10 ms.
const escapeDelay = 50 * time.Millisecond

// run shows the model until the user leaves or ctx ends.
func (s *screen) run(ctx context.Context, m model) (Choice, error) {
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	var in input
	var waited <-chan time.Time // set while a sequence is not whole
	answers := make(chan any)
	take := func(events ...any) {
		for _, ev := range events {
			if m.left {
				return
			}
			var c command
			m, c = m.update(ev)
			do(ctx, c, answers)
		}
	}
	take(s.size(), restedEvent{})
	for !m.left {
		if err := s.draw(m.frame()); err != nil {
			return Choice{}, fmt.Errorf("menu: %w", err)
		}
		select {
		case <-ctx.Done():
			return Choice{}, ctx.Err()
		case <-resized:
			s.shown = nil
			take(s.size())
		case answer := <-answers:
			if p, ok := answer.(panicEvent); ok {
				panic(fmt.Sprintf("%v\n%s", p.reason, p.stack))
			}
			take(answer)
		case b, ok := <-s.typed:
			if !ok {
				return Choice{}, fmt.Errorf("menu: read the keys: %w", s.err)
			}
			in.buf = append(in.buf, b...)
			take(in.events(false)...)
			waited = nil
			if len(in.buf) > 0 {
				waited = time.After(escapeDelay)
			}
		case <-waited:
			waited = nil
			take(in.events(true)...)
		}
	}
	return m.choice, nil
}

// A panicEvent is the end of a command that panicked. The screen is given back
// before the program ends of it.
type panicEvent struct {
	reason any
	stack  []byte
}

// do sends the answer of a command, unless the menu is left before.
func do(ctx context.Context, c command, answers chan<- any) {
	if c == nil {
		return
	}
	answer := func() (ev any) {
		defer func() {
			if r := recover(); r != nil {
				ev = panicEvent{r, debug.Stack()}
			}
		}()
		return c()
	}
	go func() {
		select {
		case answers <- answer():
		case <-ctx.Done():
		}
	}()
}
