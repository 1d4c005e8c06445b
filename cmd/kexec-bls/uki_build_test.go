//go:build vm || e2e

package main

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
)

// withSections appends sections to a program, as ukify does.
func withSections(t *testing.T, program []byte, sections ...fixtures.Section) []byte {
	t.Helper()
	le := binary.LittleEndian
	out := bytes.Clone(program)
	pe := int(le.Uint32(out[0x3c:]))
	opt := pe + 24
	count := int(le.Uint16(out[pe+6:]))
	table := opt + int(le.Uint16(out[pe+20:]))
	require.LessOrEqual(t, table+40*(count+len(sections)), int(le.Uint32(out[opt+60:])), "no room in the headers")
	const page, fileAlign = 4096, 512
	address := (int(le.Uint32(out[opt+56:])) + page - 1) &^ (page - 1)
	for i, s := range sections {
		out = append(out, make([]byte, -len(out)&(fileAlign-1))...)
		row := out[table+40*(count+i):][:40]
		clear(row)
		copy(row, s.Name)
		le.PutUint32(row[8:], uint32(len(s.Data)))
		le.PutUint32(row[12:], uint32(address))
		le.PutUint32(row[16:], uint32((len(s.Data)+fileAlign-1)&^(fileAlign-1)))
		le.PutUint32(row[20:], uint32(len(out)))
		le.PutUint32(row[36:], 0x40000040)
		out = append(out, s.Data...)
		address += max(page, (len(s.Data)+page-1)&^(page-1))
	}
	out = append(out, make([]byte, -len(out)&(fileAlign-1))...)
	le.PutUint16(out[pe+6:], uint16(count+len(sections)))
	le.PutUint32(out[opt+56:], uint32(address))
	return out
}
