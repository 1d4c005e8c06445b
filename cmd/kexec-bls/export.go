package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

func newExport(a *app) *cobra.Command {
	var line lineFlags
	var blob blobFlags
	var dir string
	cmd := &cobra.Command{
		Use:   "export [ENTRY] --output=DIR",
		Short: "write linux, initrd and cmdline as they would be loaded",
		Args:  maxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			line.replaceSet = cmd.Flags().Changed("command-line")
			if dir == "" {
				return usagef("export needs --output=DIR")
			}
			return a.export(argument(args), dir, &line, blob)
		},
	}
	cmd.Flags().StringVarP(&dir, "output", "o", "", "write to this `DIR`, made if absent")
	line.add(cmd)
	blob.add(cmd)
	return cmd
}

// export writes what load would hand to the kernel. It does not judge it.
func (a *app) export(name, dir string, line *lineFlags, b blobFlags) error {
	t, err := a.target(name, line)
	if err != nil {
		return err
	}
	defer t.close()
	for _, w := range t.Warnings {
		a.warn("%s", w)
	}
	if err := a.judgeInitrd(t, b); err != nil {
		return err
	}
	for _, f := range t.report.Findings {
		a.warn("%s", f)
	}
	if err := a.flattenTarget(t, b); err != nil {
		return err
	}
	return a.exportTo(dir, t)
}

func (a *app) exportTo(dir string, t *target) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	kernel, err := initrd.NewPlan([]initrd.Member{t.Kernel}, initrd.JoinOptions{})
	if err != nil {
		return err
	}
	bar := a.progress("joining initrds")
	defer bar.done()
	blob, err := t.Blob(bar.tick)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, "linux"), kernel.Write); err != nil {
		return err
	}
	initrdPath := filepath.Join(dir, "initrd")
	if blob.Size() > 0 {
		err = writeFile(initrdPath, blob.Write)
	} else if err = os.Remove(initrdPath); errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "cmdline"), func(f *os.File) error {
		_, err := fmt.Fprintln(f, t.Cmdline)
		return err
	})
}

// writeFile writes a file whole or not at all: under another name, 0600,
// renamed at the end. A device or a pipe is written to as it is.
func writeFile(path string, write func(*os.File) error) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
