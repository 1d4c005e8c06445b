// Package systemd reboots through the init system, so that services stop
// cleanly and file systems are unmounted: systemctl(1) where systemd runs, and
// what OpenRC, runit, dinit or sysvinit have of their own elsewhere. It is the
// only package that starts programs.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Options are the flags of systemctl(1) with the same names, and where its
// output goes. Empty flags are not passed. The zero value is systemctl in PATH,
// with output in errors only.
type Options struct {
	When            string // --when=, as systemctl(1) or cancel
	Message         string // --message=, the text of the wall message
	CheckInhibitors string // --check-inhibitors=: auto, yes, no
	NoWall, NoBlock bool
	Force, Quiet    bool
	// Terminal says that the user sits at one. systemctl checks inhibitors by
	// default only then, and cannot see it through our pipes.
	Terminal bool
	// Stdout and Stderr get what systemctl says, as it says it; nil: nothing
	// is passed on. An error has its words in any case.
	Stdout, Stderr io.Writer
	// Program is systemctl's path; empty means systemctl in PATH.
	Program string
}

// A RefusedError is a program that did not do what it was asked for.
type RefusedError struct {
	Command string // program and verb, as in "systemctl kexec"
	Words   string // what it said on stderr, its lines joined; may be empty
	Err     error  // *exec.ExitError, or why it could not be started
}

// Error has the program's own words, where it had some.
func (e *RefusedError) Error() string {
	if e.Words == "" {
		return fmt.Sprintf("%s: %v", e.Command, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Command, e.Words)
}

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// Kexec asks systemd to shut down into the loaded kernel, and returns once it
// has accepted. Without a loaded kernel systemctl would load one of its own
// choice: the caller has to look first. A refusal is a *RefusedError. A context
// that ends does not stop systemctl at once, for the request may be accepted
// already: the end of a reboot's requester is a part of the reboot.
func Kexec(ctx context.Context, o Options) error { return o.verb(ctx, "kexec") }

// Reboot asks systemd for an ordinary reboot, through the firmware. systemctl
// turns it into a kexec when a kernel is loaded, and others may too: the caller
// unloads it first; systemctl is told not to, besides. Errors are Kexec's.
func Reboot(ctx context.Context, o Options) error { return o.verb(ctx, "reboot") }

// Cancel takes back a reboot that was scheduled with Options.When, by whomever.
// Of o only the writers and Program count.
func Cancel(ctx context.Context, o Options) error {
	o = Options{When: "cancel", CheckInhibitors: "no", Stdout: o.Stdout, Stderr: o.Stderr, Program: o.Program}
	// Not the verb kexec, which wants a kernel to be loaded even for this.
	err := o.verb(ctx, "reboot")
	if unknown(err) == "--when" { // before systemd 254 shutdown(8) scheduled
		o.Program = "shutdown"
		return o.run(ctx, o.Program, "-c")
	}
	return err
}

// verb runs systemctl, and again without the flags that an older one does not
// know and that are not what the user asked for.
func (o Options) verb(ctx context.Context, verb string) error {
	program := o.Program
	if program == "" {
		program = "systemctl"
	}
	for {
		err := o.run(ctx, program, append([]string{verb}, o.flags()...)...)
		flag := unknown(err)
		switch {
		case flag == "--check-inhibitors" && o.CheckInhibitors == "no":
			o.CheckInhibitors = ignoreInhibitors
		case flag == "--check-inhibitors" && o.Terminal && (o.CheckInhibitors == "" || o.CheckInhibitors == "auto"):
			o.Terminal, o.CheckInhibitors = false, ""
		case flag == "--message" && o.Message != "":
			o.Message = ""
		case flag != "":
			return o.tooOld(ctx, program, flag, err)
		default:
			return err
		}
	}
}

// ignoreInhibitors is what --check-inhibitors=no was called before systemd 248.
const ignoreInhibitors = "--ignore-inhibitors"

func (o Options) flags() []string {
	inhibitors := o.CheckInhibitors
	if o.Terminal && (inhibitors == "" || inhibitors == "auto") {
		inhibitors = "yes"
	}
	var flags []string
	for _, f := range []struct{ name, value string }{
		{"--when=", o.When}, {"--message=", o.Message}, {"--check-inhibitors=", inhibitors},
	} {
		switch f.value {
		case "":
		case ignoreInhibitors:
			flags = append(flags, f.value)
		default:
			flags = append(flags, f.name+f.value)
		}
	}
	for _, f := range []struct {
		name string
		set  bool
	}{{"--no-wall", o.NoWall}, {"--no-block", o.NoBlock}, {"--force", o.Force}, {"--quiet", o.Quiet}} {
		if f.set {
			flags = append(flags, f.name)
		}
	}
	return flags
}

// unknown returns the flag that a program does not know, by the words of
// getopt_long(3), or "".
func unknown(err error) string {
	refused, ok := errors.AsType[*RefusedError](err)
	if !ok {
		return ""
	}
	_, quoted, ok := strings.Cut(refused.Words, "unrecognized option '")
	if !ok {
		return ""
	}
	flag, _, _ := strings.Cut(quoted, "'")
	flag, _, _ = strings.Cut(flag, "=")
	return flag
}

// tooOld names the version of a systemctl that does not know a flag.
func (o Options) tooOld(ctx context.Context, program, flag string, err error) error {
	var version strings.Builder
	o.Stdout, o.Stderr = &version, nil
	if o.run(ctx, program, "--version") != nil {
		return err
	}
	words := strings.Fields(version.String()) // systemd 252 (252.39-1~deb12u2) +PAM …
	if len(words) < 2 || !slices.Contains(words[:1], "systemd") {
		return err
	}
	return fmt.Errorf("systemd %s does not have %s; leave it out: %w", words[1], flag, err)
}
