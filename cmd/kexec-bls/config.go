package main

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

const configPath = "/etc/kexec-bls.toml"

// vendorConfigDirs stand behind /etc, as systemd orders them.
func vendorConfigDirs() []string { return []string{"/run", "/usr/local/lib", "/usr/lib"} }

// config is the merged configuration. The zero value changes nothing. It is
// the one place that knows a key: the tag toml has its name, text a sentence
// for users, oneof the words it may be, the first of them the default, form how it reads.
type config struct {
	Cmdline struct {
		Append []string `toml:"append" text:"Words that are put at the end of every command line."`
		Remove []string `toml:"remove" text:"Keys whose words are taken out of every command line."`
	} `toml:"cmdline"`
	Initrd struct {
		Flat       bool   `toml:"flat" text:"Unpack all initrds into one uncompressed archive, as --flat does."`
		EarlyFirst bool   `toml:"early_first" text:"Move archives that are read early (microcode, ACPI tables) to the front, as --early-first does."`
		Limit      string `toml:"limit" form:"size" text:"How much compressed initrds may unpack to together, such as 512M or 8G; empty is half of the available memory, 4G at most."`
	} `toml:"initrd"`
	Check struct {
		Ignore []string `toml:"ignore" text:"IDs of findings of check and of the initrd walk that do not end a load or a reboot, as --ignore does; all is every one."`
	} `toml:"check"`
	Hook struct {
		Policy string `toml:"policy" oneof:"notify load off" text:"What the hooks of package managers do after an upgrade: say when the next boot would differ, load it too, or nothing."`
	} `toml:"hook"`
	GPU struct {
		Modules []string `toml:"modules" text:"Kernel modules that kexec-bls-gpu.service unloads before a kexec, in this order, and then nvidia's."`
	} `toml:"gpu"`
}

// What hook.policy can be.
const (
	policyNotify = "notify"
	policyLoad   = "load"
	policyOff    = "off"
)

// A configKey describes a key of the configuration, for the verb config and
// for the manual.
type configKey struct {
	Name    string // "cmdline.append"
	Type    string // as the manual has it: "list of strings", "boolean", "string"
	Default string // as TOML: "[]", "false", "\"notify\""
	OneOf   []string
	Size    bool   // a number of bytes, or empty
	Text    string // a sentence
	value   reflect.Value
}

// configKeys describes every key, in the order of the struct.
func configKeys() []configKey { return new(config).keys() }

// keys are all keys with their values in c.
func (c *config) keys() []configKey {
	var keys []configKey
	tables := reflect.ValueOf(c).Elem()
	for i := range tables.NumField() {
		table, name := tables.Field(i), tables.Type().Field(i).Tag.Get("toml")
		for j := range table.NumField() {
			field := table.Type().Field(j)
			k := configKey{
				Name: name + "." + field.Tag.Get("toml"), Text: field.Tag.Get("text"),
				OneOf: strings.Fields(field.Tag.Get("oneof")), Size: field.Tag.Get("form") == "size", value: table.Field(j),
			}
			k.Type, k.Default = k.describe()
			keys = append(keys, k)
		}
	}
	return keys
}

func (k *configKey) describe() (kind, standard string) {
	switch k.value.Kind() {
	case reflect.Bool:
		return "boolean", "false"
	case reflect.Slice:
		return "list of strings", "[]"
	}
	if len(k.OneOf) > 0 {
		return "string", quoted(k.OneOf[0])
	}
	return "string", `""`
}

// toml writes the value as TOML.
func (k *configKey) toml() string {
	switch v := k.value.Interface().(type) {
	case []string:
		words := make([]string, len(v))
		for i, w := range v {
			words[i] = quoted(w)
		}
		return "[" + strings.Join(words, ", ") + "]"
	case string:
		return quoted(v)
	default:
		return fmt.Sprint(v)
	}
}

// quoted is a basic string of TOML 1.0.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r >= 0x7f && r < 0xa0:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// complete gives what is not set its default, where that is not the zero value.
func (c *config) complete() {
	for _, k := range c.keys() {
		if len(k.OneOf) > 0 && k.value.String() == "" {
			k.value.SetString(k.OneOf[0])
		}
	}
}

// wrong says what is wrong with the value; "" when nothing is.
func (k *configKey) wrong() string {
	if len(k.OneOf) > 0 && !slices.Contains(k.OneOf, k.value.String()) {
		return fmt.Sprintf("must be %s, not %s", strings.Join(k.OneOf, ", "), k.toml())
	}
	if k.Size && k.value.String() != "" {
		if _, err := parseSize(k.value.String()); err != nil {
			return err.Error()
		}
	}
	return ""
}

// parseSize reads a number of bytes with an optional suffix K, M, G or T,
// powers of 1024.
func parseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "KMGT")
	shift := map[string]int{"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
	bits, known := shift[s[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || n <= 0 || n > math.MaxInt64>>bits {
		return 0, fmt.Errorf("must be a number of bytes such as 512M or 8G, not %q", s)
	}
	return n << bits, nil
}
