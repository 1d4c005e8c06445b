package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"
)

// A History is the directory, 0700, in which one boot leaves records for the
// next: what was loaded, how the boot ended. Nothing of it goes into the new
// kernel's initrd or onto its command line. Files are written whole or not at
// all.
type History struct {
	Dir string // "/var/lib/kexec-bls"
}

// The files of a history, 0600.
const (
	nextName = "next.json" // the loaded image, a Receipt
	endName  = "end.json"  // a ShutdownRecord
	bootName = "boot.json" // a Boot
)

// A ShutdownRecord is how a boot ended. It is written when that is requested.
type ShutdownRecord struct {
	Schema int    `json:"schema"` // 1
	BootID string `json:"bootId"` // of the boot that ends
	// Kind is the way: "kexec" or "reboot", which is through the firmware.
	Kind string `json:"kind"`
	// Requested is when the reboot was requested.
	Requested time.Time `json:"requested"`
	// OneShot is LoaderEntryOneShot as it was: the kernel's efibc writes over
	// it at a kexec. nil: there was none.
	OneShot *KeptVariable `json:"oneShot,omitempty"`
}

// A KeptVariable is an EFI variable of the boot loader, kept over a kexec.
type KeptVariable struct {
	Name       string `json:"name"`
	Attributes uint32 `json:"attributes"`
	Data       []byte `json:"data"`
}

// SaveNext records what is loaded.
func (h History) SaveNext(r Receipt) error { return h.write(nextName, r) }

// DropNext removes that record, if it is of this boot: one of an earlier boot may
// show where this boot came from.
func (h History) DropNext(bootID string) error {
	r, err := h.next()
	if err != nil || r.BootID != bootID {
		return absent(err)
	}
	return h.remove(nextName)
}

// SaveShutdown records how this boot ends.
func (h History) SaveShutdown(e ShutdownRecord) error { return h.write(endName, e) }

// Shutdown reads what SaveShutdown wrote, in this boot or an earlier one; the zero
// value where there is nothing.
func (h History) Shutdown() (ShutdownRecord, error) {
	e, err := readRecord[ShutdownRecord](h, endName)
	return e, absent(err)
}

// DropShutdown removes it.
func (h History) DropShutdown() error { return h.remove(endName) }

func (h History) next() (Receipt, error) { return readRecord[Receipt](h, nextName) }

// absent drops the error of a file that does not exist, nor its directory.
func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	return err
}

// readRecord reads a file of a history; on error the value is zero.
func readRecord[T any](h History, name string) (T, error) {
	var v T
	if err := h.read(name, &v); err != nil {
		var none T
		return none, err
	}
	return v, nil
}

func (h History) read(name string, v any) error {
	// Neither a link to somewhere else nor a FIFO that has to be waited for.
	f, err := os.OpenFile(filepath.Join(h.Dir, name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", f.Name())
	}
	if err := json.NewDecoder(io.LimitReader(f, maxReceipt)).Decode(v); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	return nil
}

func (h History) write(name string, v any) error {
	if err := os.MkdirAll(filepath.Dir(h.Dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(h.Dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	b, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		return err
	}
	// Synced, since the jump, or a power cut, may follow at once.
	err = renameio.WriteFile(filepath.Join(h.Dir, name), append(b, '\n'), 0o600)
	return errors.Join(err, syncDir(h.Dir))
}

// syncDir writes the names in a directory to the disk, which the sync of a file in
// it does not, fsync(2).
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (h History) remove(name string) error { return absent(os.Remove(filepath.Join(h.Dir, name))) }
