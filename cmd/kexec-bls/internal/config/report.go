package config

import (
	"strings"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
)

// A Report is config --json.
type Report struct {
	Schema   int       `json:"schema"`
	Settings []Setting `json:"settings"`
}

// A Setting is a key of the configuration.
type Setting struct {
	Key     string   `json:"key"`
	Value   any      `json:"value"`
	Origin  *string  `json:"origin"` // the file; null: the default
	Type    string   `json:"type"`
	Default string   `json:"default"` // as TOML
	OneOf   []string `json:"oneOf,omitempty"`
	Text    string   `json:"description"`

	toml string
}

// NewReport reports a configuration and where each key is set, for JSON of this
// schema.
func NewReport(c Config, origins Origins, schema int) *Report {
	standard := Default()
	defaults := standard.Keys()
	r := &Report{Schema: schema}
	for i, k := range c.Keys() {
		s := Setting{k.Name, k.Value(), nil, k.Type(), defaults[i].TOML(), k.OneOf, k.Text, k.TOML()}
		if file := origins[k.Name]; file != "" {
			s.Origin = &file
		}
		r.Settings = append(r.Settings, s)
	}
	return r
}

// Print writes the configuration as a file of its format.
func (r *Report) Print(ui *term.UI) {
	table := ""
	for _, s := range r.Settings {
		of, name, _ := strings.Cut(s.Key, ".")
		if of != table {
			if table != "" {
				ui.Print("")
			}
			ui.Print("[%s]", of)
			table = of
		}
		origin := "default"
		if s.Origin != nil {
			origin = *s.Origin
		}
		ui.Print("%s = %s # %s", name, s.toml, term.Printable(origin))
	}
}
