package initrd

import "github.com/kexec-bls/kexec-bls/loader/internal/finding"

// A Kind is what a segment is for.
type Kind string

// Kinds of segments. The content of a compressed segment that was not decoded
// is not known: the first one is taken for the main image, those after it for
// extras.
const (
	Microcode Kind = "microcode" // early archive with CPU microcode
	ACPI      Kind = "acpi"      // early archive with ACPI tables
	Early     Kind = "early"     // early archive with both, or something else below kernel/
	Main      Kind = "main"      // has an init
	Extra     Kind = "extra"     // anything else
)

// A Segment is one archive or compressed stream in the blob; an image file may
// consist of several.
type Segment struct {
	Member   string // name of the member that it begins in
	Offset   int64  // in the blob, bytes
	Size     int64  // bytes, without the zeros after it
	Format   Format
	Kind     Kind
	Vendors  []string // CPU vendors with microcode in it: "GenuineIntel", "AuthenticAMD"; 16 at most
	Entries  int      // files in it; -1: not known
	Unpacked int64    // bytes after decompression; -1: not known
	Dropped  bool     // the kernel never gets this far
}

const (
	maxSegments = 4096 // in a report
	maxReleases = 64
	maxVendors  = 16
)

// A Report is what the kernel will see in a blob.
type Report struct {
	Size     int64
	Segments []Segment // the first 4096
	More     int       // how many segments there are besides
	Findings []Finding // about a hundred of each ID at most, then their number
	// Releases are the kernels for which there are modules below lib/modules, in
	// what was looked at: sorted, 64 at most.
	Releases []string
	// Decoded reports whether every compressed segment that the kernel gets to
	// was decoded, so that nothing was left unseen.
	Decoded bool
}

// Errors returns the findings for which content is lost, without those whose
// ID is ignored.
func (r Report) Errors(ignore ...ID) []Finding { return finding.Errors(r.Findings, ignore...) }
