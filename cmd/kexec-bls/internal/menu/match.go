package menu

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// A match is how well a row fits what was typed, and where, by column.
type match struct {
	score int
	at    [4][]int // positions of runes in Title, Version, Notes and Label
}

func (r Row) columns() [4]string { return [4]string{r.Title, r.Version, r.Notes, r.Label} }

// matches reports whether each word that was typed is in one of the columns: as
// it is, or its letters in that order.
func (r Row) matches(typed string) (match, bool) {
	var m match
	for word := range strings.FieldsSeq(typed) {
		best, column, positions := 0, 0, []int(nil)
		for i, text := range r.columns() {
			if score, at := find([]rune(text), []rune(strings.ToLower(word))); score > best {
				best, column, positions = score, i, at
			}
		}
		if best == 0 {
			return match{}, false
		}
		m.score += best
		m.at[column] = append(m.at[column], positions...)
	}
	return m, true
}

// Scores, the best first: the word begins at the beginning of one, it is inside
// of one, its letters come in that order.
const (
	begins = 100
	inside = 50
	spread = 25
)

// find looks for a word in lower case; the score is 0 where it is not there.
// Spread letters count where they are close together.
func find(text, word []rune) (score int, at []int) {
	for i := 0; i+len(word) <= len(text); i++ {
		if !equalFold(text[i:i+len(word)], word) {
			continue
		}
		found := inside
		if i == 0 || !unicode.IsLetter(text[i-1]) && !unicode.IsDigit(text[i-1]) {
			found = begins
		}
		if found > score {
			score, at = found, positions(i, len(word))
		}
	}
	if score > 0 || len(word) < 2 {
		return score, at
	}
	for i, r := range text {
		if len(at) < len(word) && unicode.ToLower(r) == word[len(at)] {
			at = append(at, i)
		}
	}
	if len(at) < len(word) || at[len(at)-1]-at[0] >= 4*len(word) {
		return 0, nil
	}
	return spread - min(at[len(at)-1]-at[0]-len(word), spread-1), at
}

func equalFold(text, word []rune) bool {
	return slices.EqualFunc(text, word, func(a, b rune) bool { return unicode.ToLower(a) == b })
}

func positions(from, n int) []int {
	at := make([]int, n)
	for i := range at {
		at[i] = from + i
	}
	return at
}

// A found row is one that the filter lets through.
type found struct {
	row int // index into Options.Rows
	match
}

// filter returns the rows that match, the best first; of equal ones, and without
// a filter, in their own order.
func filter(rows []Row, typed string) []found {
	var all []found
	for i, r := range rows {
		if m, ok := r.matches(typed); ok {
			all = append(all, found{i, m})
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(b.score, a.score) })
	return all
}
