package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kexec-bls/kexec-bls/loader"
)

// given are the flags of a command that the user set, as load takes them. A
// load that is repeated has them again.
func given(cmd *cobra.Command) []string {
	known := newLoad(&app{}).Flags()
	var args []string
	cmd.Flags().Visit(func(f *pflag.Flag) {
		inherited := cmd.InheritedFlags().Lookup(f.Name) != nil
		if known.Lookup(f.Name) == nil && !inherited || slices.Contains(notRepeated(), f.Name) {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			args = append(args, "--"+f.Name+"="+absolute(f.Name, v))
		}
	})
	return args
}

// absolute is the value of a flag for a process that runs elsewhere.
func absolute(name, value string) string {
	switch name {
	case "esp-path", "boot-path", "config":
		if path, err := filepath.Abs(value); err == nil {
			return path
		}
	}
	return value
}

// notRepeated are flags that mean the one call, not what is loaded.
func notRepeated() []string {
	return []string{"quiet", "verbose", "json", "no-pager", "escaped", "if-none", "linux", "initrd"}
}

func newHookReload(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "load again what kexec-bls has loaded and is stale",
		Args:  noArgs,
		RunE:  undoing(func(cmd *cobra.Command, _ []string) error { return a.reload(cmd.Context()) }),
	}
}

// reload goes on until what is loaded is fresh: an upgrade writes one file
// after the other, and the unit that calls us does not see what is written
// while we run. It never loads where nothing is loaded, or not by us.
func (a *app) reload(ctx context.Context) error {
	if there, err := a.loaded(); err != nil || !there {
		return err
	}
	const times = 5
	var before []string
	for range times {
		if err := a.awaitQuiet(ctx); err != nil {
			return err
		}
		r, err := a.statusReport(false)
		if err != nil || r.State != "stale" {
			return err
		}
		if slices.Equal(before, r.Reasons) {
			a.warn("%s stays stale: %s", r.Loaded.Entry, strings.Join(r.Reasons, "; "))
			return nil
		}
		before = r.Reasons
		if r.Loaded.Entry == "" {
			a.note("what is loaded was loaded by hand and is stale (%s); it is not loaded again", strings.Join(r.Reasons, "; "))
			return nil
		}
		a.note("%s is stale: %s", r.Loaded.Entry, strings.Join(r.Reasons, "; "))
		args := append([]string{"load"}, r.Loaded.Args...)
		if r.Loaded.Named {
			args = append(args, "--", r.Loaded.Entry)
		}
		if err := a.again(ctx, args); err != nil {
			return err
		}
	}
	return fmt.Errorf("files still change after %d loads; kexec-bls load loads them once more", times)
}

// again runs one of our commands.
func (a *app) again(ctx context.Context, args []string) error {
	cmd := newRoot(&app{machine: a.machine, ui: a.ui})
	cmd.SetArgs(args)
	cmd.SetOut(a.out)
	cmd.SetErr(a.err)
	return cmd.ExecuteContext(ctx)
}

// awaitQuiet waits until the files of what is loaded have not changed for two
// seconds, a minute at most.
func (a *app) awaitQuiet(ctx context.Context) error {
	before := a.loadedNow()
	for range 30 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * a.settle):
		}
		now := a.loadedNow()
		if slices.Equal(before, now) {
			return nil
		}
		before = now
	}
	return nil
}

// loadedNow says what the files of the receipt look like at this moment.
func (a *app) loadedNow() []string {
	r, err := loader.ReadReceipt(a.runDir)
	if err != nil {
		return nil
	}
	var seen []string
	for _, f := range r.Files {
		info, err := os.Stat(f.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			seen = append(seen, "gone")
		case err != nil:
			seen = append(seen, err.Error())
		default:
			seen = append(seen, fmt.Sprint(info.Size(), info.ModTime().UnixNano()))
		}
	}
	return seen
}
