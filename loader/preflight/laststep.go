package preflight

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// A lastStep is what the program that ends a shutdown makes of a kexec.
type lastStep string

const (
	calls     lastStep = "calls"    // the system call, as systemd-shutdown does
	jumps     lastStep = "jumps"    // by the program kexec
	powersOff lastStep = "off"      // not at all
	resets    lastStep = "firmware" // not at all
	unclear   lastStep = "unclear"
)

// lastStep finds what systemd-shutdown passes control to. dracut's script is put
// there when dracut-shutdown.service stops, and has always been one that jumps.
func (l *look) lastStep() lastStep {
	const file, maxScript = "run/initramfs/shutdown", 1 << 20
	if !l.host.Exists(file) && l.host.UnitActive("dracut-shutdown.service") {
		return jumps
	}
	script, err := l.host.ReadFile(file, maxScript)
	if err != nil || bytes.HasPrefix(script, []byte("\x7fELF")) {
		return calls
	}
	return scriptStep(string(script))
}

// caseBlock is a case statement of a shell script that has no other inside.
const caseBlock = `(?s)\bcase\s[^\n]*?\sin\b(.*?)\besac\b`

// jumpCall is the program that jumps.
const jumpCall = `\bkexec\s+(-e|--exec)\b`

// scriptStep finds what a script does with the argument kexec: by the last case
// statement that knows such arguments, else by what is in it at all.
func scriptStep(script string) lastStep {
	arm, found := script, false
	for _, block := range regexp.MustCompile(caseBlock).FindAllStringSubmatch(script, -1) {
		if body, known := kexecArm(block[1]); known {
			arm, found = body, true
		}
	}
	switch {
	case regexp.MustCompile(jumpCall).MatchString(arm):
		return jumps
	case strings.Contains(arm, "kexec"):
		return calls // a function or a program of its own
	case !found:
		return unclear
	case strings.Contains(arm, "poweroff"), strings.Contains(arm, "halt"):
		return powersOff
	case strings.Contains(arm, "reboot"):
		return resets
	}
	return unclear
}

// kexecArm is the body of the arm that takes kexec. known says that the
// arguments are those of a shutdown.
func kexecArm(block string) (body string, known bool) {
	taken := false
	for arm := range strings.SplitSeq(block, ";;") {
		head, rest, ok := strings.Cut(arm, ")")
		if !ok {
			continue
		}
		var patterns []string
		for p := range strings.SplitSeq(head, "|") {
			patterns = append(patterns, strings.Trim(p, " \t\n\r(\"'"))
		}
		is := func(p string) bool { return slices.Contains(patterns, p) }
		known = known || is("reboot") || is("poweroff") || is("halt") || is("kexec")
		if !taken && (is("kexec") || is("*")) {
			taken, body = true, rest
		}
	}
	return body, known
}
