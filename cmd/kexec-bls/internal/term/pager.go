package term

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
)

// Page writes a result. What is longer than the terminal goes through a pager,
// by the rules of systemd's tools (see their manual pages, ENVIRONMENT):
// SYSTEMD_PAGER, else PAGER, else less; none where that is empty or cat, or by
// NoPager.
func (u *UI) Page(ctx context.Context, text []byte) error {
	_, height := u.Screen()
	argv, env := u.pager(ids{os.Getuid(), os.Geteuid()})
	if height > 0 && argv != nil && bytes.Count(text, []byte("\n")) >= height {
		// The pager has the terminal: its keys are no signals for us.
		ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		defer stop()
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), u.Out, u.Err
		cmd.Env = append(os.Environ(), env...)
		if cmd.Start() == nil {
			_ = cmd.Wait() // what it shows was up to the user
			return nil
		}
	}
	_, err := u.Out.Write(text)
	return err
}

// pager returns the program to use, nil for none, and what to add to its
// environment. A pager is a shell, "!command" in less, so one that runs with
// the rights of somebody else than its user runs in less's secure mode; other
// pagers have none and are only used where SYSTEMD_PAGERSECURE allows it.
func (u *UI) pager(own ids) (argv, env []string) {
	if u.NoPager {
		return nil, nil
	}
	secure, decided := u.lookup("SYSTEMD_PAGERSECURE")
	protect := u.elevated(own)
	if decided {
		protect = !isFalse(secure)
	}
	program := "less"
	for _, name := range []string{"PAGER", "SYSTEMD_PAGER"} {
		if value, set := u.lookup(name); set {
			program = value
		}
	}
	argv = strings.Fields(program)
	if len(argv) == 0 || program == "cat" {
		return nil, nil
	}
	env = []string{"LESS=" + cmp.Or(u.getenv("SYSTEMD_LESS"), u.getenv("LESS"), "FRSXMK")}
	if protect {
		env = append(env, "LESSSECURE=1")
		if !decided {
			argv = []string{"less"}
		}
	}
	return argv, env
}

// ids are the real and the effective user ID of this process.
type ids struct{ user, effective int }

// elevated reports whether the program may have more rights than its user: it
// runs as root or by set-user-ID, or was started by sudo, pkexec or doas. A
// root who is logged in as such cannot be distinguished from it.
func (u *UI) elevated(own ids) bool {
	caller := u.getenv("SUDO_UID") + u.getenv("PKEXEC_UID") + u.getenv("DOAS_USER")
	return own.effective == 0 || own.effective != own.user || caller != ""
}
