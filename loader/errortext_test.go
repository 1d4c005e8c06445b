package loader_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader"
)

// TestErrorsThatListFindings: the first line says what did not happen, then each
// finding has a line of its own.
func TestErrorsThatListFindings(t *testing.T) {
	one := loader.Finding{ID: "memory", Severity: loader.SeverityError, Text: "too little memory"}
	two := loader.Finding{ID: "hibernation", Severity: loader.SeverityError, Text: "an image", Hint: "resume it"}
	blocked := loader.BlockedError{Name: "a.conf", Findings: []loader.Finding{one}}
	assert.Equal(t, "not rebooting into a.conf, 1 blocker", blocked.Summary())
	assert.EqualError(t, &blocked, "not rebooting into a.conf, 1 blocker:\n  "+one.String())
	blocked.Findings = append(blocked.Findings, two)
	assert.EqualError(t, &blocked, "not rebooting into a.conf, 2 blockers:\n  "+one.String()+"\n  "+two.String())
	lossy := loader.LossyError{Name: "a.conf", Findings: []loader.Finding{two, one}}
	assert.Equal(t, "a.conf: the kernel would lose files of the initrd", lossy.Summary())
	assert.EqualError(t, &lossy, lossy.Summary()+":\n  "+two.String()+"\n  "+one.String())
	assert.EqualError(t, &loader.MemoryError{Name: "a.conf", Finding: one}, "a.conf: too little memory")
	assert.EqualError(t, &loader.MissedError{Finding: two}, "an image")
}

// TestBlocking: errors alone end a reboot, in their order, and only as long as they
// are not ignored.
func TestBlocking(t *testing.T) {
	found := []loader.Finding{
		{ID: "a", Severity: loader.SeverityError}, {ID: "b", Severity: loader.SeverityWarning}, {ID: "c", Severity: loader.SeverityInfo}, {ID: "d", Severity: loader.SeverityError},
	}
	for name, c := range map[string]struct {
		ignore []loader.FindingID
		want   string
	}{
		"none is ignored": {nil, "ad"}, "one is": {[]loader.FindingID{"a"}, "d"}, "a warning is": {[]loader.FindingID{"b"}, "ad"},
		"two are": {[]loader.FindingID{"d", "x", "a"}, ""}, "all are": {[]loader.FindingID{loader.AllFindings}, ""},
	} {
		ids := ""
		for _, f := range loader.Blocking(found, c.ignore...) {
			ids += string(f.ID)
		}
		assert.Equal(t, c.want, ids, name)
	}
}

// TestReasonsInOneLine: kernel parameters that follow each other have one beginning.
func TestReasonsInOneLine(t *testing.T) {
	added := func(p string) loader.Reason {
		return loader.Reason{ID: loader.ReasonAdded, Text: "command line: + " + p, Parameter: loader.Text(p)}
	}
	removed := loader.Reason{ID: loader.ReasonRemoved, Text: "command line: - c", Parameter: "c"}
	other := loader.Reason{ID: loader.ReasonModules, Text: "modules are gone", Hint: "install them"}
	for name, c := range map[string]struct {
		reasons loader.Reasons
		want    string
	}{
		"none":                  {nil, ""},
		"one":                   {loader.Reasons{added("a")}, "command line: + a"},
		"two parameters":        {loader.Reasons{added("a"), added("b")}, "command line: + a + b"},
		"added and removed":     {loader.Reasons{removed, added("a"), removed}, "command line: - c + a - c"},
		"something in between":  {loader.Reasons{added("a"), other, added("b")}, "command line: + a; modules are gone; install them; command line: + b"},
		"a parameter at an end": {loader.Reasons{other, removed}, "modules are gone; install them; command line: - c"},
	} {
		assert.Equal(t, c.want, c.reasons.String(), name)
		lines := c.reasons.Lines()
		assert.Len(t, lines, len(c.reasons), name)
		for i, r := range c.reasons {
			assert.Equal(t, r.String(), lines[i], name)
		}
	}
}

// TestFormatAtTheBounds: at, and one before, the number where another unit begins.
func TestFormatAtTheBounds(t *testing.T) {
	for n, want := range map[int64]string{
		1: "1 B", 11<<10 - 1: "10 KiB", 1<<20 + 1<<19: "1.5 MiB", 10<<20 - 1: "10.0 MiB", 11<<20 - 1: "10 MiB",
		10<<30 - 1: "10239 MiB", 10 << 30: "10 GiB", 1<<63 - 1: "8589934591 GiB",
	} {
		assert.Equal(t, want, loader.FormatSize(n))
	}
	for d, want := range map[time.Duration]string{
		time.Second - 1: "0", time.Second: "1s", time.Minute - 1: "59s", time.Minute: "1min", time.Hour - 1: "59min 59s", time.Hour: "1h",
		25*time.Hour + time.Minute + time.Second: "25h 1min 1s", -time.Minute: "0",
	} {
		assert.Equal(t, want, loader.FormatSpan(d))
	}
}

// TestTryInOneLine also where nothing is there to return to.
func TestTryInOneLine(t *testing.T) {
	try := loader.Try{Entry: "a.conf", Watchdog: "panic= alone", Limit: 90 * time.Second}
	assert.Equal(t, "trying a.conf: returns to nothing by panic= alone within 1min 30s unless boot-complete.target is reached", try.String())
}
