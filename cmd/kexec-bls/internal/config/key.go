package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kexec-bls/kexec-bls/loader"
)

// A Key describes a key of the configuration, for the verb config and for the
// manual page.
type Key struct {
	Name  string   // "cmdline.append"
	Text  string   // a sentence: what the key does
	OneOf []string // the values it can have; nil: any
	size  bool     // a number of bytes, or empty
	ids   bool     // IDs of findings
	field any      // of a Config: *[]string, *bool or *string
}

// Keys returns every key, with its value in c.
func (c *Config) Keys() []Key {
	return []Key{
		{Name: "cmdline.append", field: &c.Cmdline.Append,
			Text: "Kernel parameters that are added at the end of every command line."},
		{Name: "cmdline.remove", field: &c.Cmdline.Remove,
			Text: "Names of kernel parameters that are removed from every command line."},
		{Name: "initrd.flat", field: &c.Initrd.Flat,
			Text: "Unpack all initrds into one uncompressed archive, as --flat does."},
		{Name: "initrd.early_first", field: &c.Initrd.EarlyFirst,
			Text: "Move archives that are read early (microcode, ACPI tables) to the front, as --early-first does."},
		{Name: "initrd.limit", field: &c.Initrd.Limit, size: true,
			Text: "How much compressed initrds may unpack to together, such as 512M or 8G; empty is half of the available memory, 4G at most."},
		{Name: "check.ignore", field: &c.Check.Ignore, ids: true,
			Text: "IDs of findings of check and of the initrd walk that do not prevent a load or a reboot, as --ignore does; all is every one."},
		{Name: "hook.policy", field: &c.Hook.Policy, OneOf: []string{PolicyNotify, PolicyLoad, PolicyOff},
			Text: "What the hooks of package managers do after an upgrade: print when the next boot would differ, load it too, or nothing."},
		{Name: "gpu.modules", field: &c.GPU.Modules,
			Text: "Kernel modules that kexec-bls-gpu.service unloads before a kexec, in this order, and then nvidia's."},
		{Name: "tpm.measured_os", field: &c.TPM.MeasuredOS, OneOf: []string{MeasuredOSOff, MeasuredOSAuto},
			Text: "Add systemd.tpm2_measured_os=no to the command line where the TPM opens a volume only with it; that boot is not measured, which attestation sees."},
		{Name: "try.healthy", field: &c.Try.Healthy,
			Text: "A command and its arguments: a trial succeeds once it exits with 0, and not when boot-complete.target is reached. It is repeated until then."},
	}
}

// Type returns the type of the key as the manual page has it.
func (k Key) Type() string {
	switch k.field.(type) {
	case *[]string:
		return "list of strings"
	case *bool:
		return "boolean"
	}
	return "string"
}

// Value returns the value: a []string that is not nil, a bool or a string.
func (k Key) Value() any {
	switch v := k.field.(type) {
	case *[]string:
		return append([]string{}, *v...)
	case *bool:
		return *v
	case *string:
		return *v
	}
	return nil
}

// TOML returns the value as TOML.
func (k Key) TOML() string {
	switch v := k.Value().(type) {
	case []string:
		items := make([]string, len(v))
		for i, s := range v {
			items[i] = quoted(s)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case string:
		return quoted(v)
	default:
		return fmt.Sprint(v)
	}
}

// quoted is a basic string of TOML 1.0 that is safe on a terminal: what is not
// printable is escaped.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\U%08X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// set takes a value as the TOML parser returns it.
func (k Key) set(value any) error {
	switch field := k.field.(type) {
	case *[]string:
		list, ok := value.([]any)
		texts := make([]string, len(list))
		for i, item := range list {
			text, is := item.(string)
			texts[i], ok = text, ok && is
		}
		if ok {
			*field = texts
			return k.checkIDs(texts)
		}
	case *bool:
		if v, ok := value.(bool); ok {
			*field = v
			return nil
		}
	case *string:
		if v, ok := value.(string); ok {
			*field = v
			return k.check(v)
		}
	}
	return fmt.Errorf("must be a %s", k.Type())
}

// check returns what is wrong with a string.
func (k Key) check(value string) error {
	if k.OneOf != nil && !slices.Contains(k.OneOf, value) {
		return fmt.Errorf("must be one of %s; got %q", strings.Join(k.OneOf, ", "), value)
	}
	if k.size && value != "" {
		_, err := ParseSize(value)
		return err
	}
	return nil
}

// checkIDs refuses an ID that no finding has.
func (k Key) checkIDs(ids []string) error {
	if !k.ids {
		return nil
	}
	for _, id := range ids {
		if _, err := loader.ParseFinding(id); err != nil {
			return err
		}
	}
	return nil
}
