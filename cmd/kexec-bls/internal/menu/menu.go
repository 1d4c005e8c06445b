// Package menu is the chooser of kexec-bls reboot --menu: the entries above,
// what the highlighted one would come to below. It draws and listens; what an
// entry comes to, and what is done with the choice, its caller knows.
package menu

import (
	"context"
	"errors"
	"fmt"
	"os"

	xterm "golang.org/x/term"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
)

// A Row is one entry of the list. Its texts are free of control characters.
type Row struct {
	// ID names the entry to Options.Plan and in the Choice.
	ID string
	// Title, Version, Label and Notes are the columns; Label is the ID.
	Title, Version, Label, Notes string
	// Mark is how the entry looks before it is planned.
	Mark term.Mark
	// Next is set where the boot loader would boot it: it is highlighted first.
	Next bool
}

// A Plan is what an entry would come to.
type Plan struct {
	// Draw draws it for a screen, line by line.
	Draw func(term.View) []string
	Mark term.Mark
	// Cmdline is the kernel command line, offered for editing.
	Cmdline string
	// Refused is why kexec cannot start it, in one line; "" if it can.
	Refused string
	// Firmware is set where a reboot through firmware starts it: it is offered too.
	Firmware bool
}

// Options are what the menu shows, and where.
type Options struct {
	// Rows are in the order of the boot loader's menu.
	Rows []Row
	// Host, Running and Next are the machine, and the entries that run and that the
	// boot loader would boot; "" is not known.
	Host, Running, Next string
	// Empty is why there are no rows.
	Empty string
	// Plan works out what an entry comes to; a cmdline that is not nil replaces
	// its command line. It is called while the menu is on the screen,
	// by one goroutine at a time for each keystroke, and must not print.
	Plan func(id string, cmdline *string) Plan
	// View has colours and symbols; its width is that of the screen.
	View term.View
	// In and Out are a terminal.
	In, Out *os.File
}

// An Action is what the user wants to be done with the entry.
type Action int

// The actions. Nothing is the zero value: the user left the menu.
const (
	Nothing Action = iota
	Load
	Reboot
	Firmware // reboot through firmware, which is to boot the entry
)

// A Choice is how the user left the menu.
type Choice struct {
	Action Action
	ID     string
	// Cmdline is the edited command line, nil where it was left alone.
	Cmdline *string
}

// ErrNoTerminal means that there is no one to ask.
var ErrNoTerminal = errors.New("a menu needs a terminal for input and output")

// Run shows the menu until the user has chosen or left, or ctx ends. The
// screen is as it was afterwards.
func Run(ctx context.Context, opt Options) (choice Choice, err error) {
	if !xterm.IsTerminal(int(opt.In.Fd())) || !xterm.IsTerminal(int(opt.Out.Fd())) {
		return Choice{}, ErrNoTerminal
	}
	s, err := openScreen(opt.In, opt.Out)
	if err != nil {
		return Choice{}, fmt.Errorf("menu: %w", err)
	}
	defer func() {
		if closed := s.close(); err == nil && closed != nil {
			choice, err = Choice{}, fmt.Errorf("menu: %w", closed)
		}
	}()
	return s.run(ctx, newModel(opt))
}

// A serial console does not report its size; every terminal has at least this.
const (
	serialWidth  = 80
	serialHeight = 24
)
