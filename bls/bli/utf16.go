package bli

import (
	"encoding/binary"
	"errors"
	"slices"
	"unicode/utf16"
)

var (
	errOddLength = errors.New("an odd number of bytes, not UTF-16")
	errSurrogate = errors.New("half a surrogate pair, not UTF-16")
)

// Decode reads UTF-16LE text up to its first NUL, as systemd-boot does. The
// NUL may be missing, and no bytes are "". An odd number of bytes is an error
// wherever the NUL is, and so is half a surrogate pair before it: a text
// that was cut or garbled must not name an entry. On error the text is "".
func Decode(data []byte) (string, error) {
	list, err := split(data, 1)
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[0], nil
}

// DecodeList reads several NUL-terminated UTF-16LE strings, as LoaderEntries
// holds them. The last NUL may be missing; empty strings are left out. On
// error, by the rules of Decode, the list is nil.
func DecodeList(data []byte) ([]string, error) {
	list, err := split(data, -1)
	return slices.DeleteFunc(list, func(s string) bool { return s == "" }), err
}

// split decodes the first strings of data, at most limit; all for -1.
func split(data []byte, limit int) ([]string, error) {
	if len(data)%2 != 0 {
		return nil, errOddLength
	}
	var list []string
	var units []uint16
	for i := 0; i < len(data) && len(list) != limit; i += 2 {
		unit := uint16(data[i]) | uint16(data[i+1])<<8
		if unit != 0 {
			units = append(units, unit)
		}
		if unit != 0 && i+2 < len(data) {
			continue
		}
		s, err := text(units)
		if err != nil {
			return nil, err
		}
		list, units = append(list, s), units[:0]
	}
	return list, nil
}

// text turns UTF-16 into UTF-8; utf16.Decode alone would put U+FFFD for half a
// pair and say nothing.
func text(units []uint16) (string, error) {
	for i := 0; i < len(units); i++ {
		if !utf16.IsSurrogate(rune(units[i])) {
			continue
		}
		if i+1 == len(units) || utf16.DecodeRune(rune(units[i]), rune(units[i+1])) == '\uFFFD' {
			return "", errSurrogate
		}
		i++
	}
	return string(utf16.Decode(units)), nil
}

// Encode is text as a variable of the boot loader interface has it: UTF-16,
// little-endian, with a NUL at its end.
func Encode(text string) []byte {
	var data []byte
	for _, unit := range append(utf16.Encode([]rune(text)), 0) {
		data = binary.LittleEndian.AppendUint16(data, unit)
	}
	return data
}
