package secureboot

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/uki"
)

const (
	sbatSection = ".sbat"
	sbatFields  = 6 // component, generation, vendor, package, version, URL
	levelFields = 2 // component, generation; the first line also has a date
)

var errSBAT = errors.New("not SBAT")

// parseSBATLevel reads SbatLevelRT: the least generation of each component.
func parseSBATLevel(b []byte) (map[string]uint64, error) {
	level := map[string]uint64{}
	for n, fields := range sbatLines(string(b)) {
		if len(fields) < levelFields {
			return nil, fmt.Errorf("EFI variable SbatLevelRT: line %d: %w", n+1, errSBAT)
		}
		generation, err := strconv.ParseUint(fields[1], 10, 16)
		if err != nil {
			return nil, fmt.Errorf("EFI variable SbatLevelRT: line %d: generation: %w", n+1, err)
		}
		level[fields[0]] = max(level[fields[0]], generation)
	}
	return level, nil
}

// sbatLines splits the lines of SBAT's CSV, which knows no quotes. Lines end in
// LF, CR LF or NUL at the end.
func sbatLines(text string) [][]string {
	var lines [][]string
	text = strings.TrimPrefix(strings.TrimRight(text, "\x00"), "\ufeff")
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			lines = append(lines, strings.Split(line, ","))
		}
	}
	return lines
}

// checkSBAT refuses an image of an older generation than shim asks for. An
// image without .sbat passes: so do those that a boot loader has shim verify.
func (d Databases) checkSBAT(r io.ReaderAt, size int64) error {
	if len(d.sbat) == 0 {
		return nil
	}
	m, err := uki.Open(r, size)
	if err != nil {
		return err
	}
	text, err := sbatText(m)
	if err != nil {
		return err
	}
	for n, fields := range sbatLines(text) {
		if len(fields) < sbatFields {
			return refuse(Malformed, "section %s: line %d has %d fields, want %d", sbatSection, n+1, len(fields), sbatFields)
		}
		// shim takes what is no number for 0.
		generation, err := strconv.ParseUint(fields[1], 10, 16)
		if err != nil {
			generation = 0
		}
		if least := d.sbat[fields[0]]; generation < least {
			return refuse(Outdated, "SBAT generation %d of %q, but SbatLevelRT asks for %d", generation, fields[0], least)
		}
	}
	return nil
}

// sbatText is the content of the only .sbat section, "" without one.
func sbatText(m *uki.Image) (string, error) {
	text, found := "", false
	for _, s := range m.Sections {
		if s.Name != sbatSection {
			continue
		}
		if found {
			return "", refuse(Malformed, "two sections %s", sbatSection)
		}
		var err error
		if text, err = s.Text(); err != nil {
			return "", refuse(Malformed, "%w", err)
		}
		found = true
	}
	return text, nil
}
