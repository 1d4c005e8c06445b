package usage

import (
	"strings"

	"github.com/spf13/cobra"
)

// command is what to type for a command of other programs, "" for one that is not
// known.
func command(name string) string {
	switch name {
	case "kexec", "boot", "restart":
		return "use kexec-bls reboot"
	case "exec", "execute":
		return "use kexec-bls reboot --loaded"
	case "ls", "entries":
		return "use kexec-bls list"
	case "cancel":
		return "use kexec-bls reboot --when=cancel"
	case "version":
		return "use kexec-bls --version"
	case "firmware", "menu", "try", "auto":
		return "use kexec-bls reboot --" + name
	case "merge", "lsinitrd", "lsinitramfs", "lsinitcpio":
		return "see kexec-bls initrd --help"
	case "is-enabled", "is-active":
		return "use kexec-bls status"
	case "set-default", "set-oneshot", "set-preferred", "set-timeout", "install", "update", "remove":
		return "use bootctl " + name
	case "soft-reboot", "poweroff", "halt", "suspend", "hibernate":
		return "use systemctl " + name
	case "daemon-reload", "reload":
		return "use kexec-bls load"
	}
	return ""
}

// initrdCommand is command for those of initrd.
func initrdCommand(name string) string {
	switch name {
	case "list", "show", "cat":
		return "use kexec-bls initrd ls"
	case "join", "combine", "concat":
		return "use kexec-bls initrd merge"
	}
	return ""
}

// longFlag is what to type for a flag of systemctl(1), bootctl(1) or kexec(8).
func longFlag(name, value string) string {
	switch name {
	case "boot-loader-entry", "entry":
		return "an entry is an argument: kexec-bls reboot " + orName(value, "ENTRY")
	case "firmware-setup", "boot-loader-menu":
		return "firmware does that: systemctl reboot --" + name + equals(value)
	case "load":
		return "use kexec-bls load --linux=" + orName(value, "FILE") + " --initrd=FILE"
	case "exec":
		return "use kexec-bls reboot --loaded"
	case "unload":
		return "use kexec-bls unload"
	case "status":
		return "use kexec-bls status"
	case "load-panic":
		return noCrashKernel
	case "ramdisk":
		return "use --initrd=" + orName(value, "FILE")
	case "kexec-file-syscall":
		return "use --syscall=file"
	case "kexec-syscall":
		return "use --syscall=classic"
	case "kexec-syscall-auto":
		return "use --syscall=auto, which is the default"
	case "debug":
		return "use --verbose"
	case "yes", "assume-yes":
		return "nothing is asked; leave it out"
	case "ignore-inhibitors":
		return "use --check-inhibitors=no"
	case "output", "format":
		return "use --json"
	}
	return ""
}

const noCrashKernel = "kexec-bls loads no crash kernel: use kdump, or kexec -p"

// letter is what to type for a letter of kexec(8), systemctl(1) or bootctl(1).
// rest are the other arguments.
func letter(c byte, rest []string) string {
	switch c {
	case 'l':
		return loadLine(rest)
	case 'f':
		return "use --force"
	case 'e', 'u', 'd', 'p', 's', 'c', 'a', 'S', 'i', 'o', 'y':
		long := map[byte]string{
			'e': "exec", 'u': "unload", 'd': "debug", 'p': "load-panic", 's': "kexec-file-syscall", 'c': "kexec-syscall",
			'a': "kexec-syscall-auto", 'S': "status", 'i': "ignore-inhibitors", 'o': "output", 'y': "yes",
		}
		return longFlag(long[c], "")
	case 't':
		return "the type of a kernel is detected; leave it out"
	case 'j':
		return "use --json"
	case 'V':
		return "use --version"
	}
	return ""
}

// loadLine is kexec -l with these arguments as a command of ours.
func loadLine(rest []string) string {
	var kernel string
	var flags []string
	for _, arg := range rest {
		switch {
		case strings.HasPrefix(arg, "--ramdisk="):
			flags = append(flags, "--initrd="+strings.TrimPrefix(arg, "--ramdisk="))
		case strings.HasPrefix(arg, "--"):
			flags = append(flags, arg)
		case kernel == "" && !strings.HasPrefix(arg, "-") && arg != "load":
			kernel = arg
		}
	}
	line := []string{"use kexec-bls load", "--linux=" + orName(kernel, "FILE")}
	if kernel == "" && len(flags) == 0 {
		flags = []string{"--initrd=FILE"}
	}
	for _, arg := range flags {
		line = append(line, shellQuoted(arg))
	}
	return strings.Join(line, " ")
}

// LoadFiles is the command that loads a kernel and an initrd, "" for none, with the
// running kernel's command line.
func LoadFiles(kernel, initrd string) string {
	line := "kexec-bls load --linux=" + shellQuoted(kernel)
	if initrd != "" {
		line += " --initrd=" + shellQuoted(initrd)
	}
	return line + " --reuse-cmdline"
}

func orName(value, name string) string {
	if value == "" {
		return name
	}
	return shellQuoted(value)
}

func equals(value string) string {
	if value == "" {
		return ""
	}
	return "=" + shellQuoted(value)
}

// shellQuoted is an argument as a shell takes it.
func shellQuoted(arg string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-=+:,@%", r)
	}
	if strings.TrimFunc(arg, plain) == "" {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

// owners are the commands that have a flag, without the program's name.
func owners(root *cobra.Command, flag string) []string {
	var names []string
	for _, cmd := range root.Commands() {
		if !cmd.Hidden && cmd.Name() != "hook" && cmd.LocalFlags().Lookup(flag) != nil {
			names = append(names, cmd.Name())
		}
	}
	return names
}
