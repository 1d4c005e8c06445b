package usage

import "strings"

// A group is a part of a help text.
type group struct {
	heading string
	names   []string
}

// commandGroups are every command of the program.
func commandGroups() []group {
	return []group{
		{"Everyday", []string{"reboot", "status", "list", "check"}},
		{"Inspection", []string{"show", "reboot-required", "config", "export", "initrd"}},
		{"Loading", []string{"load", "unload", "enable", "disable"}},
		{"For other programs", []string{"hook", "completion", "help"}},
	}
}

// flagGroups are every flag, below the headings of kexec-bls(8).
func flagGroups() []group {
	return []group{
		{"Rebooting", []string{
			"dry-run", "menu", "auto", "allow-soft-reboot", "loaded", "firmware", "or-firmware", "when", "message", "no-wall", "no-block", "check-inhibitors", "force",
		}},
		{"Given files", []string{"linux", "initrd"}},
		{"By units", []string{"escaped", "if-none"}},
		{"Trials", []string{"try", "fallback", "try-without-watchdog"}},
		{"Promotion", []string{"promote"}},
		{"Encrypted volumes", []string{"unlock", "unlock-key-file"}},
		{"Failed trials", []string{"retry"}},
		{"Every reboot", []string{"policy"}},
		{"The TPM", []string{"pcrs"}},
		{"Looking inside", []string{"long"}},
		{"Table", []string{"no-legend"}},
		{"Output", []string{"output"}},
		{"Secrets", []string{"secrets"}},
		{"A machine on which kexec fails", []string{"report"}},
		{"Status", []string{"metrics"}},
		{"Scripts", []string{"no-descriptions"}},
		{"Command line", []string{"append", "remove", "command-line", "reuse-cmdline"}},
		{"Initrd", []string{"verify", "early-first"}},
		{"Fast images", []string{"no-verify"}},
		{"Unpacking", []string{"flat"}},
		{"Findings", []string{"ignore"}},
		{"System call", []string{"syscall", "no-cma"}},
		{"Everywhere", []string{"esp-path", "boot-path", "root", "json", "no-pager", "quiet", "verbose", "config", "help"}},
		{"Version", []string{"version"}},
	}
}

// examples are lines to type, of a command by its path.
func examples(path string) []string {
	return map[string][]string{
		"kexec-bls": {
			"kexec-bls check              # will this machine boot again?",
			"kexec-bls reboot -n          # what would be booted, and is it possible?",
			"kexec-bls reboot             # do it",
		},
		"reboot": {
			"kexec-bls reboot                         # what the boot loader would boot",
			"kexec-bls reboot arch-lts --when=+5min   # another entry, later",
			"kexec-bls reboot --or-firmware           # in scripts: never stay up",
		},
		"status":          {"kexec-bls status", "kexec-bls status --json=short"},
		"list":            {"kexec-bls list", "kexec-bls list --json | jq -r '.[].id'"},
		"check":           {"kexec-bls check", "kexec-bls check arch-lts --ignore=gpu-nvidia"},
		"show":            {"kexec-bls show", "kexec-bls show @current", "kexec-bls show arch-lts --append=debug"},
		"reboot-required": {"kexec-bls reboot-required && kexec-bls reboot", "kexec-bls reboot-required --json=short"},
		"config":          {"kexec-bls config", "kexec-bls config --config=./test.toml"},
		"export":          {"kexec-bls export --output=/tmp/boot", "kexec-bls export arch-lts --output=/tmp/boot"},
		"initrd":          {"kexec-bls initrd ls /boot/initrd.img", "kexec-bls initrd merge -o out.img a.img b.img"},
		"initrd ls":       {"kexec-bls initrd ls /boot/initrd.img", "kexec-bls initrd ls -l a.img b.img"},
		"initrd merge":    {"kexec-bls initrd merge -o out.img a.img b.img", "kexec-bls initrd merge --flat -o - a.img | zstd > out.zst"},
		"load": {
			"kexec-bls load",
			"kexec-bls load arch-lts --append=debug",
			"kexec-bls load --linux=/boot/vmlinuz --initrd=/boot/initrd.img --reuse-cmdline",
		},
		"unload":          {"kexec-bls unload", "kexec-bls unload --json=short"},
		"enable":          {"kexec-bls enable", "kexec-bls enable --policy=off"},
		"disable":         {"kexec-bls disable", "kexec-bls disable && kexec-bls unload"},
		"completion":      {"source <(kexec-bls completion bash)", "kexec-bls completion fish | source"},
		"completion bash": {"source <(kexec-bls completion bash)", "kexec-bls completion bash > /etc/bash_completion.d/kexec-bls"},
		"completion zsh":  {"source <(kexec-bls completion zsh)", "kexec-bls completion zsh > /usr/share/zsh/site-functions/_kexec-bls"},
		"completion fish": {"kexec-bls completion fish | source", "kexec-bls completion fish > ~/.config/fish/completions/kexec-bls.fish"},
	}[path]
}

// exitStatus are the exit statuses of a command by its path.
func exitStatus(path string) []string {
	const done, failed, broken, usage, none = "0   done", "1   failed", "1   failed, or the entry is broken", "2   the command line is invalid", "3   no boot partition, or no such entry"
	const kernel, blocked = "4   the kernel refused", "5   check found an error that is not ignored"
	switch path {
	case "kexec-bls", "status":
		return []string{"0   what is loaded is up to date", failed, usage, "11  it is stale", "12  nothing is loaded", "13  another program loaded it"}
	case "reboot-required":
		return []string{"0   the next boot would change the kernel or its command line", "1   it would not", usage, "6   that cannot be determined"}
	case "check":
		return []string{"0   nothing was found that would prevent a kexec", failed + ", or no answer in time", usage, none, blocked}
	case "reboot":
		return []string{done, broken, usage, none, kernel, blocked}
	case "load":
		return []string{done, broken, usage, none, kernel}
	case "unload":
		return []string{done, failed, usage, kernel}
	case "list":
		return []string{done, failed, usage, none}
	case "show", "export":
		return []string{done, broken, usage, none}
	}
	return []string{done, failed, usage}
}

// page is the manual page of a command by its path.
func page(path string) string {
	switch path {
	case "config":
		return "kexec-bls.toml(5)"
	case "enable", "disable":
		return "kexec-bls(8) and kexec-bls-units(8)"
	}
	if strings.HasPrefix(path, "hook") {
		return "kexec-bls-units(8)"
	}
	return "kexec-bls(8)"
}
