package report

import (
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

// An Initrd is initrd ls --json.
type Initrd struct {
	Schema   int              `json:"schema"`
	Size     int64            `json:"size"`
	Members  []InitrdMember   `json:"members"`
	Segments []InitrdSegment  `json:"segments"`
	Findings []loader.Finding `json:"findings"`
	Files    []InitrdFile     `json:"files,omitempty"`
}

// An InitrdMember is an image and where it is.
type InitrdMember struct {
	Name    string `json:"name"`
	Offset  int64  `json:"offset"`
	Size    int64  `json:"size"`
	Padding int64  `json:"padding"`
}

// An InitrdSegment is one archive or compressed stream.
type InitrdSegment struct {
	Member   string   `json:"member"`
	Offset   int64    `json:"offset"`
	Size     int64    `json:"size"`
	Format   string   `json:"format"`
	Kind     string   `json:"kind"`
	Vendors  []string `json:"vendors,omitempty"`
	Entries  *int     `json:"entries,omitempty"`  // absent where it was not decoded
	Unpacked *int64   `json:"unpacked,omitempty"` // bytes; absent where it was not decoded
	Dropped  bool     `json:"dropped,omitempty"`
}

// An InitrdFile is a file inside.
type InitrdFile struct {
	Path   loader.Text `json:"path"`
	Mode   string      `json:"mode"`
	UID    uint32      `json:"uid"`
	GID    uint32      `json:"gid"`
	Size   int64       `json:"size"`
	MTime  time.Time   `json:"mtime"`
	Link   loader.Text `json:"link,omitempty"`
	Member string      `json:"member"`

	Dropped bool `json:"dropped,omitempty"` // the kernel never gets this far
}

// modeText is the mode as ls -l writes it.
func modeText(mode uint32) string {
	m := fs.FileMode(mode & 0o777)
	for _, bit := range []struct {
		unix uint32
		mode fs.FileMode
	}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}} {
		if mode&bit.unix != 0 {
			m |= bit.mode
		}
	}
	kind := map[uint32]string{0o040000: "d", 0o120000: "l", 0o020000: "c", 0o060000: "b", 0o010000: "p", 0o140000: "s"}[mode&0o170000]
	if kind == "" {
		kind = "-"
	}
	return kind + m.Perm().String()[1:]
}

// InitrdOf reports a joined initrd.
func InitrdOf(plan *initrd.Plan, walked initrd.Report, files []InitrdFile) *Initrd {
	out := &Initrd{Schema: Schema, Size: plan.Size(), Members: []InitrdMember{}, Segments: []InitrdSegment{}, Findings: []loader.Finding{}, Files: files}
	for _, m := range plan.Layout.Members {
		out.Members = append(out.Members, InitrdMember{m.Name, m.Offset, m.Size, m.Padding})
	}
	for _, s := range walked.Segments {
		out.Segments = append(out.Segments, segmentOf(s))
	}
	out.Findings = append(out.Findings, Advised(walked.Findings)...)
	return out
}

func segmentOf(s initrd.Segment) InitrdSegment {
	l := InitrdSegment{Member: s.Member, Offset: s.Offset, Size: s.Size, Format: string(s.Format), Kind: string(s.Kind), Vendors: s.Vendors, Dropped: s.Dropped}
	if s.Entries >= 0 {
		l.Entries = &s.Entries
	}
	if s.Unpacked >= 0 {
		l.Unpacked = &s.Unpacked
	}
	return l
}

// FileOf reports a file inside an initrd.
func FileOf(f initrd.File) InitrdFile {
	return InitrdFile{
		Path: loader.Text(f.Path), Mode: modeText(f.Mode), UID: f.UID, GID: f.GID, Size: f.Size,
		MTime: time.Unix(f.MTime, 0).UTC(), Link: loader.Text(f.Link), Member: f.Member, Dropped: f.Dropped,
	}
}

// Line is the file as ls -l would print it.
func (f InitrdFile) Line() string {
	name := string(f.Path)
	if f.Link != "" {
		name += " -> " + string(f.Link)
	}
	if f.Dropped {
		name += "  (dropped)"
	}
	return fmt.Sprintf("%s %5d %5d %10d %s %s", f.Mode, f.UID, f.GID, f.Size, f.MTime.Format("2006-01-02 15:04"), term.Printable(name))
}

// Print writes the segments for a person.
func (r *Initrd) Print(ui *term.UI) error {
	t := term.Table{Head: []string{"OFFSET", "SIZE", "FORMAT", "CONTENT", "FILES", "FROM"}}
	for _, s := range r.Segments {
		content := strings.Join(append([]string{s.Kind}, s.Vendors...), " ")
		if s.Dropped {
			content += ", dropped"
		}
		files := "?"
		if s.Entries != nil {
			files = fmt.Sprint(*s.Entries)
		}
		t.Rows = append(t.Rows, []string{fmt.Sprint(s.Offset), fmt.Sprint(s.Size), s.Format, content, files, term.Cell(s.Member)})
	}
	_, err := ui.Out.Write(t.Text(0, false))
	return err
}
