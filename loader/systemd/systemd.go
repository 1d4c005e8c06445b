// Package systemd reboots through the init system, so that services stop
// cleanly.
package systemd

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Kind is an init system.
type Kind string

// The init systems that are told apart.
const (
	Systemd Kind = "systemd"
	Other   Kind = "other"
)

// Options are the flags of systemctl(1) with the same names. Empty ones are
// not passed.
type Options struct {
	When, Message, CheckInhibitors string
	NoWall, NoBlock, Force         bool
}

// Init tells which init system runs, by sd_booted(3).
func Init() Kind {
	if info, err := os.Lstat("/run/systemd/system"); err == nil && info.IsDir() {
		return Systemd
	}
	return Other
}

// Kexec asks systemd to shut down into the loaded kernel, and returns once it
// has accepted. The error has systemctl's own words.
func Kexec(ctx context.Context, o Options) error {
	cmd := exec.CommandContext(ctx, "systemctl", append([]string{"kexec"}, o.flags()...)...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("systemctl kexec: %w: %s", err, strings.TrimSpace(said.String()))
	}
	return nil
}

func (o Options) flags() []string {
	var flags []string
	for _, f := range []struct{ name, value string }{
		{"--when=", o.When}, {"--message=", o.Message}, {"--check-inhibitors=", o.CheckInhibitors},
	} {
		if f.value != "" {
			flags = append(flags, f.name+f.value)
		}
	}
	for _, f := range []struct {
		name string
		set  bool
	}{{"--no-wall", o.NoWall}, {"--no-block", o.NoBlock}, {"--force", o.Force}} {
		if f.set {
			flags = append(flags, f.name)
		}
	}
	return flags
}
