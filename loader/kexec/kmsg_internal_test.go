package kexec

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKernelLinesAreTheKernelsAboutTheLoad(t *testing.T) {
	records := []string{
		"5,1371,209394841,-;Lockdown: kexec-bls: kexec of unsigned images is restricted; see man kernel_lockdown.7\n SUBSYSTEM=x\n",
		"6,1372,209394842,-;usb 1-1: new device\n",
		"12,1373,209394843,-;kexec: from another program\n", // facility 1, user
		"4,1374,209394844,c;kexec-bzImage64: \x1b[31mNot\ta bzImage\xff\n",
		"kexec without a prefix",
		"x,1;kexec with a bad one",
		"6,1375,1,-,caller=T1;kexec: " + strings.Repeat("x", 300) + "\n",
	}
	lines := kernelLines(records)
	require.Len(t, lines, 3)
	assert.Equal(t, "Lockdown: kexec-bls: kexec of unsigned images is restricted; see man kernel_lockdown.7", lines[0])
	assert.Equal(t, "kexec-bzImage64:  [31mNot a bzImage", lines[1])
	assert.Equal(t, "kexec: "+strings.Repeat("x", 193)+"…", lines[2])
	assert.Empty(t, kernelLines(nil))
}

func FuzzKmsgLine(f *testing.F) {
	f.Add("5,1371,209394841,-;Lockdown: kexec\n SUBSYSTEM=x\n")
	f.Add(";")
	f.Add("0,;\x00\xff\u202e")
	f.Fuzz(func(t *testing.T, record string) {
		line := kmsgLine(record)
		assert.True(t, utf8.ValidString(line))
		assert.Equal(t, -1, strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }))
		assert.LessOrEqual(t, utf8.RuneCountInString(line), 201)
		if line != "" {
			assert.Equal(t, line, kmsgLine("0,;"+line), "a line stays what it is")
		}
	})
}

func TestWithoutKmsgThereAreNoLines(t *testing.T) {
	r := kmsgReader{-1}
	assert.Empty(t, r.read())
	r.close()
}
