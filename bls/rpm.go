package bls

import (
	"cmp"
	"strings"
)

// CompareGrub orders entries as GRUB's blscfg does: by file name, newest
// first, the name read as an RPM package's name-version-release.
func CompareGrub(a, b *Entry) int {
	return comparePackages(trimConf(b.FileID()), trimConf(a.FileID()))
}

func trimConf(id string) string {
	if IsEntryName(id, ".conf") {
		return id[:len(id)-len(".conf")]
	}
	return id
}

func comparePackages(a, b string) int {
	nameA, versionA, releaseA := splitPackage(a)
	nameB, versionB, releaseB := splitPackage(b)
	return cmp.Or(compareRPM(nameA, nameB), compareRPM(versionA, versionB), compareRPM(releaseA, releaseB))
}

func splitPackage(s string) (name, version, release string) {
	name = s
	if i := strings.LastIndexByte(name, '-'); i >= 0 {
		name, release = name[:i], name[i+1:]
	}
	if i := strings.LastIndexByte(name, '-'); i >= 0 {
		name, version = name[:i], name[i+1:]
	}
	return name, version, release
}

// compareRPM is rpm's version comparison: runs of digits and of letters in
// turn, digits above letters, "~" below everything.
func compareRPM(a, b string) int {
	if a == b {
		return 0
	}
	for a != "" || b != "" {
		a, b = skipRPM(a), skipRPM(b)
		if c, done := compareMark(&a, &b, '~'); done {
			return c
		} else if a == "" || b == "" {
			break
		}
		if c := compareRPMRun(&a, &b); c != 0 {
			return c
		}
	}
	return cmp.Compare(min(len(a), 1), min(len(b), 1))
}

func skipRPM(s string) string {
	for s != "" && !isDigit(s[0]) && !isAlpha(s[0]) && s[0] != '~' {
		s = s[1:]
	}
	return s
}

func compareRPMRun(a, b *string) int {
	class, digits := isAlpha, startsWith(*a, isDigit)
	if digits {
		class = isDigit
	}
	runA, runB := cutRun(a, class), cutRun(b, class)
	switch {
	case runA == "" && runB == "": // a mark was skipped on both sides
		return 0
	case runB == "" && digits:
		return 1
	case runB == "":
		return -1
	case !digits:
		return cmp.Compare(runA, runB)
	}
	runA, runB = strings.TrimLeft(runA, "0"), strings.TrimLeft(runB, "0")
	return cmp.Or(cmp.Compare(len(runA), len(runB)), cmp.Compare(runA, runB))
}
