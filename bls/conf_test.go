package bls_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/bls"
)

func TestParseLoaderConf(t *testing.T) {
	for text, want := range map[string]bls.LoaderConf{
		"":                                    {},
		"default arch*\npreferred b.conf\n":   {Default: "arch*", Preferred: "b.conf"},
		"default a\ndefault b\n":              {Default: "b"},
		"default a\ndefault @foo\n":           {Default: "a"},
		"default @SAVED\npreferred @saved\n":  {Default: "@SAVED", Preferred: "@saved"},
		"default \"c.conf\"\n":                {Default: "c.conf"},
		"default\n":                           {},
		"Default a\n#default b\n  default c ": {Default: "c"},
		"timeout 3\r\ndefault d\rbeep yes":    {Default: "d"},
	} {
		got, _ := bls.ParseLoaderConf("loader.conf", []byte(text))
		assert.Equal(t, want, got, "%q", text)
	}
	conf, problems := bls.ParseLoaderConf("loader.conf", []byte("editor\ndefault=arch.conf\n"))
	assert.Empty(t, conf)
	if assert.Len(t, problems, 1) {
		assert.EqualError(t, problems[0], `loader.conf:2: default=arch.conf: a key and its value are parted by a blank, not by "="; ignored`)
	}
	_, problems = bls.ParseLoaderConf("loader.conf", []byte("timeout 3\nrandom-seed-mode off\ndefault @x\n"))
	if assert.Len(t, problems, 2) {
		assert.EqualError(t, problems[0], "loader.conf:2: random-seed-mode: unknown key, ignored")
		assert.EqualError(t, problems[1], `loader.conf:3: default: "@x" is not known, only @saved is; ignored`)
	}
}

func FuzzParseLoaderConf(f *testing.F) {
	f.Add([]byte("default arch*\npreferred @saved\ntimeout 3\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		conf, _ := bls.ParseLoaderConf("loader.conf", data)
		again, problems := bls.ParseLoaderConf("loader.conf", []byte("default "+conf.Default+"\npreferred "+conf.Preferred+"\n"))
		if conf.Default != "" && conf.Preferred != "" && conf.Default[0] != '"' && conf.Preferred[0] != '"' && (again != conf || len(problems) > 0) {
			t.Errorf("%+v became %+v, %v", conf, again, problems)
		}
	})
}
