package main

import (
	"cmp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/config"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
)

func newConfig(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Print the merged configuration, and where each key is set",
		Long: `Print the configuration as it is merged from ` + config.File + `, the drop-ins in
` + config.File + `.d/ and those of vendors in /usr/lib/kexec-bls.toml.d/. The
output is such a file again; after each key is the file that set it.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return a.showConfig() },
	}
}

// A configSetting is an element of config --json.
type configSetting struct {
	Key     string   `json:"key"`
	Value   any      `json:"value"`
	Origin  *string  `json:"origin"` // the file; null: the default
	Type    string   `json:"type"`
	Default string   `json:"default"` // as TOML
	OneOf   []string `json:"oneOf,omitempty"`
	Text    string   `json:"description"`
}

// A configReport is config --json.
type configReport struct {
	Schema   int             `json:"schema"`
	Settings []configSetting `json:"settings"`
}

func (a *app) showConfig() error {
	if done, err := a.json(a.configSettings()); done {
		return err
	}
	table := ""
	for _, k := range a.config.Keys() {
		of, name, _ := strings.Cut(k.Name, ".")
		if of != table {
			if table != "" {
				a.Print("")
			}
			a.Print("[%s]", of)
			table = of
		}
		a.Print("%s = %s # %s", name, k.TOML(), term.Printable(cmp.Or(a.origins[k.Name], "default")))
	}
	return nil
}

func (a *app) configSettings() configReport {
	standard := config.Default()
	defaults := standard.Keys()
	r := configReport{Schema: 2}
	for i, k := range a.config.Keys() {
		s := configSetting{Key: k.Name, Value: k.Value(), Type: k.Type(), Default: defaults[i].TOML(), OneOf: k.OneOf, Text: k.Text}
		if file := a.origins[k.Name]; file != "" {
			s.Origin = &file
		}
		r.Settings = append(r.Settings, s)
	}
	return r
}
