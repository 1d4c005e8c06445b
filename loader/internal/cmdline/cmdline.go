// Package cmdline edits and compares kernel command lines, by the kernel's own
// rules (lib/cmdline.c, kernel/params.c): parameters are separated by blanks
// outside double quotes, and what follows the parameter "--" is for init.
package cmdline

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// An Edit changes the command line of an entry. The zero value changes
// nothing. The changes are made in the order of the fields. Parameters are added
// before "--"; what follows it is never removed.
type Edit struct {
	// Replace replaces the entry's own line; nil keeps it.
	Replace *string
	// Reuse is the running kernel's line, as in /proc/cmdline. It follows the
	// entry's, without the parameters that only the last boot loader meant, and
	// of byte-identical parameters the last one stays. Empty: not reused.
	Reuse string
	// Remove removes each parameter that is one of these, or begins with one of
	// them and "=".
	Remove []string
	// Append goes at the end, one blank between.
	Append []string
	// Defaults are parameters KEY=VALUE that follow, unless their key is there.
	Defaults []string
}

// BlessMask is the one parameter that is added by default: it keeps
// systemd-bless-boot from marking the entry of the last firmware boot.
const BlessMask = "systemd.mask=systemd-bless-boot.service"

// MeasuredOS is the parameter that is added on request where it makes a TPM open a
// volume: systemd measures nothing in that boot.
const MeasuredOS = "systemd.tpm2_measured_os=no"

// Apply edits a command line. What no change is about keeps its bytes.
func (e Edit) Apply(line string) string {
	if e.Replace != nil {
		line = *e.Replace
	}
	params, tail := halves(line)
	if e.Reuse != "" {
		reused, reusedTail := halves(Inherit(e.Reuse))
		params = Join(params, reused)
		if reusedTail != "" {
			tail = " " + separator + " " + dropRepeats(Join(afterSeparator(tail), afterSeparator(reusedTail)))
		}
	}
	if len(e.Remove) > 0 {
		params = remove(params, func(p string) bool { return HasKey(p, e.Remove...) })
	}
	params = Join(append([]string{params}, e.Append...)...)
	if e.Reuse != "" {
		params = dropRepeats(params)
	}
	for _, p := range e.Defaults {
		key, _, _ := strings.Cut(p, "=")
		if !slices.ContainsFunc(Split(params), func(p string) bool { return HasKey(p, key) }) {
			params = Join(params, p)
		}
	}
	return whole(params, tail)
}

// separator is the parameter after which everything is for init.
const separator = "--"

// halves parts a line before the separator and the blanks before that; tail is
// "" without one.
func halves(line string) (params, tail string) {
	for _, at := range fields(line) {
		// The kernel takes it in quotes too, also where the second one is missing.
		if p, quoted := strings.CutPrefix(line[at.start:at.end], `"`); p == separator || quoted && p == separator+`"` {
			params = strings.TrimRight(line[:at.start], " \t\n\v\f\r")
			return params, line[len(params):]
		}
	}
	return line, ""
}

// afterSeparator returns what a tail has for init.
func afterSeparator(tail string) string {
	if first := fields(tail); len(first) > 0 {
		return strings.TrimSpace(tail[first[0].end:])
	}
	return ""
}

func whole(params, tail string) string {
	switch {
	case params == "":
		return strings.TrimLeft(tail, " ")
	case tail != "" && !isBlank(tail[0]): // the line began with it
		return params + " " + tail
	}
	return params + tail
}

// Inherit returns what a kexec'ed kernel may inherit of the running one's
// command line: without what the last boot loader added for that kernel alone,
// and without those that are added here: each kexec decides anew whether it needs
// them.
func Inherit(running string) string {
	params, tail := halves(compared(running))
	return whole(remove(params, func(p string) bool { return p == MeasuredOS }), tail)
}

// compared is Inherit, but for MeasuredOS, which an entry may have too.
func compared(running string) string {
	params, tail := halves(strings.TrimSpace(running))
	params = withoutTrial(params)
	params = remove(params, func(p string) bool {
		return p == BlessMask || HasKey(p, "BOOT_IMAGE", "initrd", "elfcorehdr", "kexec_jump_back_entry")
	})
	return whole(params, tail)
}

// TrialKey is the first of the parameters that a trial adds, which are the last
// ones before "--". Its value is the boot that began the trial.
const TrialKey = "kexec_bls.try"

// withoutTrial cuts off what a trial added.
func withoutTrial(params string) string {
	for _, at := range fields(params) {
		if HasKey(params[at.start:at.end], TrialKey) {
			return strings.TrimRight(params[:at.start], " \t\n\v\f\r")
		}
	}
	return params
}

// Value returns the value of the last parameter KEY=VALUE before "--" as next_arg of
// lib/cmdline.c does, without its quotes; given reports whether there is one.
func Value(line, key string) (value string, given bool) {
	params, _ := halves(line)
	for _, p := range Split(params) {
		p, quoted := strings.CutPrefix(p, `"`)
		v, ok := strings.CutPrefix(p, key+"=")
		if !ok {
			continue
		}
		v, inner := strings.CutPrefix(v, `"`)
		if quoted || inner {
			v = strings.TrimSuffix(v, `"`)
		}
		value, given = v, true
	}
	return value, given
}

// Split splits a command line as next_arg of lib/cmdline.c does. Quotes stay.
func Split(line string) []string {
	var params []string
	for _, at := range fields(line) {
		params = append(params, line[at.start:at.end])
	}
	return params
}

type span struct{ start, end int }

func fields(line string) []span {
	var found []span
	start, quoted := -1, false
	for i := range len(line) {
		switch c := line[i]; {
		case !quoted && isBlank(c):
			if start >= 0 {
				found = append(found, span{start, i})
			}
			start = -1
			continue
		case c == '"':
			quoted = !quoted
		}
		if start < 0 {
			start = i
		}
	}
	if start >= 0 {
		found = append(found, span{start, len(line)})
	}
	return found
}

func isBlank(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// HasKey reports whether a parameter has one of the keys; the kernel ignores a
// quote in front of it.
func HasKey(param string, keys ...string) bool {
	param = strings.TrimPrefix(param, `"`)
	return slices.ContainsFunc(keys, func(key string) bool {
		rest, ok := strings.CutPrefix(param, key)
		return ok && (rest == "" || rest[0] == '=' || rest == `"` || strings.HasSuffix(key, "=") && key != "=")
	})
}

// remove removes parameters. A line that loses none stays as it is, blanks
// included.
func remove(line string, drop func(string) bool) string {
	params := Split(line)
	kept := slices.DeleteFunc(slices.Clone(params), drop)
	if len(kept) == len(params) {
		return line
	}
	return strings.Join(kept, " ")
}

// dropRepeats keeps the last of parameters that are the same to the byte.
func dropRepeats(line string) string {
	params := Split(line)
	last := make(map[string]int, len(params))
	for i, p := range params {
		last[p] = i
	}
	if len(last) == len(params) {
		return line
	}
	var kept []string
	for i, p := range params {
		if last[p] == i {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, " ")
}

// Join joins lines with one blank; empty ones are left out.
func Join(lines ...string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(lines), func(s string) bool { return s == "" }), " ")
}

// ErrRefused means that the kernel would not take a command line, or not
// all of it.
var ErrRefused = errors.New("command line refused")

// Check compares a command line with the kernel's limit, in bytes without the
// NUL at its end. 0 means that the limit is not known. The error is ErrRefused.
func Check(line string, limit int) error {
	if i := strings.IndexByte(line, 0); i >= 0 {
		return fmt.Errorf("%w: NUL at byte %d, the kernel would drop the rest", ErrRefused, i)
	}
	if limit > 0 && len(line) > limit {
		return hint.Errorf("shorten the options lines or remove parameters",
			"%w: %d characters, the kernel takes at most %d", ErrRefused, len(line), limit)
	}
	return nil
}

// A Change is a parameter that one command line has and another has not.
type Change struct {
	Added     bool // else removed
	Parameter string
}

// Diff lists the parameters that differ between the running line and the next:
// first those that go, then those that come. Parameters are counted, their order
// does not matter.
func Diff(running, next string) []Change {
	running = compared(running)
	var changes []Change
	for _, p := range surplus(running, next) {
		// Those that are added for a kexec alone.
		if !HasKey(p, "acpi_rsdp") && p != MeasuredOS {
			changes = append(changes, Change{false, p})
		}
	}
	for _, p := range surplus(next, running) {
		// It means nothing after the boot, and Inherit drops it of the running line.
		if !HasKey(p, "initrd") {
			changes = append(changes, Change{true, p})
		}
	}
	return changes
}

// surplus lists the parameters that a line has more often than the other.
func surplus(line, other string) []string {
	count := map[string]int{}
	for _, p := range Split(other) {
		count[p]++
	}
	var more []string
	for _, p := range Split(line) {
		if count[p]--; count[p] < 0 {
			more = append(more, p)
		}
	}
	return more
}
