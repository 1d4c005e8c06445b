package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// An app is what every command works with: the machine, the user's ear, the
// flags that mean the same everywhere.
type app struct {
	*machine
	*ui
	flags   flags
	config  config
	origins map[string]origin // of the keys that a file sets
	within  bool              // the work of another process of ours, which watches it
}

// flags are the global ones, named as in bootctl and systemctl.
type flags struct {
	espPath, bootPath, root string
	json                    jsonMode
	noPager, quiet          bool
	verbose                 int
	config                  string
}

func newRoot(a *app) *cobra.Command {
	a.flags.json = jsonOff
	cmd := &cobra.Command{
		Use:   "kexec-bls",
		Short: "reboot into the next boot entry with kexec, past the firmware",
		Long: `kexec-bls reboots into the entry that systemd-boot would boot next, with kexec.
It joins the entry's initrds, loads it with kexec_file_load(2) and reboots
through systemd, so that services stop as in any reboot.`,
		Version:       version,
		Args:          noArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if completes(cmd) {
				return a.completion(cmd.Root())
			}
			return a.start()
		},
	}
	a.globalFlags(cmd)
	cmd.SetVersionTemplate("kexec-bls {{.Version}}\n")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	cmd.AddCommand(newList(a), newShow(a), newLoad(a), newUnload(a), newStatus(a), newExport(a), newReboot(a), newRebootRequired(a), newCheck(a),
		newInitrd(a), newHook(a), newConfig(a))
	return cmd
}

func (a *app) globalFlags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&a.flags.espPath, "esp-path", "", "the ESP, `DIR` is taken as it is")
	f.StringVar(&a.flags.bootPath, "boot-path", "", "the XBOOTLDR partition, `DIR` is taken as it is")
	f.StringVar(&a.flags.root, "root", "", "look at the system below `DIR`, which is not running")
	f.Var(&a.flags.json, "json", "print JSON: short, pretty or off")
	f.Lookup("json").NoOptDefVal = string(jsonPretty)
	f.BoolVar(&a.flags.noPager, "no-pager", false, "do not pipe output into a pager")
	f.BoolVarP(&a.flags.quiet, "quiet", "q", false, "say nothing but results, warnings and errors")
	f.CountVarP(&a.flags.verbose, "verbose", "v", "say more; twice: let the kernel say more too")
	f.StringVar(&a.flags.config, "config", "", "read `FILE` instead of "+configPath+" and its drop-ins")
}

// start runs before every command.
func (a *app) start() error {
	a.ui.quiet = a.flags.quiet
	return a.readConfig()
}

// noArgs and maxArgs are cobra's checks with an error that exits as usage.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		return usagef("unknown command %q; see %s --help", args[0], cmd.CommandPath())
	}
	return usagef("%s takes no argument, got %q", cmd.CommandPath(), args[0])
}

func maxArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return usagef("%s takes at most %s, got %q", cmd.CommandPath(), count(n, "argument"), args)
		}
		return nil
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
