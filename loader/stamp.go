package loader

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// A FileStamp is a file as it was when it was loaded.
type FileStamp struct {
	Path   string    `json:"path"`
	Size   int64     `json:"size"` // bytes
	MTime  time.Time `json:"mtime"`
	SHA256 string    `json:"sha256"` // hex
}

// noSum stands for a hash that is not known yet, and takes as much room.
var noSum = strings.Repeat("0", 2*sha256.Size)

// Stamps are the plan's files as they were when they were opened, without
// hashes.
func (p *Plan) Stamps() []FileStamp { return slices.Clone(p.stamps) }

// Hash reads the plan's files once more, to name them for good. One that
// changed since it was opened is an error: what of it was loaded, nobody knows.
func (p *Plan) Hash() ([]FileStamp, error) {
	stamps := p.Stamps()
	for i, f := range p.files {
		s := &stamps[i]
		var err error
		if s.SHA256, err = hash(io.NewSectionReader(f, 0, s.Size)); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Path, err)
		}
		info, err := f.Stat()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Path, err)
		}
		if info.Size() != s.Size || !info.ModTime().Equal(s.MTime) {
			return nil, fmt.Errorf("%s: the file changed while it was loaded; try again when the update that writes it has ended", s.Path)
		}
	}
	return stamps, nil
}

// Stamp names an open file by its content.
func Stamp(path string, f *os.File) (FileStamp, error) {
	info, err := f.Stat()
	if err != nil {
		return FileStamp{}, fmt.Errorf("%s: %w", path, err)
	}
	s := FileStamp{Path: path, Size: info.Size(), MTime: info.ModTime()}
	if s.SHA256, err = hash(io.NewSectionReader(f, 0, s.Size)); err != nil {
		return FileStamp{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func hash(r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Changed says in what a file differs from its stamp, "" when it is the same.
// open opens it by its path. The content is read only where size or time
// differ, or when verify asks.
func (s FileStamp) Changed(open func(path string) (*os.File, error), verify bool) string {
	f, err := open(s.Path)
	if errors.Is(err, os.ErrNotExist) {
		return "is gone"
	}
	if err != nil {
		return fmt.Sprintf("cannot be read: %v", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return fmt.Sprintf("cannot be read: %v", err)
	case info.Size() != s.Size:
		return fmt.Sprintf("has %d bytes, had %d", info.Size(), s.Size)
	case info.ModTime().Equal(s.MTime) && !verify:
		return ""
	}
	sum, err := hash(f)
	switch {
	case err != nil:
		return fmt.Sprintf("cannot be read: %v", err)
	case sum != s.SHA256:
		return "has other content"
	}
	return ""
}

// A FolderStamp is what was in a folder from which a unified kernel image takes
// credentials, extensions and addons. One that was not there has no files.
type FolderStamp struct {
	Path  string   `json:"path"`
	Files []string `json:"files"` // sorted names
}

// Folders are those of the plan, as they are now.
func (p *Plan) Folders() []FolderStamp {
	var stamps []FolderStamp
	for _, dir := range p.dirs {
		stamps = append(stamps, FolderStamp{dir, pickedUp(dir)})
	}
	return stamps
}

// pickedUp lists what a stub would look at; it is told in the same way when a
// stamp is made and when it is compared.
func pickedUp(dir string) []string {
	entries, _ := os.ReadDir(dir) // sorted; what cannot be read has nothing
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && (picks(e.Name(), ".cred") || picks(e.Name(), ".raw") || picks(e.Name(), addonSuffix)) {
			names = append(names, e.Name())
		}
	}
	return names
}

// Added names the files that were not in the folder before. What is gone or
// changed, the stamps of files tell.
func (s FolderStamp) Added() []string {
	return slices.DeleteFunc(pickedUp(s.Path), func(name string) bool { return slices.Contains(s.Files, name) })
}
