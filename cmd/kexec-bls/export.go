package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
)

func newExport(a *app) *cobra.Command {
	var p planFlags
	var dir string
	cmd := &cobra.Command{
		Use:   "export [ENTRY] --output=DIR",
		Short: "Write linux, initrd and cmdline as they would be loaded",
		Args:  entryArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch dir {
			case "":
				return usagef("export needs --output=DIR")
			case "-":
				return usagef("export writes several files and cannot write to standard output; use --output=DIR")
			}
			return a.export(cmd.Context(), argument(args), dir, p)
		},
	}
	cmd.Flags().StringVarP(&dir, "output", "o", "", "Write to this `DIR`, made if absent")
	cmd.Flags().BoolVar(&p.secrets, "secrets", false, "Write the boot secret of the running system too")
	p.addLine(cmd)
	p.addInitrd(cmd)
	return cmd
}

// export writes what load would give to the kernel. It refuses nothing that the
// kernel would.
func (a *app) export(ctx context.Context, name, dir string, p planFlags) error {
	t, err := a.target(ctx, name, p)
	if err != nil {
		return err
	}
	defer t.close()
	a.warnAll(t.Warnings())
	report.Warn(a.UI, t.Findings())
	if err := t.Export(dir); err != nil {
		return err
	}
	if done, err := a.json(report.ExportOf(t.Plan, dir)); done || err != nil {
		return err
	}
	a.Note("wrote %s to %s", t.Name(), dir)
	return nil
}
