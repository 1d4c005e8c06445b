// Package raw keeps text of any bytes through JSON, which is UTF-8: the names of
// files and what boot entries say need not be.
package raw

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A String is text of any bytes. In JSON it is a string; one that is not UTF-8,
// or that begins with a backslash, is a backslash and its bytes in hexadecimal.
type String string

const marker = `\`

// MarshalJSON writes the text.
func (s String) MarshalJSON() ([]byte, error) {
	text := string(s)
	if !utf8.ValidString(text) || strings.HasPrefix(text, marker) {
		text = marker + hex.EncodeToString([]byte(text))
	}
	return json.Marshal(text)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *String) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	if digits, ok := strings.CutPrefix(text, marker); ok {
		bytes, err := hex.DecodeString(digits)
		if err != nil {
			return fmt.Errorf("text %q: %w", text, err)
		}
		text = string(bytes)
	}
	*s = String(text)
	return nil
}

// Strings converts a list back.
func Strings(list []String) []string {
	var out []string
	for _, s := range list {
		out = append(out, string(s))
	}
	return out
}
