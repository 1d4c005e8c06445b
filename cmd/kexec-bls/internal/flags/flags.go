// Package flags has the types of flag values that pflag has not: the fields of a
// loader.Request, and time spans. Each is a pflag.Value.
package flags

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
)

// Texts is a flag that is repeated.
type Texts []loader.Text

// String is the last of the texts.
func (t *Texts) String() string {
	if len(*t) == 0 {
		return ""
	}
	return string((*t)[len(*t)-1])
}

// Set adds a text.
func (t *Texts) Set(text string) error {
	*t = append(*t, loader.Text(text))
	return nil
}

// Type names the value in the help text.
func (t *Texts) Type() string { return "TEXT" }

// Optional is a flag of which it matters whether it was given: Of is nil until
// then.
type Optional struct{ Of **loader.Text }

// String is the text, "" for none.
func (o Optional) String() string {
	if o.Of == nil || *o.Of == nil {
		return ""
	}
	return string(**o.Of)
}

// Set takes a text.
func (o Optional) Set(text string) error {
	t := loader.Text(text)
	*o.Of = &t
	return nil
}

// Type names the value in the help text.
func (o Optional) Type() string { return "TEXT" }

// IDs is a flag with the IDs of findings, separated by commas or repeated.
type IDs []loader.FindingID

// String is the value as it could be given.
func (i *IDs) String() string {
	texts := make([]string, len(*i))
	for n, id := range *i {
		texts[n] = string(id)
	}
	return strings.Join(texts, ",")
}

// Set adds IDs that exist.
func (i *IDs) Set(text string) error {
	for name := range strings.SplitSeq(text, ",") {
		id, err := loader.ParseFinding(name)
		if err != nil {
			return err
		}
		*i = append(*i, id)
	}
	return nil
}

// Type names the value in the help text.
func (i *IDs) Type() string { return "ID" }

// Syscall is the name of a system call, "" for none.
type Syscall string

// String is the name.
func (s *Syscall) String() string { return string(*s) }

// Set takes one of the three.
func (s *Syscall) Set(text string) error {
	switch kexec.Syscall(text) {
	case kexec.Auto, kexec.File, kexec.Classic:
		*s = Syscall(text)
		return nil
	}
	return fmt.Errorf("must be one of %s, %s, %s; got %q", kexec.Auto, kexec.File, kexec.Classic, text)
}

// Type names the value in the help text.
func (s *Syscall) Type() string { return "CALL" }

// Timespan is a time span as systemd.time(7) has it: "3min", "90s", "1h 30min",
// or a number of seconds. Min and Max are its bounds.
type Timespan struct {
	time.Duration
	Min, Max time.Duration
}

// String is the time span, "" for 0.
func (f *Timespan) String() string {
	if f.Duration == 0 {
		return ""
	}
	return loader.FormatSpan(f.Duration)
}

// Set takes a time span within the bounds.
func (f *Timespan) Set(text string) error {
	span, err := parseSpan(text)
	if err != nil {
		return fmt.Errorf("must be a time span such as 3min; got %q", text)
	}
	if span < f.Min || span > f.Max {
		return fmt.Errorf("must be between %s and %s; got %q", loader.FormatSpan(f.Min), loader.FormatSpan(f.Max), text)
	}
	f.Duration = span
	return nil
}

// Type names the value in the help text.
func (f *Timespan) Type() string { return "TIME" }

// IsTimespan reports whether a text is a time span with a unit.
func IsTimespan(text string) bool {
	_, err := parseSpan(text)
	return err == nil && strings.ContainsAny(text, "smh")
}

func parseSpan(text string) (sum time.Duration, err error) {
	units := map[string]time.Duration{
		"": time.Second, "s": time.Second, "sec": time.Second, "m": time.Minute, "min": time.Minute, "h": time.Hour, "hr": time.Hour,
	}
	part := regexp.MustCompile(`^([0-9]{1,5})([a-z]*)`)
	for rest := strings.ReplaceAll(text, " ", ""); rest != ""; {
		found := part.FindStringSubmatch(rest)
		if found == nil || units[found[2]] == 0 {
			return 0, errors.New("no time span")
		}
		n, err := time.ParseDuration(found[1] + "ns")
		if err != nil {
			return 0, err
		}
		sum += n * units[found[2]]
		rest = rest[len(found[0]):]
	}
	return sum, nil
}
