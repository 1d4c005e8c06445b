package main

import (
	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/config"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
)

func newConfig(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Print the merged configuration, and where each key is set",
		Long: `Print the configuration as it is merged from ` + config.File + `, the drop-ins in
` + config.File + `.d/ and those of vendors in /usr/lib/kexec-bls.toml.d/. The
output is such a file again; after each key is the file that set it.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.report(config.NewReport(a.config, a.origins, report.Schema))
		},
	}
}
