package kexec

import (
	"strconv"
	"strings"
	"unicode"
)

// kmsgTerms are what lines of the kernel log have in them when they are about
// a load, in lower case. The log is the whole machine's.
func kmsgTerms() []string {
	return []string{
		"kexec", "lockdown", "pefile", "pkcs#7", "pkcs7", "x.509", "x509", "signature", "appraise",
		"ima:", "loadpin", "command line", "elfcorehdr", "kernel image", "vmalloc", "page allocation", "i/o error",
		"avc:",
	}
}

// kernelLines picks from records of /dev/kmsg what the kernel itself logged about
// a load, a line each.
func kernelLines(records []string) []string {
	var lines []string
	for _, record := range records {
		if line := kmsgLine(record); line != "" && aboutLoad(line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// kmsgLine returns the text of a record: PRIORITY,SEQUENCE,TIME,FLAGS[,…];TEXT,
// then lines of properties. Other programs write there too; theirs have another
// facility than the kernel's 0 (bits 3 and up of the priority). What is not printable becomes a space.
func kmsgLine(record string) string {
	prefix, text, ok := strings.Cut(record, ";")
	if !ok {
		return ""
	}
	number, _, _ := strings.Cut(prefix, ",")
	if priority, err := strconv.ParseUint(number, 10, 32); err != nil || priority>>3 != 0 {
		return ""
	}
	text, _, _ = strings.Cut(text, "\n")
	const longest = 200
	line := strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " ")))
	if runes := []rune(line); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return line
}

func aboutLoad(line string) bool {
	line = strings.ToLower(line)
	for _, term := range kmsgTerms() {
		if strings.Contains(line, term) {
			return true
		}
	}
	return false
}
