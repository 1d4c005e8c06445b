package bli

import (
	"bytes"
	"encoding/binary"
	"errors"
)

var errLoadOption = errors.New("not an EFI load option with the path of a file")

// Fields of EFI_LOAD_OPTION (UEFI specification, 3.1.3) and of the nodes of a
// device path (10.2, 10.3.4.5): sizes and values.
const (
	loadOptionHeader = 6 // attributes, length of the device paths
	pathNodeHeader   = 4 // type, subtype, length with this header
	mediaPath        = 4
	mediaFilePath    = 4
	endOfPath        = 0x7f
)

// LoadOptionPath returns the path of the program in an EFI load option, the
// content of Boot0001 and its like: "\EFI\fedora\shimx64.efi". The error means
// that data is damaged, or names no file.
func LoadOptionPath(data []byte) (string, error) {
	if len(data) < loadOptionHeader {
		return "", errLoadOption
	}
	length := int(binary.LittleEndian.Uint16(data[4:]))
	rest := data[loadOptionHeader:]
	for { // the description ends in a NUL of two bytes
		if len(rest) < 2 {
			return "", errLoadOption
		}
		end := rest[0] == 0 && rest[1] == 0
		if rest = rest[2:]; end {
			break
		}
	}
	return filePath(rest[:min(length, len(rest))])
}

// filePath joins the file path nodes of the first device path.
func filePath(nodes []byte) (string, error) {
	var name bytes.Buffer
	for len(nodes) >= pathNodeHeader && nodes[0] != endOfPath {
		size := int(binary.LittleEndian.Uint16(nodes[2:]))
		if size < pathNodeHeader || size > len(nodes) {
			return "", errLoadOption
		}
		if nodes[0] == mediaPath && nodes[1] == mediaFilePath {
			part, err := Decode(nodes[pathNodeHeader:size])
			if err != nil {
				return "", err
			}
			name.WriteString(part)
		}
		nodes = nodes[size:]
	}
	if name.Len() == 0 {
		return "", errLoadOption
	}
	return name.String(), nil
}
