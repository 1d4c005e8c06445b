package compress

import "github.com/kexec-bls/kexec-bls/loader/internal/finding"

// What may be wrong with a stream.
const (
	Damaged    finding.ID = "stream-damaged"   // the kernel's decompressor fails
	Truncated  finding.ID = "stream-truncated" // it is cut off
	Unread     finding.ID = "stream-unread"    // the kernel may decode it, this package does not
	Checksum   finding.ID = "stream-checksum"  // a checksum is wrong that the kernel does not compare
	GzipHeader finding.ID = "gzip-header"      // a header field that the kernel does not skip
	XZCheck    finding.ID = "xz-check"         // an integrity check that the kernel refuses
	XZFilter   finding.ID = "xz-filter"        // a filter that the kernel refuses or was not built with
	ZstdWindow finding.ID = "zstd-window"      // more than 128 MiB
)
