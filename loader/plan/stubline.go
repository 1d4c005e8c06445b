package plan

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/kexec-bls/kexec-bls/loader/internal/cmdline"
)

// loadOptions is what systemd-boot passes to the program that it starts.
type loadOptions struct {
	// profile above 0 goes in front of the line, as "@1 ".
	profile int
	// initrds says that parameters "initrd=" go in front of the line. They mean
	// nothing here and are left out, but a line with them is not empty.
	initrds bool
	line    string
}

// isText reports whether the stub takes the options for text: some firmware
// passes binary data, so it looks for control characters.
func (o loadOptions) isText() bool {
	return !strings.ContainsFunc(o.line, func(r rune) bool { return r < ' ' })
}

// read takes the options apart as systemd-stub does. Given is false where the
// stub finds no line in them, and uses the image's own.
func (o loadOptions) read() (profile uint64, line string, given bool) {
	if !o.isText() {
		return 0, "", false
	}
	line = o.line
	if o.profile > 0 {
		profile = uint64(o.profile)
	} else if !o.initrds {
		profile, line = cutProfile(line)
	}
	line = cleanLine(line)
	return profile, line, line != "" || o.initrds
}

// cutProfile takes "@1", which selects a profile, off the start of a line,
// with one blank behind it.
func cutProfile(line string) (profile uint64, rest string) {
	word, rest, _ := strings.Cut(line, " ")
	digits, ok := strings.CutPrefix(word, "@")
	if !ok || strings.Trim(digits, "0123456789") != "" {
		return 0, line
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n > math.MaxUint32 {
		return 0, line
	}
	return n, rest
}

// cleanLine makes a command line of a text as systemd-stub does:
// control characters become blanks, those at both ends are dropped.
func cleanLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	return strings.Trim(text, " ")
}

// efiText is what a boot loader makes of bytes in UTF-8: text up to the first
// NUL, without characters that 16 bits cannot hold. A sequence that is not
// UTF-8 goes as a whole, by the length in its first byte.
func efiText(b []byte) string {
	var out strings.Builder
	for len(b) > 0 && b[0] != 0 {
		r, n := efiRune(b)
		if r == 0 {
			break
		}
		if r > 0 && r <= 0xffff && (r < 0xd800 || r > 0xdfff) {
			out.WriteRune(r)
		}
		b = b[min(n, len(b)):]
	}
	return out.String()
}

// efiRune decodes one sequence, overlong ones too; -1 for none.
func efiRune(b []byte) (r rune, n int) {
	lead := b[0]
	if lead < 0x80 {
		return rune(lead), 1
	}
	for n = 2; n <= 6; n++ {
		// n ones and a zero in front, 7-n bits of the number behind.
		if lead>>(7-n) == 0xff>>(7-n)&^1 {
			break
		}
	}
	if n > 6 {
		return -1, 1
	}
	if n > len(b) {
		return -1, n
	}
	v := uint64(lead) & (1<<(7-n) - 1)
	for _, c := range b[1:n] {
		if c&0xc0 != 0x80 {
			return -1, n
		}
		v = v<<6 | uint64(c&0x3f)
	}
	if v > math.MaxInt32 {
		return -1, n
	}
	return rune(v), n
}

// baseLine is what was passed, or the image's own. With Secure Boot a line from
// outside does not replace one that is part of the image.
func (s *stub) baseLine(passed string, given bool) (string, error) {
	_, own := s.profile.Section(".cmdline")
	if given && s.fw.SecureBoot && (own || s.fw.Confidential) {
		s.warn("the options of the entry are not used: with Secure Boot, the stub takes the command line of %s", s.whole.Name)
		given = false
	}
	if given {
		return passed, nil
	}
	text, err := s.text(".cmdline")
	return cleanLine(text), err
}

// line puts the command line together: what was passed, or the image's own,
// then that of addons, then that of the firmware.
func (s *stub) line(passed string, given bool) (string, error) {
	line, err := s.baseLine(passed, given)
	if err != nil {
		return "", err
	}
	added := ""
	for _, a := range s.addons {
		if a.cmdline == nil {
			continue
		}
		if added != "" {
			added += " "
		}
		added += cleanLine(*a.cmdline)
	}
	return cmdline.Join(line, cleanLine(added), cleanLine(s.fw.extra(stubExtra))), nil
}

// warn adds a warning to the plan.
func (p *Plan) warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}
