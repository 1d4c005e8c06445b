package uki

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What systemd makes of each text was asked of systemd-tmpfiles, which expands
// fields of os-release: thousands of random texts, of which these are telling.
func TestAssignments(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []assignment
	}{
		{"plain", "ID=arch\nNAME=x\n", []assignment{{"ID", "arch"}, {"NAME", "x"}}},
		{"no newline at the end", "ID=arch", []assignment{{"ID", "arch"}}},
		{"CRLF", "ID=arch\r\nNAME=x\r\n", []assignment{{"ID", "arch"}, {"NAME", "x"}}},
		{"CR alone", "ID=arch\rNAME=x", []assignment{{"ID", "arch"}, {"NAME", "x"}}},
		{"comments", "# a=b\n;c=d\n  #e=f\nID=x # y\n", []assignment{{"ID", "x # y"}}},
		{"a comment ends at its line whatever precedes", "#a\\\nID=x\n", []assignment{{"ID", "x"}}},
		{"blanks round all parts", " \t ID \t=\t arch linux \t\n", []assignment{{"ID", "arch linux"}}},
		{"no value", "ID=\nNAME=  \n", []assignment{{"ID", ""}, {"NAME", ""}}},
		{"no equals sign", "ID\nNAME=x", []assignment{{"NAME", "x"}}},
		{"nothing in front of the equals sign", "=x\n==y\n", []assignment{{"=", "y"}}},
		{"second equals sign", "ID=a=b", []assignment{{"ID", "a=b"}}},
		{"double quotes", `ID="a b "`, []assignment{{"ID", "a b "}}},
		{"escapes in double quotes", `ID="\"\\\$\` + "`" + `\x\'"`, []assignment{{"ID", `"\$` + "`" + `\x\'`}}},
		{"double quotes over lines", "ID=\"a\nb\\\nc\"\n", []assignment{{"ID", "a\nbc"}}},
		{"single quotes", `ID='a "\ b'`, []assignment{{"ID", `a "\ b`}}},
		{"quotes next to each other", `ID="a"'b' c "d"`, []assignment{{"ID", `abc "d"`}}},
		{"blanks between quotes", "ID='a' \t 'b'", []assignment{{"ID", "ab"}}},
		{"quotes in a word", `ID=a"b"'c'`, []assignment{{"ID", `a"b"'c'`}}},
		{"escapes in a word", `ID=a\ \b\\c\ `, []assignment{{"ID", `a b\c `}}},
		{"a word over lines", "ID=a\\\n b \\\r c\nNAME=x", []assignment{{"ID", "a b  c"}, {"NAME", "x"}}},
		{"escape at the end", "ID=a\\", []assignment{{"ID", "a"}}},
		{"double quote never closed", "ID=\"a\nNAME=x", []assignment{{"ID", "a\nNAME=x"}}},
		{"escape at the end in quotes", "ID=\"a\\", []assignment{{"ID", "a"}}},
		{"single quote never closed", "ID='a\n", []assignment{{"ID", "a\n"}}},
		{"nothing", " \n\t\r\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []assignment
			for a := range assignments(tt.text) {
				got = append(got, a)
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestAssignmentsStop(t *testing.T) {
	for a := range assignments("A=1\nB=2\n") {
		assert.Equal(t, "A", a.key)
		break
	}
}

// quote writes a value so that it must be read back as it is.
func quote(value string) string {
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, "`", "\\`", "$", `\$`).Replace(value) + `"`
}

// FuzzOSRelease holds: result empty exactly on error, and whatever was read
// reads the same again when it is written with quotes.
func FuzzOSRelease(f *testing.F) {
	f.Add("ID=arch\nPRETTY_NAME=\"Arch Linux\"\nBUILD_ID=rolling\n")
	f.Add("ID='a\\b' c \\\n d\n#x\\\nNAME=\"\\$\\x\n\"")
	f.Add("=\r==\\\n;ID=x")
	f.Add("IMAGE_ID=\"img x\"\nIMAGE_VERSION=40.1\nVERSION='44 (Forty Four)'")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseOSRelease(text)
		if (err != nil) != (got == OSRelease{}) {
			t.Fatalf("%+v with error %v", got, err)
		}
		var again strings.Builder
		var want []assignment
		for a := range assignments(text) {
			if strings.ContainsAny(a.key[:1], "#;") || strings.ContainsAny(a.key, "\n\r") {
				t.Fatalf("key %q", a.key)
			}
			want = append(want, a)
			again.WriteString(a.key + "=" + quote(a.value) + "\n")
		}
		n := 0
		for a := range assignments(again.String()) {
			if a != want[n] {
				t.Fatalf("%+v read again is %+v", want[n], a)
			}
			n++
		}
		if n != len(want) {
			t.Fatalf("%d of %d read again", n, len(want))
		}
	})
}
