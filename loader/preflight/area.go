package preflight

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"
)

// An AreaID names an Area. It is stable.
type AreaID string

// The areas, in the order of a report. Entry, initrd and history are the
// loader's to fill in: little of them is on the machine.
const (
	AreaKernel   AreaID = "kernel"   // what the running kernel lets be loaded
	AreaEntry    AreaID = "entry"    // the entry and its kernel file
	AreaInitrd   AreaID = "initrd"   // the initrd
	AreaSecurity AreaID = "security" // Secure Boot, lockdown, signatures
	AreaDisks    AreaID = "disks"    // encrypted volumes, the TPM, hibernation
	AreaShutdown AreaID = "shutdown" // systemd, and the last step of a shutdown
	AreaMemory   AreaID = "memory"   // memory for the load and for a crash kernel
	AreaHardware AreaID = "hardware" // firmware, machine, devices, hypervisor
	AreaHistory  AreaID = "history"  // earlier kexecs of this machine
)

// Areas returns every AreaID in the order of a report.
func Areas() []AreaID {
	return []AreaID{AreaKernel, AreaEntry, AreaInitrd, AreaSecurity, AreaDisks, AreaShutdown, AreaMemory, AreaHardware, AreaHistory}
}

// An Area is a part of a machine or a plan, and what a look at it came to.
type Area struct {
	ID AreaID
	// Facts are what was seen, each a short clause. They hold whatever was found.
	Facts []string
	// Evidence is what was read, in the order of reading.
	Evidence []Evidence
	// Unseen are files that permissions hide and checks that gave no answer in time.
	Unseen []string
	// Findings are the gravest first. Those about what could not be seen are in
	// Unseen instead.
	Findings []Finding
}

// Evidence is a file or an EFI variable and what was in it: the text of a short
// one, else how much it is; "absent" where there is none.
type Evidence struct {
	Source string `json:"source"`
	Value  string `json:"value"`
}

// A Report is what Inspect found: all findings, and the same by area.
type Report struct {
	Findings []Finding
	Areas    []Area // one for each of Areas
}

func newReport() Report {
	var r Report
	for _, id := range Areas() {
		r.Areas = append(r.Areas, Area{ID: id})
	}
	return r
}

// Area returns the one with an ID, to add to; nil for an ID that is none.
func (r *Report) Area(id AreaID) *Area {
	for i := range r.Areas {
		if r.Areas[i].ID == id {
			return &r.Areas[i]
		}
	}
	return nil
}

// add adds what a check came to.
func (a *Area) add(o outcome) {
	a.Facts = append(a.Facts, o.facts...)
	a.Findings = append(a.Findings, o.findings...)
	for _, path := range o.unseen {
		if !slices.Contains(a.Unseen, path) {
			a.Unseen = append(a.Unseen, path)
		}
	}
	for _, e := range o.evidence {
		if !slices.Contains(a.Evidence, e) {
			a.Evidence = append(a.Evidence, e)
		}
	}
}

// evidence reads again, in short, what a check has read.
func (l *look) evidence() []Evidence {
	out := slices.Clone(l.record.variables)
	for _, name := range l.record.paths {
		if value := inShort(l.Host.FS, name); value != "" {
			out = append(out, Evidence{"/" + name, value})
		}
	}
	return out
}

// shortText is how much of a file is shown, in bytes.
const shortText = 80

// inShort returns what a file is or holds; "" for what cannot be read.
func inShort(root fs.FS, name string) string {
	if target, err := fs.ReadLink(root, name); err == nil {
		return "link to " + target
	}
	info, err := fs.Stat(root, name)
	switch {
	case err != nil && missing(err):
		return "absent"
	case err != nil:
		return ""
	case info.IsDir():
		entries, err := fs.ReadDir(root, name)
		if err != nil {
			return ""
		}
		return fmt.Sprintf("directory, %d entries", len(entries))
	case !info.Mode().IsRegular():
		return "device"
	case info.Size() > maxShown:
		return fmt.Sprintf("%d bytes", info.Size())
	}
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return shortened(string(text))
}

// maxShown bounds a file that is read again for its text, in bytes.
const maxShown = 1 << 20

// shortened is a line of text, or how much it is.
func shortened(text string) string {
	text = strings.Trim(text, " \t\n\x00")
	lines := strings.Count(text, "\n") + 1
	switch {
	case text == "":
		return "empty"
	case strings.ContainsFunc(text, func(r rune) bool {
		return r != '\n' && r != '\t' && unicode.IsControl(r) || r == unicode.ReplacementChar
	}):
		return fmt.Sprintf("%d bytes", len(text))
	case lines > 1:
		return fmt.Sprintf("%d lines", lines)
	case len(text) > shortText:
		return strings.ToValidUTF8(text[:shortText], "") + "..."
	}
	return text
}
