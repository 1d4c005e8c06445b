package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func newConfig(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "print the merged configuration, and where each key is set",
		Long: `Print the configuration as it is merged from ` + configPath + `, the drop-ins in
` + configPath + `.d/ and those of vendors in /usr/lib/kexec-bls.toml.d/. The
output is such a file again; after each key stands the file and line that set
it.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return a.showConfig() },
	}
}

// A configSetting is an element of config --json.
type configSetting struct {
	Key     string   `json:"key"`
	Value   any      `json:"value"`
	Origin  *origin  `json:"origin"` // null: the default
	Type    string   `json:"type"`
	Default string   `json:"default"` // as TOML
	OneOf   []string `json:"oneOf,omitempty"`
	Text    string   `json:"description"`
}

func (a *app) showConfig() error {
	if a.flags.json != jsonOff {
		return a.json(a.flags.json, a.configSettings())
	}
	table := ""
	for _, k := range a.config.keys() {
		of, name, _ := strings.Cut(k.Name, ".")
		if of != table {
			if table != "" {
				a.print("")
			}
			a.print("[%s]", of)
			table = of
		}
		// A file's name may have any character, a comment must not.
		a.print("%s = %s # %s", name, k.toml(), strings.ReplaceAll(printable(a.origins[k.Name].String()), "\n", "\ufffd"))
	}
	return nil
}

func (a *app) configSettings() []configSetting {
	var settings []configSetting
	for _, k := range a.config.keys() {
		s := configSetting{Key: k.Name, Value: k.value.Interface(), Type: k.Type, Default: k.Default, OneOf: k.OneOf, Text: k.Text}
		if v, ok := s.Value.([]string); ok && v == nil {
			s.Value = []string{}
		}
		if o := a.origins[k.Name]; o.File != "" {
			s.Origin = &o
		}
		settings = append(settings, s)
	}
	return settings
}
