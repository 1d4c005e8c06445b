// Package state keeps what one load, or one boot, has to leave for the next:
// the receipt of what is loaded, the lock around it, and the history that
// survives a kexec.
package state

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

	"github.com/kexec-bls/kexec-bls/loader/internal/raw"
	"github.com/kexec-bls/kexec-bls/loader/internal/stamp"
)

// A Receipt records what was loaded, by whom and from what. It lives as long as
// the boot: /run forgets it with the loaded kernel.
type Receipt struct {
	Schema int    `json:"schema"` // 2
	BootID string `json:"bootId"` // of the kernel that loaded
	// Entry is the id; "" for files that were named one by one.
	Entry   raw.String `json:"entry,omitempty"`
	Title   raw.String `json:"title,omitempty"`
	Version raw.String `json:"version,omitempty"`
	// Release is the kernel's, "6.12.1-arch1-1"; "" when its file does not say.
	Release raw.String `json:"release,omitempty"`
	// Named says that the user named the entry, or set it for one boot, which
	// was used up: a default that moves does not make the image stale then.
	Named   bool         `json:"named"`
	Volumes []Volume     `json:"volumes,omitempty"`
	Files   []stamp.File `json:"files"` // the kernel first
	// EntryFile is the file of a Type #1 entry, as it was read.
	EntryFile *stamp.File `json:"entryFile,omitempty"`
	// Folders are those that a unified kernel image takes files from.
	Folders []stamp.Folder `json:"folders,omitempty"`
	Cmdline raw.String     `json:"cmdline"`
	// Request is what the load was asked for, to repeat it; nil for files that were
	// named one by one.
	Request *Request `json:"request,omitempty"`
	// Verified says that the compressed images among Files were decoded to their
	// ends.
	Verified bool      `json:"verified,omitempty"`
	Time     time.Time `json:"time"`
}

// Name is the entry, or the kernel's file where there is none; "" where neither
// is known.
func (r Receipt) Name() string {
	if r.Entry == "" && len(r.Files) > 0 {
		return string(r.Files[0].Path)
	}
	return string(r.Entry)
}

// A Volume names a partition that was read.
type Volume struct {
	Source   string     `json:"source"` // "esp" or "xbootldr"
	Dir      raw.String `json:"dir"`
	Device   string     `json:"device,omitempty"`
	PartUUID string     `json:"partUuid,omitempty"`
}

// Files of the run directory, 0600. The pending one is a receipt of a load
// under way; a kill leaves it, and then it is not known which of two images is
// loaded.
const (
	receiptName = "loaded.json"
	pendingName = receiptName + ".pending"
)

// ErrInterrupted means that the current receipt may be of another image than
// the one that is loaded.
var ErrInterrupted = errors.New("a load was interrupted, or is under way: the image may be the one before or the new one")

// WritePending writes the pending receipt of a load that comes next, with all the
// room that the whole one takes: a full file system is noticed before anything is
// loaded, and not after. Where a pending receipt is found the current one may be
// wrong, and is removed first. The caller has the [Lock].
func (r Receipt) WritePending(dir string) error {
	if Interrupted(dir) {
		if err := remove(dir, receiptName); err != nil {
			return err
		}
	}
	err := r.write(dir, os.O_CREATE|os.O_TRUNC)
	if err != nil {
		err = errors.Join(err, Abort(dir))
	}
	return err
}

// Commit completes the pending receipt, which differs in the hashes alone,
// and makes it the current one.
func (r Receipt) Commit(dir string) error {
	if err := r.write(dir, 0); err != nil {
		return err
	}
	return os.Rename(filepath.Join(dir, pendingName), filepath.Join(dir, receiptName))
}

// Abort forgets a load that the kernel refused: the current receipt remains valid.
func Abort(dir string) error { return remove(dir, pendingName) }

// Interrupted reports whether there is a pending receipt.
func Interrupted(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, pendingName))
	return err == nil
}

func (r Receipt) write(dir string, flags int) error {
	r.Files = slices.Clone(r.Files)
	for i, f := range r.Files {
		r.Files[i].SHA256 = cmp.Or(f.SHA256, stamp.NoSum)
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
// fs.ErrNotExist, with a pending one it is [ErrInterrupted]. That another program
// loaded an image later cannot be seen in it.
func ReadReceipt(dir string) (Receipt, error) {
	if Interrupted(dir) {
		return Receipt{}, ErrInterrupted
	}
	f, err := os.Open(filepath.Join(dir, receiptName))
	if err != nil {
		return Receipt{}, err
	}
	defer f.Close()
	var r struct {
		Receipt
		Args []string `json:"args"` // of version 1
	}
	if err := json.NewDecoder(io.LimitReader(f, maxReceipt)).Decode(&r); err != nil {
		return Receipt{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	if r.Schema < 2 && r.Entry != "" && r.Request == nil {
		r.Request = requestOf(r.Entry, r.Args)
	}
	return r.Receipt, nil
}

// RemoveReceipt forgets what was loaded, the current receipt first. There may
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
