package plan

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

// FuzzStubInitrds holds that each name is what the stub could read, and that a
// line made of the names has the same ones.
func FuzzStubInitrds(f *testing.F) {
	f.Add(`initrd=\a.img initrd=/b initrd=initrd=c quiet`)
	f.Add("initrd=")
	f.Add("xinitrd=\xff\\/\n")
	f.Fuzz(func(t *testing.T, line string) {
		names := stubInitrds(line)
		assert.Equal(t, strings.Contains(line, "initrd="), len(names) > 0)
		var again strings.Builder
		for _, name := range names {
			assert.NotContains(t, name, " ")
			assert.NotContains(t, name, `\`)
			assert.False(t, strings.HasPrefix(name, "/"))
			assert.LessOrEqual(t, utf8.RuneCountInString(name), maxStubName)
			again.WriteString(`initrd=\` + name + " ")
		}
		assert.Equal(t, names, stubInitrds(again.String()))
	})
}
