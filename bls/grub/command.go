package grub

import (
	"strings"
)

// A call is a command as it runs.
type call struct {
	name   string
	args   []string
	before status // of the command before it
}

// simple runs a command, a function or an assignment.
func (r *runner) simple(c *command) error {
	args, err := r.arguments(c.words)
	if err != nil {
		return r.blame(err)
	}
	not := false
	for len(args) > 0 && (args[0] == "!" || args[0] == "time") {
		not = not != (args[0] == "!")
		args = args[1:]
	}
	if len(args) == 0 {
		r.status = statusOf(!not)
		return nil
	}
	if name, _, _ := strings.Cut(args[0], "="); isUnknown(name) {
		return r.undetermined("the name of a command depends on what is not known here")
	}
	if c.block != nil && !member(args[0], "menuentry submenu") {
		args = append(args, "{"+*c.block+"}")
	}
	before := r.status
	r.status = success
	err = r.dispatch(call{args[0], args[1:], before})
	if not && r.status != cannotKnow {
		r.status = success + failure - r.status
	}
	return err
}

// blame makes an error of an expansion one of the script's.
func (r *runner) blame(err error) error {
	if err == errTooLong { //nolint:errorlint // it is never wrapped
		return r.undetermined("%w", err)
	}
	return err
}

func (r *runner) dispatch(c call) error {
	if run := r.handler(c.name); run != nil {
		return run(c)
	}
	if f := r.funcs[c.name]; f != nil {
		return r.call(f, c.args)
	}
	if name, value, ok := strings.Cut(c.name, "="); ok {
		return r.set(name, value)
	}
	return r.other(c)
}

// handler returns what runs a command that decides something.
func (r *runner) handler(name string) func(call) error {
	switch name {
	case "set", "unset", "export", "increment", "decrement", "setparams", "shift":
		return r.variables
	case "true", "false", "return", "break", "continue":
		return r.control
	case "[", "test":
		return r.test
	case "source", ".", "configfile":
		return r.source
	case "load_env", "save_env", "list_env":
		return r.environment
	case "search", "search.fs_uuid", "search.fs_label", "search.file":
		return r.search
	case "insmod":
		return r.insmod
	case "blscfg", "bls_import", "uki":
		return r.blscfg
	case "menuentry", "submenu":
		return r.menuentry
	case "linux", "linuxefi", "linux16", "initrd", "initrdefi", "initrd16", "chainloader":
		return r.load
	case "fwsetup":
		return r.fwsetup
	}
	return nil
}

func (r *runner) control(c call) error {
	switch c.name {
	case "false":
		r.status = failure
	case "return":
		n, ok := optional(c.args, 0)
		if !ok || !r.scoped() {
			r.status = failure
			return nil
		}
		r.flow, r.status = leave, statusOf(n == 0)
		if len(c.args) == 0 {
			r.status = c.before
		}
	case "break", "continue":
		n, ok := optional(c.args, 1)
		if !ok || n == 0 {
			r.status = failure
			return nil
		}
		if r.breaks = min(n, r.loops); r.breaks > 0 {
			r.flow = map[bool]flow{true: breakLoop, false: nextRound}[c.name == "break"]
		}
	}
	return nil
}

// optional reads the number that a command may have as its only argument.
func optional(args []string, otherwise int) (n int, ok bool) {
	switch len(args) {
	case 0:
		return otherwise, true
	case 1:
		n, ok = atoi(args[0])
		return n, ok && n >= 0
	}
	return 0, false
}

func (r *runner) variables(c call) error {
	switch c.name {
	case "setparams":
		if r.status = statusOf(r.scoped()); r.status == success {
			r.params = c.args
		}
		return nil
	case "shift":
		n, ok := optional(c.args, 1)
		if r.status = statusOf(!r.scoped() || ok && n <= len(r.params)); r.status == success && r.scoped() {
			r.params = r.params[n:]
		}
		return nil
	}
	if len(c.args) == 0 {
		r.status = statusOf(c.name == "set")
		return nil
	}
	name, value, assigned := strings.Cut(c.args[0], "=")
	switch {
	case c.name == "set" && assigned:
		return r.set(name, value)
	case c.name == "set":
		r.status = failure
	case c.name == "unset":
		delete(r.vars, c.args[0])
	case c.name == "export":
		for _, name := range c.args {
			r.exported[name] = true
		}
	default:
		return r.count(c)
	}
	return nil
}

// count runs increment and decrement.
func (r *runner) count(c call) error {
	value, set := r.get(c.args[0])
	if isUnknown(value) {
		return r.set(c.args[0], unknown)
	}
	n, _ := atoi(strings.TrimLeft(value, " "))
	if !set || len(c.args) != 1 {
		r.status = failure
		return nil
	}
	if c.name == "increment" {
		return r.set(c.args[0], itoa(n+1))
	}
	return r.set(c.args[0], itoa(n-1))
}

// insmod succeeds; which module is asked for shows which GRUB this is.
func (r *runner) insmod(c call) error {
	for _, name := range c.args {
		switch {
		case r.flavor != Auto:
		case name == "blscfg":
			r.flavor = Fedora
		case name == "blsuki":
			r.flavor = Upstream
		}
	}
	return nil
}

func (r *runner) fwsetup(c call) error {
	if len(c.args) == 1 && c.args[0] == "--is-supported" {
		r.status = statusOf(r.m.FirmwareSetup)
		return nil
	}
	return r.undetermined("%s runs outside of a menu entry", c.name)
}

// other runs what has no effect on what boots. A name that is not known is an
// error message of GRUB's in an entry; in grub.cfg it could be anything.
func (r *runner) other(c call) error {
	switch c.name {
	case "keystatus", "sleep": // nobody presses a key
		r.status = statusOf(c.name == "keystatus" && len(c.args) == 0 || c.name == "sleep")
		return nil
	case "hwmatch": // of Debian and Ubuntu
		r.status = cannotKnow
		return r.set("match", unknown)
	case "regexp", "probe", "smbios", "cpuid", "getenv", "file", "cmp", "inb", "inw", "inl", "pcidump", "rdmsr", "setpci", "hashsum", "read", "efivar", "get_default_entry":
		r.status = cannotKnow
		return r.setUnknown(c.args)
	case "devicetree": // there is no such command on x86
		r.status = failure
		return nil
	}
	switch {
	case isHarmless(c.name):
		return nil
	case r.loading != nil && !isCommand(c.name):
		return nil
	}
	return r.undetermined("the effect of command %s is not known here", clip(c.name))
}

// setUnknown marks the variables that a command sets as unknown.
func (r *runner) setUnknown(args []string) error {
	for i, a := range args {
		name, ok := strings.CutPrefix(a, "--set=")
		if !ok && (a == "--set" || a == "-s") && i+1 < len(args) {
			name, ok = args[i+1], true
		}
		if _, after, found := strings.Cut(name, ":"); found { // regexp --set=1:name
			name = after
		}
		if ok {
			if err := r.set(name, unknown); err != nil {
				return err
			}
		}
	}
	return nil
}

// isHarmless reports whether a command changes nothing of what boots.
func isHarmless(name string) bool {
	return member(name, `load_video loadfont terminal_input terminal_output terminal serial echo clear cls play
		background_image background_color videoinfo videomode gettext rmmod password password_pbkdf2 authenticate
		cryptomount loopback nativedisk lsmod ls cat hdparm keymap outb outw outl date usb ehci uhci ohci
		trust distrust list_trusted verify_detached help version lspci lsacpi lsefi lsefisystab lsmmap
		module_list badram cutmem stall beep net_bootp net_dhcp net_add_addr net_add_route net_add_dns`)
}

// isCommand reports whether GRUB has a command of this name that is not
// handled here.
func isCommand(name string) bool {
	return member(name, `acpi all_functional_test appleloader boot cbfs chain cpuid crc cryptocheck cmosclean cmosdump
		cmosset cmostest coreboot drivemap dump eval exit extract_entries_configfile extract_entries_source
		extract_legacy_entries_configfile extract_legacy_entries_source extract_syslinux_entries_configfile
		extract_syslinux_entries_source falcon fakebios fix_video freedos getkey gptsync halt hiddenentry
		kfreebsd knetbsd kopenbsd legacy_configfile legacy_source loadbios lua macppcbless module module2
		multiboot multiboot2 normal normal_exit ntldr parttool plan9 pxechain reboot sendkey syslinux_configfile
		syslinux_source tpm write_bytes xen_hypervisor xen_module xen_linux xen_initrd read_byte write_byte
		write_word write_dword bless efi-watchdog suspend minicmd kloadenv extcmd bootmgr`)
}
