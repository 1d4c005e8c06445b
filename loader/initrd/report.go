package initrd

import "fmt"

// A Kind says what a piece is for.
type Kind string

// Kinds of pieces. Without Verify the content of a compressed piece is not
// known: the first one is taken for the main image, those after it for extras.
const (
	Microcode Kind = "microcode" // early archive with CPU microcode
	ACPI      Kind = "acpi"      // early archive with ACPI tables
	Early     Kind = "early"     // early archive with both, or something else below kernel/
	Main      Kind = "main"      // has an init
	Extra     Kind = "extra"     // anything else
)

// A Piece is one archive or compressed stream in the blob; an image file may
// consist of several.
type Piece struct {
	Member   string // name of the member that it begins in
	Offset   int64  // in the blob, bytes
	Size     int64  // bytes, without the zeros behind it
	Format   Format
	Kind     Kind
	Vendors  []string // CPU vendors with microcode in it: "GenuineIntel", "AuthenticAMD"
	Entries  int      // files in it; -1: not known
	Unpacked int64    // bytes after decompression; -1: not known
	Dropped  bool     // the kernel never gets this far

	pure  bool // early files and their directories, and nothing else
	ended bool // by a trailer
}

// A Severity says what a finding means for the boot.
type Severity string

// Severities of findings.
const (
	Loses   Severity = "loses"   // the kernel silently drops files
	Weakens Severity = "weakens" // the files are there, something else is not as wanted
)

// A Finding is something in the blob that the kernel will not take as it was
// meant.
type Finding struct {
	ID       string // stable, for --ignore
	Severity Severity
	Member   string // the file at fault
	Offset   int64  // in the blob, or in the unpacked stream where Stream is set
	Stream   bool
	Text     string // one sentence
	Mend     string // what to do
}

// String is the finding as one line.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s; %s [%s]", f.Member, f.Text, f.Mend, f.ID)
}

// A Report is what the kernel will see in a blob.
type Report struct {
	Size     int64
	Pieces   []Piece
	Findings []Finding
}

// Lossy returns the findings that lose files, without those whose ID is in
// ignore; "all" stands for every ID.
func (r Report) Lossy(ignore ...string) []Finding {
	skip := map[string]bool{}
	for _, id := range ignore {
		skip[id] = true
	}
	var out []Finding
	for _, f := range r.Findings {
		if f.Severity == Loses && !skip[f.ID] && !skip["all"] {
			out = append(out, f)
		}
	}
	return out
}

// missing returns the first reason for which files are not in a walk that
// looked at everything.
func (r Report) missing() (Finding, bool) {
	for _, f := range r.Findings {
		if f.Severity == Loses || f.ID == "stream-unread" {
			return f, true
		}
	}
	return Finding{}, false
}

// A rule is what is said about a finding besides its own text.
type rule struct {
	severity Severity
	mend     string
}

// ruleFor knows every ID. The text of a finding is made where it is found.
func ruleFor(id string) rule {
	const remake = "make the image again"
	switch id {
	case "cpio-misaligned":
		return rule{Loses, "join with zeros up to a multiple of 4"}
	case "cpio-odc":
		return rule{Loses, "make the archive with cpio -H newc"}
	case "cpio-truncated", "cpio-header", "cpio-magic", "cpio-checksum", "stream-damaged", "stream-truncated", "stream-junk", "stream-empty":
		return rule{Loses, remake}
	case "cpio-skipped":
		return rule{Loses, remake}
	case "cpio-links":
		return rule{Loses, "end each archive with a trailer"}
	case "junk":
		return rule{Loses, "remove the file from the entry, or make it again"}
	case "lz4-unterminated":
		return rule{Loses, "put at least 4 zero bytes behind the lz4 stream"}
	case "lz4-frame":
		return rule{Loses, "compress with lz4 -l"}
	case "gzip-header":
		return rule{Loses, "compress with gzip -n"}
	case "bootconfig-buried":
		return rule{Loses, "have it last in the blob, or remove it (bootconfig -d FILE)"}
	case "bootconfig-damaged":
		return rule{Weakens, "write it again with bootconfig -a"}
	case "xz-check":
		return rule{Weakens, "compress with xz --check=crc32"}
	case "xz-filter":
		return rule{Weakens, "compress with xz --check=crc32 and no other filter than --lzma2"}
	case "stream-unread":
		return rule{Weakens, "compress with xz --check=crc32 and no other filter than --lzma2 to have it looked at"}
	case "format-unsupported":
		return rule{Weakens, "compress in a format that this kernel is configured for"}
	case "microcode-late", "acpi-late":
		return rule{Weakens, "put it in front of every compressed image (--early-first)"}
	case "microcode-twice":
		return rule{Weakens, "put the wanted one first"}
	case "early-name":
		return rule{Weakens, "store the name without a leading ./ or /"}
	}
	return rule{Loses, remake}
}
