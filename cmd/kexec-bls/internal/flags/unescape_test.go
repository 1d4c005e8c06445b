package flags

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestUnescape(t *testing.T) {
	for name, want := range map[string]string{
		"arch.conf":                  "arch.conf",
		"arch-linux.conf":            "arch-linux.conf",
		`arch\x2dlinux.conf`:         "arch-linux.conf",
		`6.1\x2b3\x2dx`:              "6.1+3-x",
		`a\x`:                        `a\x`,
		`a\x2`:                       `a\x2`,
		`a\xzz\x2d`:                  `a\xzz-`,
		`\x40oneshot`:                "@oneshot",
		`caf\xc3\xa9`:                "café",
		"":                           "",
		`debian-6.12.1-1-amd64.conf`: "debian-6.12.1-1-amd64.conf",
	} {
		assert.Equal(t, want, Unescape(name))
	}
}
