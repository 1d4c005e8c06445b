package loader

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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
	// Named says that the user named the entry, or set it for one boot, which
	// was used up: a default that moves does not make the image stale then.
	Named   bool          `json:"named"`
	Volumes []VolumeStamp `json:"volumes,omitempty"`
	Files   []FileStamp   `json:"files"`
	// EntryFile is the file of a Type #1 entry, as it was read.
	EntryFile *FileStamp `json:"entryFile,omitempty"`
	// Folders are those that a unified kernel image takes files from.
	Folders []FolderStamp `json:"folders,omitempty"`
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
