package usage_test

import (
	"io"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/usage"
)

// run is a program with a few commands, prepared; it returns what its command line
// is refused with.
func run(args ...string) error {
	does := func(*cobra.Command, []string) error { return nil }
	root := &cobra.Command{Use: "kexec-bls", Args: usage.Args("argument", 0, 0), RunE: does, SilenceErrors: true, SilenceUsage: true}
	root.PersistentFlags().String("json", "", "Print JSON in `MODE`")
	root.PersistentFlags().Lookup("json").NoOptDefVal = "pretty"
	load := &cobra.Command{Use: "load [ENTRY]", Args: usage.Args("ENTRY", 0, 1), RunE: does}
	load.Flags().StringArray("append", nil, "Append `PARAMETERS`")
	load.Flags().StringArray("remove", nil, "Remove `KEY`")
	load.Flags().Bool("flat", false, "")
	load.Flags().Int("number", 0, "A `NUMBER`")
	initrd := &cobra.Command{Use: "initrd"}
	initrd.AddCommand(&cobra.Command{Use: "ls FILE...", Args: usage.Args("FILE", 1, -1), RunE: does})
	scripts := &cobra.Command{Use: "completion", Args: usage.Args("argument", 0, 0), RunE: does}
	scripts.AddCommand(&cobra.Command{Use: "bash", RunE: does}, &cobra.Command{Use: "fish", RunE: does})
	root.AddCommand(load, initrd, scripts, &cobra.Command{Use: "list", Args: usage.Args("argument", 0, 0), RunE: does})
	args = usage.JSONMode(args)
	usage.Prepare(root, args)
	root.SetArgs(args)
	root.SetOut(io.Discard)
	return root.Execute()
}

// TestRefusals is each refusal with what it says to type.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		args        []string
		error, hint string
	}{
		{[]string{"load", ""}, "the ENTRY is empty", "leave it out for what the boot loader would boot next"},
		{[]string{"load", "a", "b"}, `unexpected argument "b"; kexec-bls load takes one ENTRY`, ""},
		{[]string{"list", "x"}, `kexec-bls list takes no argument, got "x"`, ""},
		{[]string{"initrd", "ls"}, "kexec-bls initrd ls needs a FILE", ""},
		{[]string{"initrd", "ls", "a", ""}, "a FILE is empty", ""},
		{[]string{"load", "--remove="}, "--remove is empty", "leave it out, or give a value"},
		{[]string{"load", "--remove", "", "--remove=a"}, "--remove is empty", "leave it out, or give a value"},
		{[]string{"list", "--json="}, "--json is empty", "leave it out, or give a value"},
		{[]string{"load", "--remove"}, "--remove needs a value: --remove=KEY", ""},
		{[]string{"load", "--flat=foo"}, `--flat takes no value; got "foo"`, ""},
		{[]string{"load", "--number=x"}, `--number: strconv.ParseInt: parsing "x": invalid syntax`, ""},

		{[]string{"load", "--flta"}, "load has no option --flta", "did you mean --flat?"},
		{[]string{"--flat"}, "no option --flat", "it is an option of load"},
		{[]string{"--nosuch"}, "no option --nosuch", "see kexec-bls --help"},
		{[]string{"load", "--boot-loader-entry=two words"}, "load has no option --boot-loader-entry", "an entry is an argument: kexec-bls reboot 'two words'"},
		{[]string{"--boot-loader-entry", "a.conf"}, "no option --boot-loader-entry", "an entry is an argument: kexec-bls reboot a.conf"},
		{[]string{"--boot-loader-entry"}, "no option --boot-loader-entry", "an entry is an argument: kexec-bls reboot ENTRY"},
		{[]string{"--boot-loader-menu=5s"}, "no option --boot-loader-menu", "firmware does that: systemctl reboot --boot-loader-menu=5s"},
		{[]string{"--firmware-setup"}, "no option --firmware-setup", "firmware does that: systemctl reboot --firmware-setup"},
		{[]string{"--load", "/k"}, "no option --load", "use kexec-bls load --linux=/k --initrd=FILE"},
		{[]string{"--load-panic"}, "no option --load-panic", "kexec-bls loads no crash kernel: use kdump, or kexec -p"},
		{[]string{"-l", "/k", "--ramdisk=/i", "--append=a b"}, "no option -l", "use kexec-bls load --linux=/k --initrd=/i '--append=a b'"},
		{[]string{"load", "-l"}, "load has no option -l", "use kexec-bls load --linux=FILE --initrd=FILE"},
		{[]string{"-e"}, "no option -e", "use kexec-bls reboot --loaded"},
		{[]string{"-u"}, "no option -u", "use kexec-bls unload"},
		{[]string{"-p"}, "no option -p", "kexec-bls loads no crash kernel: use kdump, or kexec -p"},
		{[]string{"load", "-s"}, "load has no option -s", "use --syscall=file"},
		{[]string{"-S"}, "no option -S", "use kexec-bls status"},
		{[]string{"list", "-o", "json"}, "list has no option -o", "use --json"},
		{[]string{"list", "--output=json"}, "list has no option --output", "use --json"},
		{[]string{"list", "-Z"}, "list has no option -Z", "see kexec-bls list --help"},

		{[]string{"lsit"}, `unknown command "lsit"`, "did you mean list?"},
		{[]string{"ls"}, `unknown command "ls"`, "use kexec-bls list"},
		{[]string{"set-default"}, `unknown command "set-default"`, "use bootctl set-default"},
		{[]string{"a.conf"}, `unknown command "a.conf"`, "to reboot into an entry: kexec-bls reboot a.conf"},
		{[]string{"@oneshot"}, `unknown command "@oneshot"`, "to reboot into an entry: kexec-bls reboot @oneshot"},
		{[]string{"frobnicate"}, `unknown command "frobnicate"`, "see kexec-bls --help"},
		{[]string{"frobnicate", "-o", "x"}, `unknown command "frobnicate"`, "see kexec-bls --help"},
		{[]string{"--json=short", "frobnicate", "-o", "x"}, `unknown command "frobnicate"`, "see kexec-bls --help"},
		{[]string{"--nosuch=x", "frobnicate"}, "no option --nosuch", "see kexec-bls --help"},
		{[]string{"menu"}, `unknown command "menu"`, "use kexec-bls reboot --menu"},
		{[]string{"initrd", "list", "-o", "x"}, `unknown command "list"`, "use kexec-bls initrd ls"},
		{[]string{"--json=short", "initrd", "-o", "ls"}, "initrd has no option -o", "use --json"},
		{[]string{"initrd", "-Z"}, "initrd has no option -Z", "see kexec-bls initrd --help"},
		{[]string{"completion", "ksh"}, `unknown command "ksh"`, "use bash, fish"},
	} {
		err := run(c.args...)
		var invalid *usage.Error
		require.ErrorAs(t, err, &invalid, "%q", c.args)
		assert.Equal(t, c.error, err.Error(), "%q", c.args)
		assert.Equal(t, c.hint, hint.Of(err), "%q", c.args)
	}
}

// TestTaken is what must not be refused.
func TestTaken(t *testing.T) {
	for _, args := range [][]string{
		{"load", "--append="}, {"load", "--append", ""}, {"load", "--flat=false"}, {"load", "--flat", "a"}, {"initrd", "ls", "a", "b"}, {},
		{"load", "--json", "short", "a"}, {"load", "--json", "--", "short"},
	} {
		assert.NoError(t, run(args...), "%q", args)
	}
}

func TestJSONMode(t *testing.T) {
	for _, c := range []struct{ args, want []string }{
		{[]string{"list", "--json", "short"}, []string{"list", "--json=short"}},
		{[]string{"--json", "off", "show", "a"}, []string{"--json=off", "show", "a"}},
		{[]string{"show", "--json", "shorty"}, []string{"show", "--json", "shorty"}},
		{[]string{"show", "--json"}, []string{"show", "--json"}},
		{[]string{"show", "--json", "--", "--json", "short"}, []string{"show", "--json", "--", "--json", "short"}},
		{nil, nil},
	} {
		assert.Equal(t, c.want, usage.JSONMode(c.args), "%q", c.args)
	}
}
