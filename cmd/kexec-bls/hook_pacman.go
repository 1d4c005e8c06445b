package main

import "github.com/spf13/cobra"

func newHookPacman(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "pacman",
		Short: "say after an upgrade when the next boot would bring another kernel",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			if r, code := a.requirement(); code == exitRequired {
				a.note("%s; kexec-bls reboot goes there", r.Reasons[0])
			}
			return nil
		},
	}
}
