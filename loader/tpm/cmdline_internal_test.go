package tpm

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestParameters: as systemd's proc_cmdline_parse() splits a command line.
func TestParameters(t *testing.T) {
	for line, want := range map[string][]parameter{
		"":                       nil,
		" \t\n\r ":               nil,
		"quiet":                  {{"quiet", "", false}},
		"a=b":                    {{"a", "b", true}},
		"a=":                     {{"a", "", true}},
		"=b":                     {{"", "b", true}},
		"a=b=c":                  {{"a", "b=c", true}},
		"a  b\tc\nd\re":          {{"a", "", false}, {"b", "", false}, {"c", "", false}, {"d", "", false}, {"e", "", false}},
		`a="b c" d`:              {{"a", "b c", true}, {"d", "", false}},
		`a='b c' d`:              {{"a", "b c", true}, {"d", "", false}},
		`"a b=c d"`:              {{"a b", "c d", true}},
		`a="it's"`:               {{"a", "it's", true}},
		`a='say "x"'`:            {{"a", `say "x"`, true}},
		`a=b"c d"e`:              {{"a", "bc de", true}},
		`a="b`:                   {{"a", "b", true}},
		`""`:                     {{"", "", false}},
		`'' a`:                   {{"", "", false}, {"a", "", false}},
		"rd.luks-x.a-b=c-d_e":    {{"rd.luks_x.a_b", "c-d_e", true}},
		"a\vb":                   {{"a\vb", "", false}},
		"systemd.gpt-auto=0 -- ": {{"systemd.gpt_auto", "0", true}, {"__", "", false}},
	} {
		assert.Equal(t, want, parameters(line), "%q", line)
	}
}

// TestBooleans: the last value counts, the key alone is true where no value is there,
// and a value that is no boolean is as if none were (parse_boolean()).
func TestBooleans(t *testing.T) {
	type result struct{ value, set bool }
	yes, no, unset := result{true, true}, result{false, true}, result{}
	for line, want := range map[string]result{
		"": unset, "key": yes, "xkey=1": unset, "key=": unset, "key=maybe": unset, "key=2": unset, "key=10": unset,
		"key=1": yes, "key=yes": yes, "key=y": yes, "key=true": yes, "key=t": yes, "key=on": yes, "key=ON": yes, "key=Yes": yes,
		"key=0": no, "key=no": no, "key=n": no, "key=false": no, "key=f": no, "key=off": no, "key=OFF": no,
		"key=0 key=1": yes, "key=1 key=0": no, "key=1 key=maybe": unset, "key key=0": no, "key=0 key": no, "key=1 other=0": yes,
	} {
		value, set := boolean(line, "key")
		assert.Equal(t, want, result{value, set}, line)
	}
}

func TestValuesOfAKey(t *testing.T) {
	assert.Equal(t, []string{"1", "", "b c"}, values(`key=1 other=2 key= key "key=b c"`, "key"))
	assert.Empty(t, values("key other=key=1", "key"))
	assert.Equal(t, []string{"x"}, values("a-b=x", "a_b"))
	assert.Empty(t, values("a_b=x", "a-b"), "keys are asked for with underscores")
}

// TestMaskedUnits: a name without a suffix is that of a service.
func TestMaskedUnits(t *testing.T) {
	for line, want := range map[string]bool{
		"mask=a.service": true, "mask=a": true, "mask=b mask=a": true, "mask=a.socket": false, "mask": false, "mask=": false, "mask=a.service.service": false,
		"rd.mask=a": false, "mask=A": false, "mask=b,a": false,
	} {
		assert.Equal(t, want, masked(line, "mask", "a.service"), line)
	}
}
