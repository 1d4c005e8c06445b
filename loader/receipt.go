package loader

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	// Args are the flags of the load, "--append=quiet", to repeat it.
	Args []string  `json:"args,omitempty"`
	Time time.Time `json:"time"`
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

// Files of the run directory, 0600. The pending one is a receipt of a load
// under way; a kill leaves it, and then nobody can tell which of two images is
// loaded.
const (
	receiptName = "loaded.json"
	pendingName = receiptName + ".pending"
)

// ErrInterrupted means that the receipt in force may be of another image than
// the one that is loaded.
var ErrInterrupted = errors.New("a load was interrupted, or is under way: the image may be the one before or the new one")

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

// Announce writes the pending receipt of a load that comes next, with all the
// room that the whole one takes: a full file system shows before anything is
// loaded, and not after. Where a pending receipt is found the one in force is
// not to be believed, and goes first. The caller has the [Lock].
func (r Receipt) Announce(dir string) error {
	if Interrupted(dir) {
		if err := remove(dir, receiptName); err != nil {
			return err
		}
	}
	err := r.write(dir, os.O_CREATE|os.O_TRUNC)
	if err != nil {
		err = errors.Join(err, Withdraw(dir))
	}
	return err
}

// Confirm completes the pending receipt, which differs in the hashes alone,
// and puts it in force.
func (r Receipt) Confirm(dir string) error {
	if err := r.write(dir, 0); err != nil {
		return err
	}
	return os.Rename(filepath.Join(dir, pendingName), filepath.Join(dir, receiptName))
}

// Withdraw forgets a load that the kernel refused: the receipt in force holds.
func Withdraw(dir string) error { return remove(dir, pendingName) }

// Interrupted says whether there is a pending receipt.
func Interrupted(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, pendingName))
	return err == nil
}

func (r Receipt) write(dir string, flags int) error {
	r.Files = slices.Clone(r.Files)
	for i, f := range r.Files {
		r.Files[i].SHA256 = cmp.Or(f.SHA256, noSum)
	}
	b, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, pendingName), os.O_WRONLY|flags, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	return errors.Join(err, f.Close())
}

// maxReceipt bounds what is read of a receipt, in bytes.
const maxReceipt = 1 << 20

// ReadReceipt reads the receipt below dir. Without one the error is
// fs.ErrNotExist, with a pending one it is [ErrInterrupted]. An image that
// another program loaded later has left no sign of itself.
func ReadReceipt(dir string) (Receipt, error) {
	if Interrupted(dir) {
		return Receipt{}, ErrInterrupted
	}
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

// RemoveReceipt forgets what was loaded, the receipt in force first. There may
// be nothing to forget.
func RemoveReceipt(dir string) error {
	return errors.Join(remove(dir, receiptName), remove(dir, pendingName))
}

func remove(dir, name string) error {
	err := os.Remove(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
