package hint

import (
	"slices"
	"strings"
)

const (
	maxSuggestions = 3
	maxMisspelled  = 64 // of a name in bytes; longer ones are not compared
	maxTypos       = 2  // of bytes that are wrong, missing, too many or swapped
)

// DidYouMean is a hint that names those of names which are spelled almost like
// typed, each once; "" where there are none, or too many to help.
func DidYouMean(typed string, names []string) string {
	var similar []string
	for _, name := range names {
		if Misspelled(typed, name) && !slices.Contains(similar, name) {
			similar = append(similar, name)
		}
	}
	if len(similar) == 0 || len(similar) > maxSuggestions {
		return ""
	}
	return "did you mean " + strings.Join(similar, " or ") + "?"
}

// Misspelled reports whether typed is name with few typing errors. Letter case
// does not matter.
func Misspelled(typed, name string) bool {
	a, b := strings.ToLower(typed), strings.ToLower(name)
	most := min(maxTypos, (len(a)-1)/2)
	if most <= 0 || len(a) > maxMisspelled || len(b) > len(a)+most || len(a) > len(b)+most {
		return false
	}
	return typos(a, b) <= most
}

// typos is the optimal string alignment distance of two texts.
func typos(a, b string) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			changed := row[j]
			if a[i] != b[j] {
				changed++
			}
			next[j+1] = min(changed, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
