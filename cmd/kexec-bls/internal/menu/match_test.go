package menu

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFilter(t *testing.T) {
	rows := []Row{
		{Title: "Fedora Linux 43", Version: "6.17.10-300.fc43.x86_64", Label: "d41e-6.17.10-300.fc43.x86_64.conf", Notes: "default"},
		{Title: "Fedora Linux 43", Version: "6.17.9-300.fc43.x86_64", Label: "d41e-6.17.9-300.fc43.x86_64.conf"},
		{Title: "Rescue of Fedora", Label: "d41e-rescue.conf", Notes: "initrd missing: /x"},
		{Title: "Ärger", Label: "z.efi"},
	}
	for typed, want := range map[string]string{
		"":               "0123",
		"  ":             "0123",
		"fedora":         "012",
		"6.17.9":         "1",
		"linux 17.10":    "0",
		"17.10 LINUX":    "0",
		"rescue":         "2",
		"missing":        "2",
		"ärg":            "3",
		"fdr":            "012", // letters in that order
		"frz":            "",
		"fl43":           "01",
		"fedora nothing": "",
		"efi":            "3",
		"300.fc43":       "01",
	} {
		got := ""
		for _, f := range filter(rows, typed) {
			got += string('0' + rune(f.row))
		}
		assert.Equal(t, want, got, typed)
	}
}

// The best come first: a word of its own, then what is inside of one, then letters.
func TestFilterOrder(t *testing.T) {
	var titles []string
	rows := []Row{{Title: "l-t-s"}, {Title: "results"}, {Title: "Linux LTS"}, {Title: "lts"}}
	for _, f := range filter(rows, "lts") {
		titles = append(titles, rows[f.row].Title)
	}
	assert.Equal(t, []string{"Linux LTS", "lts", "results", "l-t-s"}, titles)
}

func TestMatchMarks(t *testing.T) {
	m, ok := Row{Title: "Arch Linux", Version: "6.16"}.matches("lin 16")
	assert.True(t, ok)
	assert.Equal(t, []int{5, 6, 7}, m.at[0])
	assert.Equal(t, []int{2, 3}, m.at[1])
}

// What is found is there: each marked rune is one of the word.
func FuzzFind(f *testing.F) {
	f.Add("Arch Linux", "lin")
	f.Add("Ärger", "är")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, text, word string) {
		runes, want := []rune(text), []rune(strings.ToLower(word))
		score, at := find(runes, want)
		if score == 0 {
			return
		}
		assert.Len(t, at, len(want))
		for i, p := range at {
			assert.True(t, equalFold(runes[p:p+1], want[i:i+1]))
			assert.True(t, i == 0 || p > at[i-1])
		}
	})
}
