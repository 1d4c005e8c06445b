package initrd

// A Topic is what the findings with one ID are about.
type Topic struct {
	ID    string
	About string // one clause, without a full stop
}

// Topics is every ID that a Finding can have, in alphabetical order. The manual
// explains each, and --ignore completes them.
func Topics() []Topic {
	return []Topic{
		{"acpi-late", "ACPI tables stand behind a compressed image"},
		{"bootconfig-buried", "a bootconfig is not at the end of the blob"},
		{"bootconfig-damaged", "a bootconfig has a wrong length or checksum"},
		{"cpio-checksum", "the checksum of a file in an archive is wrong"},
		{"cpio-header", "an archive has a malformed header"},
		{"cpio-links", "files of two archives would become one"},
		{"cpio-magic", "an archive breaks off where a header should begin"},
		{"cpio-misaligned", "an archive begins at an odd place"},
		{"cpio-odc", "an archive is in the old portable format"},
		{"cpio-skipped", "a file in an archive would be left out"},
		{"cpio-truncated", "an archive is cut off"},
		{"early-name", "a name in an early archive is not found by the kernel"},
		{"format-unsupported", "the new kernel cannot unpack the compression"},
		{"gzip-header", "gzip with a comment or an extra field"},
		{"junk", "a file is no initrd"},
		{"lz4-frame", "lz4 in the frame format"},
		{"lz4-unterminated", "zeros are missing behind lz4"},
		{"microcode-late", "microcode stands behind a compressed image"},
		{"microcode-twice", "microcode for one vendor is there twice"},
		{"stream-damaged", "a compressed image is damaged"},
		{"stream-empty", "a compressed image has nothing in it"},
		{"stream-junk", "a compressed image has no archive in it"},
		{"stream-truncated", "a compressed image is cut off"},
		{"stream-unread", "a compressed image can be decoded by the kernel only"},
		{"xz-check", "xz with another check than CRC32"},
		{"xz-filter", "xz with a filter that the new kernel has not"},
	}
}
