package bls

// MatchID reports whether an entry id matches a pattern of loader.conf or of an
// EFI variable, as systemd-boot 262 matches them: letter case does not matter,
// ? is any character, * any run of them, [...] one of a set with ranges, \
// takes the next character as it is. There is no negation and no class.
func MatchID(pattern, id string) bool {
	p, s := []rune(FoldID(pattern)), []rune(FoldID(id))
	star, mark := -1, 0 // the last * and where in s its run ends
	i, j := 0, 0
	for j < len(s) {
		if i < len(p) && p[i] == '*' {
			star, mark = i, j
			i++
			continue
		}
		if next, ok := matchOne(p, i, s[j]); ok {
			i, j = next, j+1
			continue
		}
		if star < 0 {
			return false
		}
		mark++
		i, j = star+1, mark
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// matchOne matches c against the single-character pattern at p[i] and returns
// the index after it.
func matchOne(p []rune, i int, c rune) (next int, ok bool) {
	if i >= len(p) {
		return i, false
	}
	switch p[i] {
	case '?':
		return i + 1, true
	case '[':
		return matchSet(p, i+1, c)
	case '\\':
		i++
		if i >= len(p) {
			return i, false
		}
	}
	return i + 1, p[i] == c
}

// matchSet matches c against the set whose content starts at p[i]. A "]" that
// comes first, and a "-" that comes first or last, are members.
func matchSet(p []rune, i int, c rune) (next int, ok bool) {
	found, canRange := false, false
	for first := true; i < len(p); first = false {
		switch {
		case p[i] == ']' && !first:
			return i + 1, found
		case p[i] == '-' && canRange && i+1 < len(p) && p[i+1] != ']':
			low := p[i-1]
			i++
			if p[i] == '\\' && i+1 < len(p) {
				i++
			}
			found = found || low <= c && c <= p[i]
			canRange = false // ranges do not chain: [a-c-f] is a, b, c, - and f
		default:
			if p[i] == '\\' {
				i++
				if i >= len(p) {
					return i, false
				}
			}
			found = found || p[i] == c
			canRange = true
		}
		i++
	}
	return i, false // no closing bracket
}
