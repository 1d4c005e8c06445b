package initrd

import (
	"fmt"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
	"github.com/kexec-bls/kexec-bls/loader/initrd/cpio"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
)

// A Finding is something in the blob that the kernel will not take as it was
// meant. Member names the file at fault; Offset is in the blob, or in the
// unpacked stream where Stream is set.
type Finding = finding.Finding

// An ID names a kind of finding.
type ID = finding.ID

// A Topic is what the findings with one ID are about.
type Topic = finding.Topic

// What a walk finds, besides the IDs of the packages cpio and compress.
const (
	ACPILate          ID = "acpi-late"
	BootconfigBuried  ID = "bootconfig-buried"
	BootconfigDamaged ID = "bootconfig-damaged"
	CPIOLinks         ID = "cpio-links"
	EarlyName         ID = "early-name"
	FormatUnsupported ID = "format-unsupported"
	Junk              ID = "junk"
	LZ4FrameFormat    ID = "lz4-frame"
	LZ4Unterminated   ID = "lz4-unterminated"
	MicrocodeLate     ID = "microcode-late"
	MicrocodeTwice    ID = "microcode-twice"
	StreamEmpty       ID = "stream-empty"
	StreamJunk        ID = "stream-junk"
	StreamZeros       ID = "stream-zeros"
	TreeDevice        ID = "tree-device"
	TreeDirectory     ID = "tree-directory"
	TreeFile          ID = "tree-file"
	TreeLink          ID = "tree-link"
	TreeLoop          ID = "tree-loop"
	TreeName          ID = "tree-name"
	TreeParent        ID = "tree-parent"
	TreeReplaced      ID = "tree-replaced"
	TreeUnread        ID = "tree-unread"
)

// A rule is what is known of an ID. The text of a finding is made where it is
// found.
type rule struct {
	id       ID
	severity finding.Severity
	about    string
	hint     string
}

const remake = "create the image again"

// rules are in alphabetical order.
func rules() []rule {
	return append(archiveRules(), treeRules()...)
}

func archiveRules() []rule {
	const e, w = finding.Error, finding.Warning
	return []rule{
		{ACPILate, w, "ACPI tables come after a compressed image", string(hint.EarlyFirst)},
		{BootconfigBuried, e, "a bootconfig is not at the end of the blob", "have it last in the blob, or remove it (bootconfig -d FILE)"},
		{BootconfigDamaged, w, "a bootconfig has a wrong length or checksum", "write it again with bootconfig -a"},
		{cpio.Checksum, e, "the checksum of a file in an archive is wrong", remake},
		{cpio.Header, e, "an archive has a malformed header", remake},
		{CPIOLinks, e, "files of two archives would become one", "end each archive with a trailer"},
		{cpio.Magic, e, "an archive ends where a header should begin", remake},
		{cpio.Misaligned, e, "an archive begins at an offset that is not a multiple of 4", "join with zeros up to a multiple of 4"},
		{cpio.ODC, e, "an archive is in the old portable format", "create the archive with cpio -H newc"},
		{cpio.Padding, e, "a compressed archive ends before the zeros after its last file", remake},
		{cpio.Skipped, e, "the kernel would leave out a file of an archive", remake},
		{cpio.Truncated, e, "an archive is cut off", remake},
		{EarlyName, w, "the kernel does not find a name in an early archive", "store the name without a leading ./ or /"},
		{FormatUnsupported, e, "the new kernel cannot unpack the compression", "compress in a format that this kernel is configured for"},
		{compress.GzipHeader, e, "gzip with a comment or an extra field", "compress with gzip -n"},
		{Junk, e, "a file is not an initrd", "remove the file from the entry, or create it again"},
		{LZ4FrameFormat, e, "lz4 in the frame format", "compress with lz4 -l"},
		{LZ4Unterminated, e, "zeros are missing after lz4", "put at least 4 zero bytes after the lz4 stream"},
		{MicrocodeLate, w, "microcode comes after a compressed image", string(hint.EarlyFirst)},
		{MicrocodeTwice, w, "two files hold microcode for one vendor", "put the wanted one first"},
		{compress.Checksum, w, "a checksum is wrong that the kernel does not compare", remake},
		{compress.Damaged, e, "a compressed image is damaged", remake},
		{StreamEmpty, e, "a compressed image has nothing in it", remake},
		{StreamJunk, e, "a compressed image has no archive in it", remake},
		{compress.Truncated, e, "a compressed image is cut off", remake},
		{compress.Unread, w, "only the kernel can decode a compressed image", "compress with zstd, or with xz --check=crc32 and no other filter than --lzma2, to have it checked"},
		{StreamZeros, e, "the first compressed image begins with zeros", remake},
	}
}

func treeRules() []rule {
	const e, w = finding.Error, finding.Warning
	const sorted = "list each directory before what is in it (find without -depth)"
	return []rule{
		{TreeDevice, e, "a device node is not replaced by one with other numbers", "remove the node from one of the images"},
		{TreeDirectory, e, "a directory is not replaced by a file, because something is in it", "remove the directory from the earlier image"},
		{TreeFile, e, "a file is below something that is no directory", "remove one of the two"},
		{TreeLink, e, "a hard link cannot be made", "list each name of a hard-linked file once"},
		{TreeLoop, e, "a file is below a loop of symbolic links", "remove the links"},
		{TreeName, e, "a name is longer than the file system allows", "use names of at most 255 bytes"},
		{TreeParent, e, "a file is in a directory that does not exist", sorted},
		{TreeReplaced, w, "a file replaces one of another type", "list the path below the target of the link, or ignore this if it is intended"},
		{TreeUnread, w, "too many files to check the tree", "unpack and check the images one at a time"},
		{compress.XZCheck, e, "xz with another check than CRC32", "compress with xz --check=crc32"},
		{compress.XZFilter, e, "xz with a filter that the new kernel does not have", "compress with xz --check=crc32 and no other filter than --lzma2"},
		{compress.ZstdWindow, e, "zstd with a window of more than 128 MiB", "compress with zstd --long=27 or less"},
	}
}

func ruleFor(id ID) rule {
	for _, r := range rules() {
		if r.id == id {
			return r
		}
	}
	return rule{id: id, severity: finding.Error, hint: remake}
}

// Topics is every ID that a Finding can have, in alphabetical order.
func Topics() []Topic {
	var topics []Topic
	for _, r := range rules() {
		topics = append(topics, Topic{ID: r.id, About: r.about})
	}
	finding.SortTopics(topics)
	return topics
}

// maxOfID is how many findings of one ID are kept; those beyond are counted.
const maxOfID = 100

// A collector keeps findings.
type collector struct {
	found []Finding
	kinds map[ID]*kindFound
}

// A kindFound is what was found of one ID.
type kindFound struct {
	rule
	count  int
	member int64 // offset of the member in which it was found last, plus 1
}

func (c *collector) kind(id ID) *kindFound {
	k := c.kinds[id]
	if k == nil {
		if c.kinds == nil {
			c.kinds = map[ID]*kindFound{}
		}
		k = &kindFound{rule: ruleFor(id)}
		c.kinds[id] = k
	}
	return k
}

// add keeps a finding, or counts it. The severity and the hint are those of
// its ID.
func (c *collector) add(f Finding, format string, args ...any) {
	k := c.kind(f.ID)
	if k.count++; k.count > maxOfID {
		return
	}
	if f.Severity == "" {
		f.Severity = k.severity
	}
	f.Text, f.Hint = fmt.Sprintf(format, args...), k.hint
	c.found = append(c.found, f)
}

// first reports whether the member at an offset is another one than at the
// last call for the ID.
func (c *collector) first(id ID, member int64) bool {
	k := c.kind(id)
	was := k.member
	k.member = member + 1
	return was != k.member
}

// result is all findings, with the number of those left out.
func (c *collector) result() []Finding {
	for _, r := range rules() {
		if k := c.kinds[r.id]; k != nil && k.count > maxOfID {
			c.found = append(c.found, Finding{
				ID: r.id, Severity: r.severity, Hint: r.hint, Text: fmt.Sprintf("%d more findings of this kind", k.count-maxOfID),
			})
		}
	}
	return c.found
}
