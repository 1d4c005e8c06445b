package config

import (
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{"1": 1, "3K": 3 << 10, "512M": 512 << 20, "8G": 8 << 30, "1T": 1 << 40} {
		got, err := ParseSize(s)
		require.NoError(t, err, s)
		assert.Equal(t, want, got, s)
	}
	for _, s := range []string{"", "0", "-1", "G", "1KK", "1k", "1.5G", "9223372036854775807K", "1 G"} {
		_, err := ParseSize(s)
		assert.Error(t, err, s)
	}
}

func TestUnpackLimit(t *testing.T) {
	var c Config
	assert.Zero(t, c.UnpackLimit())
	c.Initrd.Limit = "8G"
	assert.Equal(t, int64(8<<30), c.UnpackLimit())
}

// TestKeysAreDescribed checks what the manual page is made from.
func TestKeysAreDescribed(t *testing.T) {
	c := Default()
	types := map[string]int{}
	for _, k := range c.Keys() {
		types[k.Type()]++
		assert.Regexp(t, `^[a-z]+\.[a-z_]+$`, k.Name)
		assert.Regexp(t, `^[A-Z].*\.$`, k.Text, k.Name)
		table, name, _ := strings.Cut(k.Name, ".")
		var tree map[string]map[string]any
		_, err := toml.Decode("["+table+"]\n"+name+" = "+k.TOML(), &tree)
		require.NoError(t, err, "the default of %s is TOML", k.Name)
		assert.NoError(t, k.set(tree[table][name]), "and is a value of its type")
	}
	assert.Equal(t, map[string]int{"list of strings": 5, "boolean": 2, "string": 3}, types)
}

// TestKeysShareTheConfig: what is set through a key is in the Config.
func TestKeysShareTheConfig(t *testing.T) {
	c := Default()
	for _, k := range c.Keys() {
		value := map[string]any{"list of strings": []any{k.Name}, "boolean": true, "string": "1M"}[k.Type()]
		switch {
		case k.OneOf != nil:
			value = k.OneOf[1]
		case k.ids:
			assert.ErrorContains(t, k.set(value), `no finding has the id "check.ignore"`)
			value = []any{"memory", "all"}
		}
		require.NoError(t, k.set(value), k.Name)
	}
	var want Config
	want.Cmdline.Append, want.Cmdline.Remove = []string{"cmdline.append"}, []string{"cmdline.remove"}
	want.Initrd.Flat, want.Initrd.EarlyFirst, want.Initrd.Limit = true, true, "1M"
	want.TPM.MeasuredOS = MeasuredOSAuto
	want.Check.Ignore, want.GPU.Modules, want.Hook.Policy = []string{"memory", "all"}, []string{"gpu.modules"}, PolicyLoad
	want.Try.Healthy = []string{"try.healthy"}
	assert.Equal(t, want, c)
}

func TestKeyTOML(t *testing.T) {
	for want, list := range map[string][]string{
		`[]`:                                  nil,
		`["a=\"b\"", "c\\d"]`:                 {`a="b"`, `c\d`},
		`["\U0000001B\U0000000A\U0000202Eü"]`: {"\x1b\n\u202eü"},
	} {
		c := Config{}
		c.Cmdline.Append = list
		k := c.Keys()[0]
		assert.Equal(t, want, k.TOML())
		assert.NotNil(t, k.Value(), "an empty list, not null")
		var again struct{ V []string }
		_, err := toml.Decode("V = "+k.TOML(), &again)
		require.NoError(t, err)
		assert.Equal(t, append([]string{}, list...), append([]string{}, again.V...), "TOML reads it back")
	}
}
