package bls

import (
	"cmp"
	"strings"
)

// CompareVersions orders two version strings by UAPI.10 as systemd 262
// implements it: -1 when a is lower, 0 when they are equal, 1 when a is higher.
// Strings that differ only in separators are equal.
func CompareVersions(a, b string) int {
	for {
		a, b = skipSeparators(a), skipSeparators(b)
		if c, done := compareMark(&a, &b, '~'); done {
			return c
		}
		if a == "" || b == "" {
			return cmp.Compare(len(a), len(b))
		}
		for _, mark := range []byte("-^.") {
			if c, done := compareMark(&a, &b, mark); done {
				return c
			}
		}
		if c := compareRun(&a, &b); c != 0 {
			return c
		}
	}
}

// compareMark orders the string that begins with mark below the one that does
// not; where both do, it is skipped.
func compareMark(a, b *string, mark byte) (order int, done bool) {
	inA, inB := begins(*a, mark), begins(*b, mark)
	switch {
	case inA && inB:
		*a, *b = (*a)[1:], (*b)[1:]
		return 0, false
	case inA:
		return -1, true
	case inB:
		return 1, true
	}
	return 0, false
}

// compareRun takes the leading run of digits, or of letters, off both strings
// and compares them. An empty run of digits is lower than any other.
func compareRun(a, b *string) int {
	if !startsWith(*a, isDigit) && !startsWith(*b, isDigit) {
		return cmp.Compare(cutRun(a, isAlpha), cutRun(b, isAlpha))
	}
	runA, runB := cutRun(a, isDigit), cutRun(b, isDigit)
	if runA == "" || runB == "" {
		return cmp.Compare(len(runA), len(runB))
	}
	runA, runB = strings.TrimLeft(runA, "0"), strings.TrimLeft(runB, "0")
	if c := cmp.Compare(len(runA), len(runB)); c != 0 {
		return c
	}
	return cmp.Compare(runA, runB)
}

func begins(s string, c byte) bool { return s != "" && s[0] == c }

func startsWith(s string, class func(byte) bool) bool { return s != "" && class(s[0]) }

func cutRun(s *string, class func(byte) bool) string {
	n := 0
	for n < len(*s) && class((*s)[n]) {
		n++
	}
	run := (*s)[:n]
	*s = (*s)[n:]
	return run
}

func skipSeparators(s string) string {
	for s != "" && !isDigit(s[0]) && !isAlpha(s[0]) && strings.IndexByte("~-^.", s[0]) < 0 {
		s = s[1:]
	}
	return s
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isAlpha(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
