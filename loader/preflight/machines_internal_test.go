package preflight

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestInRange(t *testing.T) {
	for _, c := range []struct {
		release, versions string
		want              bool
	}{
		{"6.12.53-talos", "6.12.53..6.12.57", true}, {"6.12.57", "6.12.53..6.12.57", true}, {"6.12.58", "6.12.53..6.12.57", false},
		{"6.12.52", "6.12.53..6.12.57", false}, {"6.12.57.1", "6.12.53..6.12.57", true}, {"6.12", "6.12.1..", false},
		{"6.12.3-arch1-1", "6.12", true}, {"6.1.3", "6.12", false}, {"6.13.0", "6.12", false}, {"6.12.0", "6.12.0", true},
		{"7.0.0", "6.12..", true}, {"6.11.9", "6.12..", false}, {"5.4.0-1", "..6.2", true}, {"6.3", "..6.2", false}, {"6.2.16", "..6.2", true},
		{"", "6.12", false}, {"6.12", "..", true},
	} {
		assert.Equal(t, c.want, inRange(c.release, c.versions), "%s in %s", c.release, c.versions)
	}
}
