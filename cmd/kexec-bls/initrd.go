package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/usage"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

func newInitrd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "initrd",
		Short: "Look into initrd images, or join them",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newInitrdLs(a), newInitrdMerge(a))
	return cmd
}

func newInitrdLs(a *app) *cobra.Command {
	var p planFlags
	var long bool
	cmd := &cobra.Command{
		Use:   "ls FILE...",
		Short: "List the members of images as they would be joined, with -l the files inside",
		Args:  usage.Args("FILE", 1, -1),
		RunE:  func(cmd *cobra.Command, args []string) error { return a.initrdLs(cmd.Context(), args, p, long) },
	}
	cmd.Flags().BoolVarP(&long, "long", "l", false, "List the files inside, through all compressions")
	p.addInitrd(cmd)
	return cmd
}

// A joined initrd is images in the order in which they are joined. Close it.
type joined struct {
	*initrd.Plan
	members []initrd.Member
	close   func() error
}

func (a *app) join(paths []string, p planFlags, opt initrd.JoinOptions) (_ *joined, err error) {
	j := &joined{}
	if j.members, j.close, err = loader.OpenImages(paths); err != nil {
		return nil, err
	}
	if p.EarlyFirst || a.config.Initrd.EarlyFirst {
		j.members, err = initrd.EarlyFirst(j.members)
	}
	if err == nil {
		j.Plan, err = initrd.NewPlan(j.members, opt)
	}
	if err != nil {
		return nil, errors.Join(err, j.close())
	}
	return j, nil
}

// walk looks at a joined initrd as the kernel will. With visit, which is given each
// file, everything is decoded.
func (a *app) walk(ctx context.Context, j *joined, p planFlags, visit func(initrd.File) error) (initrd.Report, error) {
	opt := initrd.WalkOptions{Layout: j.Layout, Limit: loader.UnpackLimit(a.machine.Host, a.config.UnpackLimit()), Visit: visit}
	switch {
	case visit != nil:
		opt.Verify = initrd.VerifyAll
	case p.Verify:
		bar := a.Progress("reading initrds")
		defer bar.Done()
		opt.Verify, opt.Progress = initrd.VerifyAll, bar.Update
	}
	return initrd.Walk(ctx, j.Plan, j.Size(), opt)
}

func (a *app) initrdLs(ctx context.Context, paths []string, p planFlags, long bool) error {
	j, err := a.join(paths, p, initrd.JoinOptions{LastConfig: true})
	if err != nil {
		return err
	}
	defer func() { _ = j.close() }() // read only
	var files []report.InitrdFile
	var visit func(initrd.File) error
	if long {
		visit = func(f initrd.File) error { return a.listFile(report.FileOf(f), &files) }
	}
	walked, err := a.walk(ctx, j, p, visit)
	if err != nil {
		return err
	}
	r := report.InitrdOf(j.Plan, walked, files)
	if done, err := a.json(r); done {
		return err
	}
	if !long {
		if err := r.Print(a.UI); err != nil {
			return err
		}
	}
	report.Warn(a.UI, walked.Findings)
	return nil
}

// listFile prints a file, or keeps it for JSON.
func (a *app) listFile(f report.InitrdFile, files *[]report.InitrdFile) error {
	if a.flags.json != term.JSONOff {
		*files = append(*files, f)
		return nil
	}
	_, err := fmt.Fprintln(a.Out, f.Line())
	return err
}

func newInitrdMerge(a *app) *cobra.Command {
	var p planFlags
	var output string
	cmd := &cobra.Command{
		Use:   "merge --output=OUT FILE...",
		Short: "Join images into one, as load would",
		Args:  usage.Args("FILE", 1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output == "" {
				return usagef("merge needs --output=OUT; - is standard output")
			}
			return a.initrdMerge(cmd.Context(), args, output, p)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "Write to `OUT`; - is standard output")
	p.addInitrd(cmd)
	return cmd
}

func (a *app) initrdMerge(ctx context.Context, paths []string, output string, p planFlags) error {
	bar := a.Progress("joining initrds")
	defer bar.Done()
	opt := initrd.JoinOptions{Progress: bar.Update}
	j, err := a.join(paths, p, opt)
	if err != nil {
		return err
	}
	defer func() { _ = j.close() }() // read only
	walked, err := a.walk(ctx, j, p, nil)
	if err != nil {
		return err
	}
	report.Warn(a.UI, walked.Findings)
	if !p.Flat && !a.config.Initrd.Flat {
		return a.writeInitrd(j.Plan, output, walked)
	}
	flat, file, err := a.flatten(ctx, j.members)
	if err != nil {
		return err
	}
	if file != nil {
		defer file.Close()
	}
	plan, err := initrd.NewPlan(flat, opt)
	if err != nil {
		return err
	}
	return a.writeInitrd(plan, output, walked)
}

// flatten puts one archive in the place of members; where that is not possible it
// prints why and returns the members.
func (a *app) flatten(ctx context.Context, members []initrd.Member) ([]initrd.Member, *os.File, error) {
	bar := a.Progress("unpacking initrds")
	defer bar.Done()
	flat, file, err := loader.Flatten(ctx, a.machine.Host, members, a.config.UnpackLimit(), bar.Update)
	var cannot *initrd.FlatError
	switch {
	case errors.As(err, &cannot):
		a.Warn("%v; joined instead", err)
		return members, nil, nil
	case err != nil:
		return nil, nil, err
	}
	return []initrd.Member{flat}, file, nil
}

// writeInitrd writes to a file, whole or not at all, or to standard output.
func (a *app) writeInitrd(plan *initrd.Plan, output string, walked initrd.Report) error {
	if output != "-" {
		if err := loader.WriteFile(filepath.Clean(output), plan.Write); err != nil {
			return err
		}
		if done, err := a.json(report.MergeOf(output, plan.Size(), walked)); done || err != nil {
			return err
		}
		a.Note("wrote %s, %s", output, loader.FormatSize(plan.Size()))
		return nil
	}
	f, ok := a.Out.(*os.File)
	if !ok {
		return errors.New("standard output is not a file")
	}
	return plan.Write(f)
}
