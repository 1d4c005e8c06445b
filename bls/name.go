package bls

import (
	"strconv"
	"strings"
)

// Tries is the boot counter of a file name, "+LEFT" or "+LEFT-DONE". The zero
// value means that the name has none: the entry is good.
type Tries struct {
	Counted bool
	Left    int // boot attempts that remain; 0 means the entry is bad
	Done    int // attempts made
	HasDone bool
}

// maxTries is the largest counter that systemd-boot 262 takes for one.
const maxTries = 1<<31 - 1

// SplitTries cuts the boot counter out of a file name. What is not a counter
// by UAPI.1, "Boot counting", stays part of the name.
func SplitTries(name string) (string, Tries) {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return name, Tries{}
	}
	plus := strings.LastIndexByte(name[:dot], '+')
	if plus < 0 {
		return name, Tries{}
	}
	left, done, hasDone := strings.Cut(name[plus+1:dot], "-")
	t := Tries{Counted: true, HasDone: hasDone}
	var ok bool
	if t.Left, ok = counter(left); !ok {
		return name, Tries{}
	}
	if hasDone {
		if t.Done, ok = counter(done); !ok {
			return name, Tries{}
		}
	}
	return name[:plus] + name[dot:], t
}

func counter(digits string) (int, bool) {
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return int(n), err == nil && n <= maxTries
}

// FoldID lower-cases the ASCII letters of an entry id, as systemd-boot does;
// ids and patterns are compared in that form.
func FoldID(id string) string {
	for i := range len(id) {
		if 'A' <= id[i] && id[i] <= 'Z' {
			return foldASCII(id)
		}
	}
	return id
}

func foldASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// IsEntryName reports whether a directory entry is worth reading as an entry
// file with that suffix (".conf", ".efi"): any letter case, no leading dot.
func IsEntryName(name, suffix string) bool {
	n := len(name) - len(suffix)
	return n >= 0 && name[0] != '.' && strings.EqualFold(name[n:], suffix)
}

// hideByName applies systemd-boot's rules for names of entry files.
func (e *Entry) hideByName() {
	if strings.HasPrefix(FoldID(e.ID), "auto-") {
		e.Hide("its name begins with auto-, which systemd-boot keeps for itself")
	}
}
