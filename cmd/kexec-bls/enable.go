package main

import (
	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

func newEnable(a *app) *cobra.Command {
	policy := "boot"
	cmd := &cobra.Command{
		Use:   "enable",
		Short: "Make every reboot a kexec while a kernel is loaded",
		Long: `Make every reboot by systemd a kexec while a kernel is loaded, whoever asks for
it. A reboot for which firmware is needed goes through firmware. With the policy
boot, the next entry is loaded at every boot; with off, nothing loads it.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if policy != "boot" && policy != "off" {
				return usagef("--policy=%s: want boot or off", policy)
			}
			if err := a.needsSystemd("enable"); err != nil {
				return err
			}
			return a.everyReboot(true, a.machine.Enable(cmd.Context(), policy == "boot"))
		},
	}
	cmd.Flags().StringVar(&policy, "policy", policy, "What loads: `boot or off`")
	return cmd
}

func newDisable(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "disable",
		Short: "Undo enable; what is loaded remains loaded",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.needsSystemd("disable"); err != nil {
				return err
			}
			return a.everyReboot(false, a.machine.Disable(cmd.Context()))
		},
	}
}

// everyReboot reports what was set, unless that failed.
func (a *app) everyReboot(on bool, err error) error {
	if err == nil {
		_, err = a.json(report.EveryReboot{Schema: report.Schema, EveryReboot: on})
	}
	return err
}

func (a *app) needsSystemd(verb string) error {
	if kind := a.machine.Host.InitSystem(); kind != host.Systemd {
		return usagef("%s requires systemd as the init system", verb)
	}
	return nil
}
