package main

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// page writes a result. What is longer than the terminal goes through $PAGER,
// or less, as bootctl's output does; --no-pager and an empty $PAGER prevent it.
func (a *app) page(ctx context.Context, text []byte) error {
	pager, height := a.pager()
	if pager == "" || bytes.Count(text, []byte("\n")) < height {
		_, err := a.out.Write(text)
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM) // the pager has the terminal
	defer stop()
	cmd := exec.CommandContext(ctx, "sh", "-c", pager)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), a.out, a.err
	cmd.Env = append(os.Environ(), "LESS="+cmp.Or(a.getenv("LESS"), "FRSXMK"))
	if cmd.Run() != nil { // none installed, say
		_, err := io.Copy(a.out, bytes.NewReader(text))
		return err
	}
	return nil
}

// pager is the program to use, "" for none, and the terminal's height in lines.
func (a *app) pager() (program string, height int) {
	_, height = a.screen()
	if height == 0 || a.flags.noPager {
		return "", 0
	}
	program = "less"
	if value, set := os.LookupEnv("PAGER"); set {
		program = value
	}
	return program, height
}
