package grub

import (
	"cmp"
	"strings"
)

// CompareFedora compares two entry names without .conf in ascending order, as
// Fedora's blscfg does; its menu is in descending order. A name is cut at its
// last two "-" into name, version and release, and each part is compared as
// rpm does, with "+" where rpm has "^". Different names may compare equal.
func CompareFedora(a, b string) int {
	nameA, versionA, releaseA := splitPackage(a)
	nameB, versionB, releaseB := splitPackage(b)
	return cmp.Or(compareRPM(nameA, nameB), compareRPM(versionA, versionB), compareRPM(releaseA, releaseB))
}

func splitPackage(s string) (name, version, release string) {
	i := strings.LastIndexByte(s, '-')
	if i < 0 {
		return s, "", ""
	}
	name, release = s[:i], s[i+1:]
	if i = strings.LastIndexByte(name, '-'); i < 0 {
		return name, release, ""
	}
	return name[:i], name[i+1:], release
}

// compareRPM compares runs of digits and of letters in turn: digits are above
// letters, "~" is below everything, "+" above an end and below all else.
func compareRPM(a, b string) int {
	for a != "" || b != "" {
		a, b = skipMarks(a), skipMarks(b)
		c, mark := compareMark(a, b)
		switch {
		case c != 0:
			return c
		case mark:
			a, b = a[1:], b[1:]
			continue
		case a == "" || b == "":
			return cmp.Compare(min(len(a), 1), min(len(b), 1))
		}
		if c := compareRun(&a, &b); c != 0 {
			return c
		}
	}
	return 0
}

// compareMark compares two names where one of them begins with "~" or "+";
// mark reports whether both do, with the same one.
func compareMark(a, b string) (c int, mark bool) {
	for _, m := range []string{"~", "+"} {
		hasA, hasB := strings.HasPrefix(a, m), strings.HasPrefix(b, m)
		other := b
		if hasB {
			other = a
		}
		switch {
		case hasA && hasB:
			return 0, true
		case !hasA && !hasB:
		case hasA == (m == "+" && other == ""):
			return 1, false
		default:
			return -1, false
		}
	}
	return 0, false
}

func skipMarks(s string) string {
	for s != "" && !isDigit(s[0]) && !isAlpha(s[0]) && s[0] != '~' && s[0] != '+' {
		s = s[1:]
	}
	return s
}

// compareRun compares and cuts the runs that two names begin with; a begins with one.
func compareRun(a, b *string) int {
	class, digits := isAlpha, isDigit((*a)[0])
	if digits {
		class = isDigit
	}
	runA, runB := cutRun(a, class), cutRun(b, class)
	switch {
	case runB == "" && digits:
		return 1
	case runB == "":
		return -1
	case !digits:
		return cmp.Compare(runA, runB)
	}
	return compareDigits(runA, runB)
}

func cutRun(s *string, class func(byte) bool) (run string) {
	n := 0
	for n < len(*s) && class((*s)[n]) {
		n++
	}
	run, *s = (*s)[:n], (*s)[n:]
	return run
}

func compareDigits(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// CompareUpstream compares two file names in ascending order, as upstream's
// blsuki does; its menu is in descending order. It is GNU's version order: a
// name that begins with "." is below all others, extensions count only where
// all else is equal, digits are below letters and letters below other
// characters, "~" is below even the end. Names that differ in leading zeros of a
// number only compare equal.
func CompareUpstream(a, b string) int {
	if c := cmp.Compare(dotRank(a), dotRank(b)); c != 0 || a == b {
		return c
	}
	stemA, stemB := cutExtensions(a), cutExtensions(b)
	return cmp.Or(compareVersion(stemA, stemB), compareVersion(a, b))
}

func dotRank(s string) int {
	switch {
	case s == "":
		return 0
	case s == ".":
		return 1
	case s == "..":
		return 2
	case s[0] == '.':
		return 3
	}
	return 4
}

// cutExtensions takes all extensions off the end of a name: a dot, a letter or
// "~", then letters, digits and "~".
func cutExtensions(s string) string {
	end := len(s)
	for i := len(s) - 1; i > 0; i-- {
		c := s[i]
		if c == '.' {
			if i+1 == end || isDigit(s[i+1]) {
				break
			}
			end = i
		} else if !isAlpha(c) && !isDigit(c) && c != '~' {
			break
		}
	}
	return s[:end]
}

func compareVersion(a, b string) int {
	for a != "" || b != "" {
		for a != "" && !isDigit(a[0]) || b != "" && !isDigit(b[0]) {
			if c := cmp.Compare(charRank(a), charRank(b)); c != 0 {
				return c
			}
			a, b = a[min(1, len(a)):], b[min(1, len(b)):]
		}
		if c := compareDigits(cutRun(&a, isDigit), cutRun(&b, isDigit)); c != 0 {
			return c
		}
	}
	return 0
}

func charRank(s string) int {
	switch {
	case s == "":
		return -1
	case isDigit(s[0]):
		return 0
	case isAlpha(s[0]):
		return int(s[0])
	case s[0] == '~':
		return -2
	}
	return int(s[0]) + 256
}
