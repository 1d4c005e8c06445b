package loader

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// An Edit changes the command line of an entry. The zero value changes
// nothing. The acts are done in the order of the fields.
type Edit struct {
	// Replace stands in for the entry's own line when ReplaceSet.
	Replace    string
	ReplaceSet bool
	// Reuse is the running kernel's line, as in /proc/cmdline; it goes behind
	// the entry's, without the words that only the last boot loader meant, and
	// of byte-identical words the last one stays. Empty: not reused.
	Reuse string
	// Remove takes out each word that is one of these, or begins with one of
	// them and "=".
	Remove []string
	// Append goes at the end, one blank between.
	Append []string
	// Once are words, as KEY=VALUE, that go behind it unless their key is there.
	Once []string
}

// BlessMask is the one word that is ever added unasked: it keeps
// systemd-bless-boot from marking the entry of the last firmware boot.
const BlessMask = "systemd.mask=systemd-bless-boot.service"

// Apply edits a command line.
func (e Edit) Apply(line string) string {
	if e.ReplaceSet {
		line = e.Replace
	}
	if e.Reuse != "" {
		line = joinWords(line, Inherit(e.Reuse))
	}
	if len(e.Remove) > 0 {
		line = removeWords(line, func(w string) bool { return matchesKey(w, e.Remove) })
	}
	line = joinWords(append([]string{line}, e.Append...)...)
	if e.Reuse != "" {
		line = dropRepeats(line)
	}
	for _, w := range e.Once {
		key, _, _ := strings.Cut(w, "=")
		if !slices.ContainsFunc(Words(line), func(w string) bool { return matchesKey(w, []string{key}) }) {
			line = joinWords(line, w)
		}
	}
	return line
}

// Inherit is what a kexec'ed kernel may take over of the running one's
// command line: not what the last boot loader said to that kernel alone, nor
// the word we add ourselves.
func Inherit(running string) string {
	return removeWords(strings.TrimSpace(running), func(w string) bool {
		return w == BlessMask || matchesKey(w, []string{"BOOT_IMAGE", "initrd", "elfcorehdr", "kexec_jump_back_entry"})
	})
}

// Words splits a command line as the kernel does (lib/cmdline.c, next_arg): at
// blanks outside double quotes. The words keep their quotes.
func Words(line string) []string {
	var words []string
	start, quoted := -1, false
	for i := range len(line) {
		switch c := line[i]; {
		case !quoted && isBlank(c):
			if start >= 0 {
				words = append(words, line[start:i])
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
		words = append(words, line[start:])
	}
	return words
}

func isBlank(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// matchesKey compares a word's key with the wanted ones; the kernel takes the
// quote in front of a word off.
func matchesKey(word string, wanted []string) bool {
	word = strings.TrimPrefix(word, `"`)
	return slices.ContainsFunc(wanted, func(w string) bool {
		rest, ok := strings.CutPrefix(word, w)
		return ok && (rest == "" || rest[0] == '=' || rest == `"` || strings.HasSuffix(w, "=") && w != "=")
	})
}

// removeWords takes words out. A line that loses none stays as it is, blanks
// included.
func removeWords(line string, drop func(string) bool) string {
	words := Words(line)
	kept := slices.DeleteFunc(slices.Clone(words), drop)
	if len(kept) == len(words) {
		return line
	}
	return strings.Join(kept, " ")
}

// dropRepeats keeps the last of words that are the same to the byte.
func dropRepeats(line string) string {
	words := Words(line)
	last := make(map[string]int, len(words))
	for i, w := range words {
		last[w] = i
	}
	if len(last) == len(words) {
		return line
	}
	var kept []string
	for i, w := range words {
		if last[w] == i {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}

func joinWords(parts ...string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(parts), func(s string) bool { return s == "" }), " ")
}

// ErrCmdline means that the kernel would not take a command line, or not
// whole.
var ErrCmdline = errors.New("command line refused")

// CheckCmdline holds a command line to the kernel's limit, in bytes without
// the NUL at its end. 0 means that the limit is not known.
func CheckCmdline(line string, limit int) error {
	if i := strings.IndexByte(line, 0); i >= 0 {
		return fmt.Errorf("%w: it has a NUL at byte %d, the kernel would drop the rest", ErrCmdline, i)
	}
	if limit > 0 && len(line) > limit {
		return fmt.Errorf("%w: %d characters, the kernel takes at most %d; shorten the options lines or use --remove", ErrCmdline, len(line), limit)
	}
	return nil
}

// A Change is a word that one command line has and another has not.
type Change struct {
	Added bool
	Word  string
}

// Diff lists the words that differ between the running line and the next, in
// order: first what goes, then what comes. Words are counted, order is not.
func Diff(running, next string) []Change {
	var changes []Change
	count := map[string]int{}
	for _, w := range Words(next) {
		count[w]++
	}
	for _, w := range Words(Inherit(running)) {
		// We may have added it ourselves, for the kexec alone.
		if count[w]--; count[w] < 0 && !matchesKey(w, []string{"acpi_rsdp"}) {
			changes = append(changes, Change{false, w})
		}
	}
	count = map[string]int{}
	for _, w := range Words(Inherit(running)) {
		count[w]++
	}
	for _, w := range Words(next) {
		if count[w]--; count[w] < 0 {
			changes = append(changes, Change{true, w})
		}
	}
	return changes
}
