// Package reboot ends the running system in favour of the loaded kernel, or of
// the firmware. It starts programs, so that services stop cleanly and file
// systems are unmounted: systemctl(1) where systemd runs, and what OpenRC, runit,
// dinit or sysvinit have of their own elsewhere. For a jump it unloads drivers of
// graphics cards, remounts file systems read-only, and installs a program for
// initramfs images that look for kexec(8).
package reboot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// Options are the flags of systemctl(1) with the same names, and where its
// output goes. Empty flags are not passed. The zero value is systemctl in PATH,
// with output in errors only.
type Options struct {
	When            string // --when=, as systemctl(1) or cancel
	Message         string // --message=, the text of the wall message
	CheckInhibitors string // --check-inhibitors=: auto, yes, no
	// Entry is --boot-loader-entry=, what firmware's boot loader is to boot once; ""
	// is its own choice. It is for ordinary reboots.
	Entry           string
	NoWall, NoBlock bool
	Force, Quiet    bool
	// Terminal reports that the user sits at one. systemctl checks inhibitors by
	// default only then, and cannot see it through our pipes.
	Terminal bool
	// Stdout and Stderr get what systemctl writes, as it does; nil: nothing
	// is passed on. An error has the output in any case.
	Stdout, Stderr io.Writer
	// Program is systemctl's path; empty means systemctl in PATH.
	Program string
}

// A RefusedError is a program that did not do what it was asked for.
type RefusedError struct {
	Command string // program and verb, as in "systemctl kexec"
	Output  string // what it wrote to stderr, its lines joined; may be empty
	Err     error  // *exec.ExitError, or why it could not be started
}

// Error has the program's own output, where there is some.
func (e *RefusedError) Error() string {
	if e.Output == "" {
		return fmt.Sprintf("%s: %v", e.Command, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Command, e.Output)
}

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

func cancel(ctx context.Context, o Options) error {
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
		{"--when=", o.When}, {"--message=", o.Message}, {"--check-inhibitors=", inhibitors}, {"--boot-loader-entry=", o.Entry},
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

// unknown returns the flag that a program does not know, by the text of
// getopt_long(3), or "".
func unknown(err error) string {
	refused, ok := errors.AsType[*RefusedError](err)
	if !ok {
		return ""
	}
	_, quoted, ok := strings.Cut(refused.Output, "unrecognized option '")
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
	return hint.Errorf("leave out "+flag, "systemd %s does not have %s: %w", words[1], flag, err)
}
