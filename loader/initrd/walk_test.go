package initrd_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"

	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
	"github.com/kexec-bls/kexec-bls/loader/initrd/cpio"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
)

// cat joins as cat(1) does, and says where everything is.
func cat(blobs ...[]byte) ([]byte, initrd.Layout) {
	var b []byte
	var l initrd.Layout
	for i, blob := range blobs {
		l.Members = append(l.Members, initrd.Placed{Name: string(rune('a' + i)), Offset: int64(len(b)), Size: int64(len(blob))})
		b = append(b, blob...)
	}
	l.Size = int64(len(b))
	return b, l
}

func walk(t testing.TB, b []byte, opts initrd.WalkOptions) initrd.Report {
	t.Helper()
	rep, err := initrd.Walk(context.Background(), bytes.NewReader(b), int64(len(b)), opts)
	require.NoError(t, err)
	return rep
}

func ids(rep initrd.Report) string {
	var s []string
	for _, f := range rep.Findings {
		s = append(s, f.Member+":"+string(f.ID))
	}
	return strings.Join(s, " ")
}

var (
	ucodeIntel = newc(dir("kernel"), dir("kernel/x86"), dir("kernel/x86/microcode"), text("kernel/x86/microcode/GenuineIntel.bin", "intel"))
	ucodeAMD   = newc(text("kernel/x86/microcode/AuthenticAMD.bin", "amd"))
	acpiTables = newc(text("kernel/firmware/acpi/dsdt.aml", "dsdt"), text("kernel/firmware/acpi/ssdt.aml", "ssdt"))
	mainImage  = newc(dir("bin"), text("init", "#!/bin/sh\n"), link("bin/sh", "busybox"))
	extraImage = newc(dir("etc"), text("etc/extra", "1"))
)

func TestWalkFindings(t *testing.T) {
	lz4 := func(b []byte) []byte { return pack(t, compress.LZ4, b) }
	zstd := func(b []byte) []byte { return pack(t, compress.Zstd, b) }
	zeros := func(n int) []byte { return make([]byte, n) }
	odd := func(b []byte) []byte { return append(bytes.Clone(b), zeros((5-len(b)%4)%4)...) } // ends at 1 modulo 4
	hardlink := func(path, data string) file { return file{path: path, data: data, ino: 7, nlink: 2} }
	plain, fine := initrd.WalkOptions{}, ""
	verify := initrd.WalkOptions{Verify: initrd.VerifyAll}
	for name, tc := range map[string]struct {
		in   [][]byte
		opts initrd.WalkOptions
		want string
	}{
		"one archive":                       {[][]byte{mainImage}, plain, fine},
		"zeros in front":                    {[][]byte{zeros(512), mainImage, zeros(5000), extraImage}, plain, fine},
		"zeros to an odd offset, then zstd": {[][]byte{zeros(3), zstd(mainImage)}, verify, fine},
		"streams without padding":           {[][]byte{zstd(mainImage), zstd(extraImage), pack(t, compress.Gzip, extraImage)}, verify, fine},
		"512 byte blocks of GNU cpio":       {[][]byte{append(bytes.Clone(mainImage), zeros(512-len(mainImage)%512)...), extraImage}, plain, fine},

		"archive at an odd offset":         {[][]byte{odd(zstd(mainImage)), extraImage, mainImage}, plain, "b:cpio-misaligned"},
		"archive behind a zero of its own": {[][]byte{pad4(zstd(mainImage)), append([]byte{0}, extraImage...)}, plain, "b:cpio-misaligned"},
		"archive behind an odd archive":    {[][]byte{append(bytes.Clone(mainImage), 0), extraImage}, plain, "b:cpio-misaligned"},
		"stream behind an odd archive":     {[][]byte{append(bytes.Clone(mainImage), 0), zstd(extraImage)}, plain, "b:cpio-misaligned"},
		"text":                             {[][]byte{mainImage, []byte("hello\n\n\n"), extraImage}, plain, "b:junk"},
		"text first":                       {[][]byte{[]byte("hello")}, plain, "a:junk"},
		"odc":                              {[][]byte{append([]byte("070707"), zeros(120)...), extraImage}, plain, "a:cpio-odc"},
		"bad magic":                        {[][]byte{append([]byte("070799"), zeros(120)...)}, plain, "a:cpio-magic"},
		"bad field":                        {[][]byte{bytes.Replace(mainImage, []byte("070701000"), []byte("070701x00"), 1)}, plain, "a:cpio-header"},
		"name without NUL":                 {[][]byte{newc(file{path: "abcdef", nameSize: 3})}, plain, "a:cpio-header"},
		"cut in a header":                  {[][]byte{mainImage[:len(mainImage)-60], extraImage}, plain, "a:cpio-truncated"},
		"cut in a name":                    {[][]byte{mainImage[:len(mainImage)-10], extraImage}, plain, "a:cpio-truncated"},
		"cut in a file":                    {[][]byte{entries(text("a", strings.Repeat("x", 100)))[:150], extraImage}, plain, "a:cpio-truncated"},
		"cut in a file at the end":         {[][]byte{entries(text("a", strings.Repeat("x", 100)))[:150]}, plain, "a:cpio-truncated"},
		"last padding missing":             {[][]byte{entries(text("a", "x"))[:117]}, plain, fine},
		"last padding missing in a stream": {[][]byte{zstd(entries(text("init", "x"))[:117]), extraImage}, verify, "a:cpio-padding"},
		"padding of a name missing":        {[][]byte{entries(text("ab", "x"), dir("abcd"))[:116+115]}, plain, "a:cpio-truncated"},
		"padding of a trailer missing":     {[][]byte{mainImage[:len(mainImage)-3]}, plain, fine},
		"the same in a stream":             {[][]byte{zstd(mainImage[:len(mainImage)-3])}, verify, "a:cpio-truncated"},
		"wrong sum, not verified":          {[][]byte{newc(file{path: "a", data: "ab", crc: true, check: 1})}, plain, "a:cpio-checksum"},
		"link target too long":             {[][]byte{newc(link("a", strings.Repeat("x", 5000)), text("b", "1"))}, plain, "a:cpio-skipped"},
		"directory with content":           {[][]byte{newc(file{path: "a", mode: 0o40755, data: "x"}, text("b", "1"))}, plain, "a:cpio-skipped"},
		"name too long":                    {[][]byte{newc(text(strings.Repeat("x", 4096), "1"), text("b", "1"))}, plain, "a:cpio-skipped"},
		"right sum":                        {[][]byte{newc(file{path: "a", data: "ab", crc: true, check: 'a' + 'b'})}, verify, fine},
		"wrong sum":                        {[][]byte{newc(file{path: "a", data: "ab", crc: true, check: 1}), extraImage}, verify, "a:cpio-checksum"},
		"links across archives":            {[][]byte{entries(hardlink("a", "1"), hardlink("b", "")), newc(hardlink("c", "2"), hardlink("d", ""))}, plain, "b:cpio-links b:cpio-links"},
		"links, trailer between":           {[][]byte{newc(hardlink("a", "1"), hardlink("b", "")), newc(hardlink("c", "2"), hardlink("d", ""))}, plain, fine},
		"links across compressed archives": {[][]byte{zstd(entries(hardlink("a", "1"))), zstd(newc(hardlink("c", "2")))}, verify, "b:cpio-links"},

		"lz4, then an archive":         {[][]byte{pad4(lz4(mainImage)), extraImage}, plain, "a:lz4-unterminated"},
		"lz4, three zeros, gzip":       {[][]byte{append(lz4(mainImage), 0, 0, 0), pack(t, compress.Gzip, extraImage)}, plain, "a:lz4-unterminated"},
		"lz4, four zeros, gzip":        {[][]byte{append(lz4(mainImage), 0, 0, 0, 0), pack(t, compress.Gzip, extraImage)}, verify, fine},
		"lz4, lz4":                     {[][]byte{lz4(mainImage), lz4(extraImage)}, verify, fine},
		"lz4, zero, lz4":               {[][]byte{append(lz4(mainImage), 0), lz4(extraImage)}, plain, "a:lz4-unterminated"},
		"lz4 at the end":               {[][]byte{mainImage, append(lz4(extraImage), 0, 0, 0)}, verify, fine},
		"lz4 block too large":          {[][]byte{[]byte("\x02\x21\x4c\x18\xff\xff\xff\x7fxxxx")}, plain, "a:stream-damaged"},
		"lz4 cut":                      {[][]byte{lz4(mainImage)[:30], extraImage}, plain, "a:stream-truncated"},
		"lz4 frame":                    {[][]byte{[]byte("\x04\x22\x4d\x18xxxxxxxx"), extraImage}, plain, "a:lz4-frame"},
		"xz with CRC64":                {[][]byte{xzCheck(t, xz.CRC64, mainImage), extraImage}, plain, "a:xz-check"},
		"xz with SHA256":               {[][]byte{xzCheck(t, xz.SHA256, mainImage)}, verify, "a:xz-check"},
		"xz without check":             {[][]byte{xzCheck(t, 0, mainImage)}, verify, fine},
		"xz with the filter x86":       {[][]byte{testFile(t, "x86.xz"), mainImage}, verify, fine},
		"xz with x86, not built in":    {[][]byte{testFile(t, "x86.xz"), mainImage}, initrd.WalkOptions{Built: func(o string) bool { return o != "CONFIG_XZ_DEC_X86" }}, "a:xz-filter"},
		"xz with the filter arm":       {[][]byte{testFile(t, "arm.xz"), mainImage}, plain, fine},
		"xz with arm64, not looked at": {[][]byte{arm64XZ(t), mainImage}, verify, "a:stream-unread"},
		"xz with arm":                  {[][]byte{testFile(t, "arm.xz"), mainImage}, verify, fine},
		"xz with two filters":          {[][]byte{testFile(t, "delta-x86.xz")}, plain, "a:xz-filter"},
		"xz twice, zeros between":      {[][]byte{append(append(xzCheck(t, xz.CRC32, mainImage), 0, 0, 0, 0, 0), xzCheck(t, xz.CRC32, extraImage)...)}, verify, fine},
		"gzip with a name":             {[][]byte{gzipHeader(t, gzip.Header{Name: "initrd"}, mainImage)}, verify, fine},
		"gzip with a comment":          {[][]byte{gzipHeader(t, gzip.Header{Comment: "initrd"}, mainImage)}, plain, "a:gzip-header"},
		"gzip with an extra field":     {[][]byte{gzipExtra(t, mainImage)}, plain, "a:gzip-header"},
		"zstd cut":                     {[][]byte{zstd(mainImage)[:40], extraImage}, plain, "a:stream-truncated"},
		"zstd magic alone":             {[][]byte{[]byte("\x28\xb5")}, plain, "a:stream-truncated"},
		"lzop without sums":            {[][]byte{testFile(t, "nosums.lzo")}, plain, "a:stream-damaged"},
		"format not in the kernel":     {[][]byte{zstd(mainImage)}, initrd.WalkOptions{Built: func(o string) bool { return o != "CONFIG_RD_ZSTD" }}, "a:format-unsupported"},
		"format in the kernel":         {[][]byte{zstd(mainImage), mainImage}, initrd.WalkOptions{Built: func(o string) bool { return o == "CONFIG_RD_ZSTD" || o == "CONFIG_BLK_DEV_INITRD" }}, fine},
		"no initrd in the kernel":      {[][]byte{mainImage}, initrd.WalkOptions{Built: func(string) bool { return false }}, "a:format-unsupported"},
		"cut archive in a stream":      {[][]byte{zstd(mainImage[:len(mainImage)-60]), extraImage}, verify, "a:cpio-truncated"},
		"compressed twice":             {[][]byte{pack(t, compress.Gzip, zstd(mainImage))}, verify, "a:stream-junk"},
		"nothing compressed, first":    {[][]byte{pack(t, compress.Gzip, nil), mainImage}, verify, "a:stream-empty"},
		"nothing compressed, later":    {[][]byte{mainImage, pack(t, compress.Gzip, nil)}, verify, fine},
		"archive split in two streams": {[][]byte{pack(t, compress.Gzip, mainImage[:200]), pack(t, compress.Gzip, mainImage[200:])}, verify, "a:cpio-truncated"},

		"bootconfig at the end":          {[][]byte{mainImage, bootconfig("x=1\n")}, plain, fine},
		"bootconfig and slack":           {[][]byte{mainImage, append(bootconfig("x=1\n"), 0, 0, 0)}, plain, fine},
		"bootconfig inside":              {[][]byte{append(bytes.Clone(mainImage), bootconfig("x=1\n")...), extraImage}, plain, "a:bootconfig-buried"},
		"bootconfig with a wrong sum":    {[][]byte{mainImage, bytes.Replace(bootconfig("x=1\n"), []byte("x=1"), []byte("x=2"), 1)}, plain, "b:bootconfig-damaged"},
		"bootconfig with a wrong length": {[][]byte{mainImage, []byte("\xff\xff\xff\x00\x00\x00\x00\x00#BOOTCONFIG\n")}, plain, "b:bootconfig-damaged"},

		"junk at the end":                     {[][]byte{mainImage, []byte("hello\n\n\n")}, plain, "b:junk"},
		"junk, and an image in the same file": {[][]byte{mainImage, append([]byte("junk"), extraImage...)}, plain, "b:junk"},
		"bootconfig, too long a length":       {[][]byte{append(bytes.Clone(mainImage), longBootconfig()...)}, plain, "a:bootconfig-damaged"},
		"zeros at the start of a stream":      {[][]byte{zstd(append(zeros(4), mainImage...))}, plain, "a:stream-zeros"},
		"zeros at the start of a later one":   {[][]byte{mainImage, zstd(append(zeros(4), extraImage...))}, verify, fine},
		"odd zeros at its start":              {[][]byte{mainImage, zstd(append(zeros(3), extraImage...))}, verify, "b:cpio-misaligned"},
		"text compressed":                     {[][]byte{zstd([]byte(strings.Repeat("text", 100)))}, plain, "a:stream-junk"},
		"bad sum of gzip":                     {[][]byte{badSum(pack(t, compress.Gzip, mainImage)), extraImage}, verify, "a:stream-checksum"},
		"no parent":                           {[][]byte{newc(text("etc/ssh/root", "k"), text("etc/hostname", "h"))}, plain, "a:tree-parent a:tree-parent"},
		"no parent, in a stream":              {[][]byte{zstd(newc(text("etc/hostname", "h")))}, verify, "a:tree-parent"},
		"no parent, nor in the stream before": {[][]byte{pad4(zstd(mainImage)), newc(dir("etc/a"))}, verify, "b:tree-parent"},
		"parent in the stream before":         {[][]byte{pad4(zstd(newc(dir("etc")))), newc(text("etc/a", "1"))}, verify, fine},
		"parent perhaps in it":                {[][]byte{pad4(zstd(mainImage)), newc(text("etc/a", "1"))}, plain, fine},
		"find -depth":                         {[][]byte{newc(text("etc/hostname", "h"), dir("etc"))}, plain, "a:tree-parent"},
		"find -depth, then in order":          {[][]byte{newc(text("etc/a", "h"), dir("etc")), newc(text("etc/a", "h"))}, plain, fine},
		"a component of 256 bytes":            {[][]byte{newc(dir("n"), text("n/"+strings.Repeat("M", 256), "m"))}, plain, "a:tree-name"},
		"a component of 255 bytes":            {[][]byte{newc(dir("n"), text("n/"+strings.Repeat("M", 255), "m"))}, plain, fine},
		"below a file":                        {[][]byte{newc(text("plain", "p"), text("plain/sub", "s"))}, plain, "a:tree-file"},
		"below a loop":                        {[][]byte{newc(link("x", "y"), link("y", "x"), text("x/sub", "s"))}, plain, "a:tree-loop"},
		"link over a full directory":          {[][]byte{newc(dir("a"), text("a/x", "x"), link("a", "b"))}, plain, "a:tree-directory"},
		"link over an empty directory":        {[][]byte{newc(dir("a"), link("a", "b"))}, plain, "a:tree-replaced"},
		"hard links listed twice":             {[][]byte{newc(hardlink("a", "1"), hardlink("b", "1"), hardlink("a", "1"), hardlink("b", "1"))}, plain, "a:tree-link a:tree-link"},
		"a directory over a link":             {[][]byte{newc(dir("usr"), dir("usr/lib"), link("lib", "usr/lib")), newc(dir("lib"), text("lib/x", "1"))}, plain, "b:tree-replaced"},
		"files through a link":                {[][]byte{newc(dir("usr"), dir("usr/lib"), link("lib", "usr/lib")), newc(text("lib/x", "1"))}, plain, fine},
		"a file again":                        {[][]byte{mainImage, newc(text("init", "2"))}, plain, fine},
		"a file without a type":               {[][]byte{newc(file{path: "a", mode: 0o644})}, plain, "a:cpio-skipped"},
		"/dev is there":                       {[][]byte{newc(file{path: "dev/null", mode: 0o20666})}, plain, fine},
		"not built, then more":                {[][]byte{pad4(zstd(mainImage)), extraImage}, initrd.WalkOptions{Built: func(o string) bool { return o != "CONFIG_RD_ZSTD" }}, "a:format-unsupported"},
		"device of other numbers":             {[][]byte{newc(node(1, 3), node(1, 5))}, plain, "a:tree-device"},
		"device of the same numbers":          {[][]byte{newc(node(1, 3), node(1, 3))}, plain, fine},
		"bootconfig, an image in it":          {[][]byte{mainImage, bootconfig(string(extraImage) + "x=1\n")}, plain, "b:bootconfig-damaged"},
		"bootconfig, too short a length":      {[][]byte{mainImage, append([]byte("x=1\n"), bootconfig("")...)}, plain, "b:junk"},
		"bzip2, randomised, later":            {[][]byte{mainImage, randomised(t)}, plain, "b:stream-damaged"},

		"microcode first":             {[][]byte{ucodeIntel, ucodeAMD, acpiTables, zstd(mainImage)}, verify, fine},
		"microcode behind plain main": {[][]byte{mainImage, ucodeIntel}, plain, fine},
		"microcode late":              {[][]byte{pad4(zstd(mainImage)), ucodeIntel}, plain, "b:microcode-late"},
		"ACPI late":                   {[][]byte{pad4(zstd(mainImage)), acpiTables}, plain, "b:acpi-late"},
		"microcode compressed":        {[][]byte{zstd(ucodeIntel)}, verify, "a:microcode-late"},
		"microcode twice":             {[][]byte{ucodeIntel, ucodeIntel}, plain, "b:microcode-twice"},
		"microcode with a dot":        {[][]byte{newc(text("./kernel/x86/microcode/GenuineIntel.bin", "u"))}, plain, "a:early-name"},
	} {
		t.Run(name, func(t *testing.T) {
			b, layout := cat(tc.in...)
			tc.opts.Layout = layout
			assert.Equal(t, tc.want, ids(walk(t, b, tc.opts)))
		})
	}
}

func node(major, minor uint32) file {
	return file{path: "node", mode: 0o20600, rdev: [2]uint32{major, minor}}
}

// randomised is bzip2 with a flag that only versions before 0.9.5 wrote.
func randomised(t *testing.T) []byte {
	b := pack(t, compress.Bzip2, sampleArchive())
	b[14] |= 0x80
	return b
}

// longBootconfig has a length that is larger than it is.
func longBootconfig() []byte {
	b := bootconfig("x=1\n")
	b[len(b)-20] += 200
	return b
}

// badSum flips a bit in the trailer of a gzip stream.
func badSum(b []byte) []byte {
	b[len(b)-6] ^= 1
	return b
}

// What loses content is an error, what replaces or follows all images is not.
func TestWalkSeverities(t *testing.T) {
	for name, tc := range map[string]struct {
		in   [][]byte
		want finding.Severity
	}{
		"junk first":         {[][]byte{[]byte("junk")}, finding.Error},
		"junk last":          {[][]byte{mainImage, []byte("junk")}, finding.Warning},
		"damaged magic":      {[][]byte{mainImage, append([]byte("\xa8"), pack(t, compress.Zstd, extraImage)[1:]...)}, finding.Error},
		"padding, odd image": {[][]byte{append(pack(t, compress.Gzip, entries(text("init", "x"))[:117]), make([]byte, 4)...), append([]byte{0}, extraImage...)}, finding.Error},
		"gzip of old":        {[][]byte{mainImage, []byte("\x1f\x9e\x08\x00xxxxxxxx")}, finding.Error},
		"bootconfig covers":  {[][]byte{mainImage, bootconfig(string(extraImage))}, finding.Error},
		"no last padding":    {[][]byte{pack(t, compress.Gzip, entries(text("init", "x"))[:117])}, finding.Warning},
		"junk before zeros":  {[][]byte{mainImage, []byte("junk"), make([]byte, 8)}, finding.Warning},
		"junk before images": {[][]byte{mainImage, []byte("junk"), extraImage}, finding.Error},
		"junk and an image":  {[][]byte{mainImage, append([]byte("junk"), extraImage...)}, finding.Error},
		"junk and a stream":  {[][]byte{mainImage, append([]byte("junk"), xzCheck(t, xz.CRC32, extraImage)...)}, finding.Error},
		"lz4 and junk":       {[][]byte{append(pack(t, compress.LZ4, mainImage), "junkjunk"...)}, finding.Warning},
		"lz4 and an image":   {[][]byte{pad4(pack(t, compress.LZ4, mainImage)), extraImage}, finding.Error},
		"bootconfig length":  {[][]byte{mainImage, longBootconfig()}, finding.Warning},
		"lz4 frame last":     {[][]byte{mainImage, []byte("\x04\x22\x4d\x18xxxx")}, finding.Error},
		"no parent":          {[][]byte{newc(text("a/b", "1"))}, finding.Error},
		"replaced":           {[][]byte{newc(text("a", "1"), dir("a"))}, finding.Warning},
		"xz with CRC64":      {[][]byte{xzCheck(t, xz.CRC64, mainImage)}, finding.Error},
		"microcode too late": {[][]byte{pad4(pack(t, compress.Zstd, mainImage)), ucodeIntel}, finding.Warning},
	} {
		t.Run(name, func(t *testing.T) {
			b, layout := cat(tc.in...)
			rep := walk(t, b, initrd.WalkOptions{Layout: layout, Verify: initrd.VerifyFast})
			require.Len(t, rep.Findings, 1, ids(rep))
			assert.Equal(t, tc.want, rep.Findings[0].Severity, rep.Findings[0])
		})
	}
}

func TestWalkReleases(t *testing.T) {
	b := newc(dir("lib"), dir("lib/modules"), dir("lib/modules/6.1"), dir("usr"), dir("usr/lib"), dir("usr/lib/modules"), dir("usr/lib/modules/7.2"),
		text("lib/modules/6.1/x", ""), text("usr/lib/modules/7.2/y", ""), dir("lib/modules/5.10"))
	rep := walk(t, pack(t, compress.Zstd, b), initrd.WalkOptions{Verify: initrd.VerifyFast})
	assert.Equal(t, []string{"6.1", "7.2"}, rep.Releases)
	assert.True(t, rep.Decoded)
	rep = walk(t, pack(t, compress.XZ, b), initrd.WalkOptions{Verify: initrd.VerifyFast})
	assert.Empty(t, rep.Releases)
	assert.False(t, rep.Decoded)
}

func TestWalkEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, f := range []initrd.Format{initrd.Newc, compress.Zstd} {
		b := pack(t, f, mainImage)
		_, err := initrd.Walk(ctx, bytes.NewReader(b), int64(len(b)), initrd.WalkOptions{Verify: initrd.VerifyAll})
		require.ErrorIs(t, err, context.Canceled)
	}
}

func testFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("compress", "testdata", name))
	require.NoError(t, err)
	return b
}

// What only the kernel can decode is neither damaged nor known.
func TestUnreadStream(t *testing.T) {
	arm := arm64XZ(t)
	rep := walk(t, arm, initrd.WalkOptions{Name: "img", Verify: initrd.VerifyAll})
	require.Len(t, rep.Findings, 1)
	assert.Equal(t, finding.Warning, rep.Findings[0].Severity)
	assert.Equal(t, "xz with the filter arm64 cannot be decoded here, so what is in it was not looked at", rep.Findings[0].Text)
	require.Len(t, rep.Segments, 1)
	assert.Equal(t, -1, rep.Segments[0].Entries)
	assert.EqualValues(t, -1, rep.Segments[0].Unpacked)
	assert.EqualValues(t, len(arm), rep.Segments[0].Size)
	assert.False(t, rep.Decoded)
	_, _, err := flatten(t, initrd.FlatOptions{}, members(t, mainImage, arm))
	var flat *initrd.FlatError
	require.ErrorAs(t, err, &flat)
	assert.Equal(t, "b", flat.Member)
}

// arm64XZ has a filter that the library does not know.
func arm64XZ(t *testing.T) []byte {
	t.Helper()
	b := testFile(t, "arm.xz")
	header := b[12:][:4*(int(b[12])+1)]
	at := bytes.IndexByte(header[1:], 7) + 1
	require.Positive(t, at)
	header[at] = 10
	sum := len(header) - 4
	binary.LittleEndian.PutUint32(header[sum:], crc32.ChecksumIEEE(header[:sum]))
	return b
}

func xzCheck(t *testing.T, check byte, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := xz.WriterConfig{CheckSum: check, NoCheckSum: check == 0}.NewWriter(&b)
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// gzipExtra has a header field that the kernel does not skip.
func gzipExtra(t *testing.T, data []byte) []byte {
	t.Helper()
	return gzipHeader(t, gzip.Header{Extra: []byte("extra")}, data)
}

func gzipHeader(t *testing.T, h gzip.Header, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Header = h
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestWalkEveryFormatDamaged(t *testing.T) {
	for _, f := range compressed {
		t.Run(string(f), func(t *testing.T) {
			b := pack(t, f, sampleArchive())
			cut := b[:len(b)*2/3]
			rep := walk(t, cut, initrd.WalkOptions{Name: "img", Verify: initrd.VerifyAll})
			require.Len(t, rep.Findings, 1, ids(rep))
			assert.Equal(t, "img", rep.Findings[0].Member)
			assert.Equal(t, finding.Error, rep.Findings[0].Severity)
		})
	}
}

func TestWalkEveryFormat(t *testing.T) {
	for _, f := range append([]initrd.Format{initrd.Newc}, compressed...) {
		t.Run(string(f), func(t *testing.T) {
			img := pack(t, f, sampleArchive())
			b, layout := join(t, initrd.JoinOptions{}, members(t, img, extraImage, img))
			rep := walk(t, b, initrd.WalkOptions{Layout: layout, Verify: initrd.VerifyAll})
			assert.Empty(t, rep.Findings)
			require.Len(t, rep.Segments, 3)
			for i, want := range []initrd.Format{f, initrd.Newc, f} {
				p := rep.Segments[i]
				assert.Equal(t, want, p.Format)
				assert.Equal(t, layout.Members[i].Offset, p.Offset)
				assert.Equal(t, layout.Members[i].Size, p.Size, "its end is found, not guessed")
			}
			assert.EqualValues(t, len(sampleArchive()), rep.Segments[0].Unpacked)
			assert.Equal(t, 3, rep.Segments[0].Entries)
		})
	}
}

// bzip2, gzip, lz4, lzop, xz and zstd wrote these.
func TestWalkFilesOfOtherTools(t *testing.T) {
	for _, ext := range []string{"bz2", "gz", "lz4", "lzma", "lzo", "xz", "zst"} {
		name := "sample.cpio." + ext
		b, err := os.ReadFile(filepath.Join("compress", "testdata", name))
		require.NoError(t, err)
		rep := walk(t, b, initrd.WalkOptions{Name: name, Verify: initrd.VerifyAll})
		assert.Empty(t, rep.Findings)
		assert.EqualValues(t, len(sampleArchive()), rep.Segments[0].Unpacked)
		assert.EqualValues(t, len(b), rep.Segments[0].Size)
	}
}

func TestWalkPieces(t *testing.T) {
	zst := pack(t, compress.Zstd, mainImage)
	mixed := append(append(bytes.Clone(ucodeIntel), acpiTables...), zst...)
	b, layout := join(t, initrd.JoinOptions{}, members(t, ucodeAMD, mixed, extraImage, make([]byte, 8), append(bytes.Clone(extraImage), bootconfig("x=1\n")...)))
	rep := walk(t, b, initrd.WalkOptions{Layout: layout})
	assert.Empty(t, rep.Findings)
	assert.EqualValues(t, len(b), rep.Size)
	type short struct {
		member string
		kind   initrd.Kind
		format initrd.Format
		n      int
	}
	var got []short
	end := int64(0)
	for _, p := range rep.Segments {
		got = append(got, short{p.Member, p.Kind, p.Format, p.Entries})
		assert.GreaterOrEqual(t, p.Offset, end)
		end = p.Offset + p.Size
	}
	assert.Equal(t, []short{
		{"a", initrd.Microcode, initrd.Newc, 1},
		{"b", initrd.Microcode, initrd.Newc, 4},
		{"b", initrd.ACPI, initrd.Newc, 2},
		{"b", initrd.Main, compress.Zstd, -1},
		{"c", initrd.Extra, initrd.Newc, 2},
		{"d", initrd.Extra, initrd.Zeros, 0},
		{"e", initrd.Extra, initrd.Newc, 2},
		{"e", initrd.Extra, initrd.Config, 0},
	}, got)
	assert.Equal(t, []string{"AuthenticAMD"}, rep.Segments[0].Vendors)
	assert.Equal(t, []string{"GenuineIntel"}, rep.Segments[1].Vendors)
}

// What comes behind the fault is shown, marked, and not complained about.
func TestWalkDropped(t *testing.T) {
	b, layout := cat(mainImage, []byte("junk"), extraImage, append([]byte("junk"), 0, 0, 0, 0), pack(t, compress.Zstd, ucodeIntel))
	rep := walk(t, b, initrd.WalkOptions{Layout: layout, Verify: initrd.VerifyAll})
	require.Equal(t, "b:junk", ids(rep))
	assert.Contains(t, rep.Findings[0].Text, "drops the 3 images after it")
	assert.EqualValues(t, len(mainImage), *rep.Findings[0].Offset)
	var dropped []string
	for _, p := range rep.Segments {
		if p.Dropped {
			dropped = append(dropped, p.Member)
		}
	}
	assert.Equal(t, []string{"c", "d", "e"}, dropped)
}

func TestReportLossy(t *testing.T) {
	rep := initrd.Report{Findings: []initrd.Finding{
		{ID: "junk", Severity: finding.Error}, {ID: "xz-check", Severity: finding.Warning}, {ID: "lz4-frame", Severity: finding.Error},
	}}
	assert.Len(t, rep.Errors(), 2)
	assert.Len(t, rep.Errors("junk"), 1)
	assert.Empty(t, rep.Errors("junk", "lz4-frame"))
	assert.Empty(t, rep.Errors("all"))
}

func TestFindingString(t *testing.T) {
	rep := walk(t, []byte("\x04\x22\x4d\x18xxxx"), initrd.WalkOptions{Name: "/boot/x.img"})
	assert.Equal(t, "/boot/x.img: lz4 in the frame format, which the kernel does not know; the kernel stops here; compress with lz4 -l [lz4-frame]", rep.Findings[0].String())
}

func TestWalkLimit(t *testing.T) {
	for _, f := range []initrd.Format{compress.Gzip, compress.XZ, compress.LZMA, compress.LZO, compress.LZ4, compress.Zstd} {
		t.Run(string(f), func(t *testing.T) {
			bomb := pack(t, f, newc(text("bomb", strings.Repeat("\x00", 9<<20))))
			_, err := initrd.Walk(context.Background(), bytes.NewReader(bomb), int64(len(bomb)), initrd.WalkOptions{Name: "img", Verify: initrd.VerifyAll, Limit: 4 << 20})
			require.ErrorIs(t, err, initrd.ErrLimit)
			assert.ErrorContains(t, err, "img: ")
			rep := walk(t, bomb, initrd.WalkOptions{Verify: initrd.VerifyAll, Limit: 9<<20 + 248})
			assert.Empty(t, rep.Findings, "exactly at the limit")
		})
	}
}

// The limit is for all segments together.
func TestWalkLimitIsASum(t *testing.T) {
	img := pack(t, compress.Zstd, newc(text("x", strings.Repeat("x", 1000))))
	b, layout := join(t, initrd.JoinOptions{}, members(t, img, img))
	_, err := initrd.Walk(context.Background(), bytes.NewReader(b), int64(len(b)), initrd.WalkOptions{Layout: layout, Verify: initrd.VerifyAll, Limit: 2000})
	require.ErrorIs(t, err, initrd.ErrLimit)
}

func TestWalkUnreadable(t *testing.T) {
	broken := io.NewSectionReader(bytes.NewReader(mainImage), 0, 100)
	_, err := initrd.Walk(context.Background(), broken, 1000, initrd.WalkOptions{Name: "img"})
	require.ErrorContains(t, err, "img: unexpected EOF")
}

func TestWalkPlanWithoutWriting(t *testing.T) {
	p, err := initrd.NewPlan(members(t, ucodeIntel, pack(t, compress.XZ, mainImage), extraImage), initrd.JoinOptions{})
	require.NoError(t, err)
	rep, err := initrd.Walk(context.Background(), p, p.Size(), initrd.WalkOptions{Layout: p.Layout, Verify: initrd.VerifyAll})
	require.NoError(t, err)
	assert.Empty(t, rep.Findings)
	assert.Len(t, rep.Segments, 3)
}

func TestVisit(t *testing.T) {
	b, layout := join(t, initrd.JoinOptions{}, members(t, ucodeAMD, pack(t, compress.Zstd, newc(
		dir("dev"), file{path: "dev/tty", mode: 0o20666, rdev: [2]uint32{5, 0}, uid: 1, gid: 2, mtime: 1700000000},
		link("bin", "usr/bin"), text("./init", "hello"),
	))))
	got := list(t, b, initrd.WalkOptions{Layout: layout})
	require.Len(t, got, 5)
	assert.Equal(t, "kernel/x86/microcode/AuthenticAMD.bin", got[0].Path)
	assert.Equal(t, "a", got[0].Member)
	assert.Equal(t, "b", got[2].Member)
	assert.Equal(t, layout.Members[1].Offset, got[2].Segment)
	assert.Equal(t, compress.Zstd, got[2].Format)
	assert.False(t, got[2].Dropped)
	assert.Equal(t, cpio.Entry{Path: "dev/tty", Mode: 0o20666, UID: 1, GID: 2, MTime: 1700000000, RdevMajor: 5, NLink: 1}, got[2].Entry)
	assert.Equal(t, "usr/bin", got[3].Link)
	assert.Equal(t, "./init", got[4].Path)
	assert.EqualValues(t, 5, got[4].Size)
}

func TestVisitDamaged(t *testing.T) {
	var names []string
	for _, f := range list(t, mainImage[:len(mainImage)-200], initrd.WalkOptions{Name: "img"}) {
		names = append(names, f.Path)
	}
	assert.Equal(t, []string{"bin", "init"}, names)
}

func TestWalkProgress(t *testing.T) {
	var last int64
	b, layout := join(t, initrd.JoinOptions{}, members(t, mainImage, pack(t, compress.Gzip, extraImage)))
	walk(t, b, initrd.WalkOptions{Layout: layout, Progress: func(done, total int64) {
		last = done
		assert.EqualValues(t, len(b), total)
	}})
	assert.EqualValues(t, len(b), last)
}

// Whatever is joined is found again, in order and without findings: every
// format, nothing and zeros, next to each other in every order.
func TestJoinThenWalk(t *testing.T) {
	images := [][]byte{mainImage, nil, make([]byte, 7)}
	for _, f := range append([]initrd.Format{initrd.Newc}, compressed...) {
		images = append(images, pack(t, f, sampleArchive()))
	}
	for _, a := range images {
		for _, b := range images {
			joinThenWalk(t, initrd.VerifyAll, a, b)
			for _, c := range images {
				joinThenWalk(t, initrd.VerifyNone, a, b, c)
			}
		}
	}
}

func joinThenWalk(t *testing.T, verify initrd.Verification, images ...[]byte) {
	t.Helper()
	var ms []initrd.Member
	var want, got []string
	for i, b := range images {
		name := string(rune('a' + i))
		ms = append(ms, initrd.Member{Name: name, Parts: []initrd.Part{{Data: b}}})
		if len(b) > 0 {
			want = append(want, name)
		}
	}
	p, err := initrd.NewPlan(ms, initrd.JoinOptions{})
	require.NoError(t, err)
	rep, err := initrd.Walk(context.Background(), p, p.Size(), initrd.WalkOptions{Layout: p.Layout, Verify: verify})
	require.NoError(t, err)
	require.Empty(t, rep.Findings)
	for _, p := range rep.Segments {
		got = append(got, p.Member)
	}
	require.Equal(t, want, slices.Compact(got))
}
