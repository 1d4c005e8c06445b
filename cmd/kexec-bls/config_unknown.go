package main

import (
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// warnUnknown names the keys of a file that mean nothing, and what may have
// been meant. Of a table that is not known, its keys are named.
func (a *app) warnUnknown(path string, unknown []toml.Key, lines tomlIndex) {
	for _, key := range unknown {
		inside := func(k toml.Key) bool { return strings.HasPrefix(k.String(), key.String()+".") }
		if slices.ContainsFunc(unknown, inside) {
			continue // a table, whose keys are named
		}
		meant := ""
		if near := nearestKey(strings.ToLower(key.String())); near != "" {
			meant = "; " + near + " is one"
		}
		a.warn("%s: unknown key %s, ignored%s", origin{path, lines.of(key)}, key, meant)
	}
}

// nearestKey is the known key that a misspelt one most likely means: of the
// right table or without one; "" when none is near.
func nearestKey(key string) string {
	best, least := "", len(key)
	for _, k := range configKeys() {
		_, short, _ := strings.Cut(k.Name, ".")
		last := key[strings.LastIndexByte(key, '.')+1:]
		d := editDistance(key, k.Name)
		if at := editDistance(last, short); at <= 1 {
			d = min(d, at+1) // the right key in another table
		}
		if d < least {
			best, least = k.Name, d
		}
	}
	if least > max(2, len(key)/4) {
		return ""
	}
	return best
}

// editDistance is Levenshtein's: how many bytes to insert, delete or replace.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
