package flags

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// Unlock is the flags of a reboot after which encrypted volumes open once.
type Unlock struct {
	given   bool
	keyFile string
}

// Add adds the flags.
func (u *Unlock) Add(f *pflag.FlagSet) {
	f.BoolVar(&u.given, "unlock", false, "Let encrypted volumes open after this kexec alone (experimental)")
	f.StringVar(&u.keyFile, "unlock-key-file", "", "Use a key of those volumes from `FILE` (default: from the TPM, else ask)")
}

// Check refuses flags that have no meaning without --unlock, and --unlock with another
// way to reboot.
func (u *Unlock) Check(otherWay bool) error {
	switch {
	case u.keyFile != "" && !u.given:
		return errors.New("--unlock-key-file requires --unlock")
	case u.given && otherWay:
		return errors.New("--unlock cannot be combined with --loaded, --firmware, --or-firmware, --menu, --auto, --try, --force and --when")
	}
	return nil
}

// Options are nil without --unlock. Volumes are told to note, and a passphrase is asked
// for where somebody sits at a terminal.
func (u *Unlock) Options(note func(format string, args ...any)) *loader.UnlockOptions {
	if !u.given {
		return nil
	}
	opt := &loader.UnlockOptions{OnVolumes: func(way loader.UnlockWay, names []string) { note("%s", told(way, names)) }}
	if u.keyFile != "" {
		opt.KeyFile = u.keyFile
		if full, err := filepath.Abs(u.keyFile); err == nil {
			opt.KeyFile = full
		}
	}
	if term.IsTerminal(int(os.Stdin.Fd())) {
		opt.Ask = func(_ context.Context, names []string) ([]byte, error) { return ask(os.Stderr, names) }
	}
	return opt
}

func told(way loader.UnlockWay, names []string) string {
	volumes := strings.Join(names, ", ")
	switch {
	case volumes == "":
		return "no volume that the next initrd opens needs a key for this kexec"
	case way == loader.UnlockByKey:
		return "there is no TPM: a key in memory will open " + volumes + " after this kexec"
	}
	return "the TPM will open " + volumes + " after this kexec, and never again by that key"
}

// ask reads a passphrase without an echo. Nothing of the process is swapped out from
// then on.
func ask(w io.Writer, names []string) ([]byte, error) {
	if err := reboot.LockMemory(); err != nil {
		return nil, err
	}
	fmt.Fprintf(w, "Passphrase of %s: ", strings.Join(names, ", "))
	defer fmt.Fprintln(w)
	return term.ReadPassword(int(os.Stdin.Fd()))
}
