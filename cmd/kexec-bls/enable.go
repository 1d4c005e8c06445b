package main

import (
	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

func newEnable(a *app) *cobra.Command {
	policy := "auto"
	cmd := &cobra.Command{
		Use:   "enable",
		Short: "Make every reboot a kexec while a kernel is loaded",
		Long: `Make every reboot by systemd a kexec while a kernel is loaded, whoever asks for
it. A reboot for which firmware is needed goes through firmware. The next entry is
loaded by the reboot itself as it begins (policy reboot, and auto, which suits all
machines), after an upgrade by package managers or systemd-sysupdate (upgrade), or
at every boot (boot); with off, nothing loads it.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, ok := report.ParsePolicy(policy)
			if !ok {
				return usagef("--policy: must be one of auto, reboot, upgrade, boot, off; got %q", policy)
			}
			if err := a.needsSystemd("enable"); err != nil {
				return err
			}
			return a.everyReboot(true, report.PolicyText(p), a.machine.Enable(cmd.Context(), p))
		},
	}
	cmd.Flags().StringVar(&policy, "policy", policy, "Load the next entry by `POLICY`: auto, reboot, upgrade, boot or off (default: auto)")
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
			return a.everyReboot(false, "reboots: each goes through firmware, unless a kexec is asked for", a.machine.Disable(cmd.Context()))
		},
	}
}

// everyReboot reports what was set, unless that failed.
func (a *app) everyReboot(on bool, text string, err error) error {
	if err != nil {
		return err
	}
	if done, err := a.json(report.EveryReboot{Schema: report.Schema, EveryReboot: on}); done || err != nil {
		return err
	}
	a.Note("%s", text)
	return nil
}

func (a *app) needsSystemd(verb string) error {
	if kind := a.machine.Host.InitSystem(); kind != host.Systemd {
		return hint.Errorf("use kexec-bls reboot", "%s requires systemd as the init system", verb)
	}
	return nil
}
