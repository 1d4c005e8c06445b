package loader

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// A Receipt tells what was loaded, by whom and from what. It lives as long as
// the boot: /run forgets it with the loaded kernel.
type Receipt struct {
	Schema int    `json:"schema"` // 1
	BootID string `json:"bootId"` // of the kernel that loaded
	// Entry is the id; "" for a load by hand.
	Entry   string `json:"entry,omitempty"`
	Title   string `json:"title,omitempty"`
	Version string `json:"version,omitempty"`
	// Release is the kernel's, "6.12.1-arch1-1"; "" when its file does not say.
	Release string `json:"release,omitempty"`
	// Named says that the user named the entry: a default that moves does not
	// make the image stale then.
	Named   bool          `json:"named"`
	Volumes []VolumeStamp `json:"volumes,omitempty"`
	Files   []FileStamp   `json:"files"`
	Cmdline string        `json:"cmdline"`
	Time    time.Time     `json:"time"`
}

// A VolumeStamp names a partition that was read.
type VolumeStamp struct {
	Source   string `json:"source"` // "esp" or "xbootldr"
	Dir      string `json:"dir"`
	Device   string `json:"device,omitempty"`
	PartUUID string `json:"partUuid,omitempty"`
}

// A FileStamp is a file as it was when it was loaded.
type FileStamp struct {
	Path   string    `json:"path"`
	Size   int64     `json:"size"` // bytes
	MTime  time.Time `json:"mtime"`
	SHA256 string    `json:"sha256"` // hex
}

// receiptName is the file in the run directory, 0600.
const receiptName = "loaded.json"

// Stamps reads the plan's files once more, to name them for good.
func (p *Plan) Stamps() ([]FileStamp, error) {
	var stamps []FileStamp
	for i, f := range p.files {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		s := FileStamp{Path: p.names[i], Size: info.Size(), MTime: info.ModTime()}
		if s.SHA256, err = hash(io.NewSectionReader(f, 0, info.Size())); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Path, err)
		}
		stamps = append(stamps, s)
	}
	return stamps, nil
}

func hash(r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Changed says in what a file differs from its stamp, "" when it is the same.
// The content is read only where size or time differ, or when verify asks.
func (s FileStamp) Changed(verify bool) string {
	info, err := os.Stat(s.Path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "is gone"
	case err != nil:
		return fmt.Sprintf("cannot be seen: %v", err)
	case info.Size() != s.Size:
		return fmt.Sprintf("has %d bytes, had %d", info.Size(), s.Size)
	case info.ModTime().Equal(s.MTime) && !verify:
		return ""
	}
	f, err := os.Open(s.Path)
	if err != nil {
		return fmt.Sprintf("cannot be read: %v", err)
	}
	defer f.Close()
	sum, err := hash(f)
	switch {
	case err != nil:
		return fmt.Sprintf("cannot be read: %v", err)
	case sum != s.SHA256:
		return "has other content"
	}
	return ""
}

// Write stores the receipt below dir, whole or not at all.
func (r Receipt) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	b, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".loaded-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, receiptName))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// maxReceipt bounds what is read of a receipt, in bytes.
const maxReceipt = 1 << 20

// ReadReceipt reads the receipt below dir. Without one the error is
// fs.ErrNotExist.
func ReadReceipt(dir string) (Receipt, error) {
	f, err := os.Open(filepath.Join(dir, receiptName))
	if err != nil {
		return Receipt{}, err
	}
	defer f.Close()
	var r Receipt
	if err := json.NewDecoder(io.LimitReader(f, maxReceipt)).Decode(&r); err != nil {
		return Receipt{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return r, nil
}

// RemoveReceipt forgets what was loaded. There may be nothing to forget.
func RemoveReceipt(dir string) error {
	err := os.Remove(filepath.Join(dir, receiptName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
