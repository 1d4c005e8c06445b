package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/complete"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/config"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/journal"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/menu"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/usage"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"
)

// An environment is what a command has around it. Tests fill in all of it.
type environment struct {
	machine    *loader.Machine
	openSystem func(context.Context, entries.Options) (*entries.System, error)
	getenv     func(string) string
	lookup     func(string) (string, bool)
	paths      config.Paths
	self       func(args []string) *exec.Cmd // this program once more
	journal    func(journal.Act)
	choose     func(context.Context, menu.Options) (menu.Choice, error)
	// asking names to the process that watches this one what the machine is asked.
	asking func() io.Writer
	// queryLimit is how long a command that only asks waits for the machine, all
	// its waits together; what it computes and reads meanwhile is no wait.
	queryLimit time.Duration
}

func realEnvironment() *environment {
	return &environment{
		machine: loader.Running(), openSystem: entries.Open, getenv: os.Getenv, lookup: os.LookupEnv, paths: config.SystemPaths(), self: self,
		journal: func(act journal.Act) {
			act.Version = version
			journal.Send(act.Message())
		},
		choose: func(ctx context.Context, opt menu.Options) (menu.Choice, error) {
			opt.In, opt.Out = os.Stdin, os.Stdout
			return menu.Run(ctx, opt)
		},
		asking: parent, queryLimit: 2 * time.Second,
	}
}

// self is this program once more, whatever has become of its file.
func self(args []string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = os.Args[0] // for ps(1)
	return cmd
}

// An app is what every command works with.
type app struct {
	*environment
	*term.UI
	args    []string // of the command
	flags   globalFlags
	config  config.Config
	origins config.Origins
	parent  io.Writer // of a process that another one of ours watches; else nil
	printed bool      // JSON was printed
	boot    func() (loader.Boot, error)
}

// globalFlags are named as in bootctl and systemctl.
type globalFlags struct {
	espPath, bootPath, root string
	json                    term.JSONMode
	noPager, quiet          bool
	verbose                 int
	config                  string
	within                  string // the View of the process whose work this one does; "": of none
}

func newRoot(a *app) *cobra.Command {
	a.flags.json = term.JSONOff
	cmd := &cobra.Command{
		Use:   "kexec-bls",
		Short: "Reboot into the next boot entry with kexec, skipping firmware",
		Long: `Reboot into the entry that the boot loader would boot next, with kexec: join its
initrds, load it with kexec_file_load(2) and reboot through systemd, so that
services stop as in any reboot. Without a COMMAND, show the status.`,
		Version:       version,
		Args:          noArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return a.status(cmd.Context(), false) },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if completes(cmd) {
				return a.completion(cmd.Root())
			}
			return a.start()
		},
	}
	a.addFlags(cmd)
	cmd.AddCommand(newList(a), newShow(a), newLoad(a), newUnload(a), newStatus(a), newExport(a), newReboot(a), newRebootRequired(a), newCheck(a), newEnable(a), newDisable(a),
		newInitrd(a), newHook(a), newConfig(a), complete.NewCommand(noArgs))
	usage.Prepare(cmd, a.args)
	refuse := cmd.FlagErrorFunc()
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		a.flags.json = term.JSONModeOf(a.args) // it may come after the flag that is none
		return refuse(cmd, err)
	})
	return cmd
}

func (a *app) addFlags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&a.flags.espPath, "esp-path", "", "Use `DIR` as the ESP, unchecked (default: /efi, /boot or /boot/efi)")
	f.StringVar(&a.flags.bootPath, "boot-path", "", "Use `DIR` as the XBOOTLDR partition, unchecked (default: /boot)")
	f.StringVar(&a.flags.root, "root", "", "Look at the system below `DIR`, which is not running (default: /)")
	f.Var(&a.flags.json, "json", "Print JSON: short, pretty or off (default: off; a bare --json is pretty)")
	f.Lookup("json").NoOptDefVal = string(term.JSONPretty)
	f.BoolVar(&a.flags.noPager, "no-pager", false, "Do not pipe output into a pager")
	f.BoolVarP(&a.flags.quiet, "quiet", "q", false, "Print only results, warnings and errors")
	f.CountVarP(&a.flags.verbose, "verbose", "v", "Print what was read too; twice: make the kernel log more")
	f.StringVar(&a.flags.config, "config", "", "Read `FILE` instead of "+config.File+" and its drop-ins")
	f.StringVar(&a.flags.within, "within", "", "Be the process that does the work")
	f.Lookup("within").NoOptDefVal, f.Lookup("within").Hidden = "0", true
}

// start runs before every command.
func (a *app) start() error {
	a.Quiet, a.NoPager, a.Verbose = a.flags.quiet, a.flags.noPager, a.flags.verbose > 0
	paths := a.paths
	paths.Only = a.flags.config
	var warnings []string
	var err error
	a.config, a.origins, warnings, err = config.Load(paths)
	for _, w := range warnings {
		a.Warn("%s", w)
	}
	for _, file := range a.origins.Files() {
		a.Detail("configuration: %s", file)
	}
	return err
}

// json prints a report where JSON is asked for, and reports whether it is.
func (a *app) json(v any) (bool, error) {
	if a.flags.json == term.JSONOff {
		return false, nil
	}
	a.printed = true
	return true, a.JSON(a.flags.json, v)
}

// report prints a report: as JSON where that is asked for, else for a person.
func (a *app) report(r interface{ Print(*term.UI) }) error {
	if done, err := a.json(r); done {
		return err
	}
	r.Print(a.UI)
	return nil
}

// quiet is the same app for someone who wants to hear nothing.
func (a *app) quiet() *app {
	silent := *a
	silent.UI = &term.UI{Out: io.Discard, Err: io.Discard, Quiet: true}
	silent.flags.json = term.JSONOff
	return &silent
}

func noArgs(cmd *cobra.Command, args []string) error { return usage.Args("argument", 0, 0)(cmd, args) }

// entryArg takes at most an ENTRY.
func entryArg(cmd *cobra.Command, args []string) error { return usage.Args("ENTRY", 0, 1)(cmd, args) }

func argument(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
