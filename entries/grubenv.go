package entries

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kexec-bls/kexec-bls/bls/grub"
)

// consume writes the environment block without next_entry, as GRUB does before
// it boots it. undo writes the block back that was there. The file keeps its
// place on the disk: GRUB finds it by that, not by the file system.
func (g *grubSystem) consume(b *grub.Boot) (undo func() error, err error) {
	before := make([]byte, len(b.Next.Block))
	f, err := g.open(b.Next)
	if err != nil {
		return nil, err
	}
	_, err = f.ReadAt(before, max(b.Next.Offset, 0))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return func() error { return g.write(b.Next, before) }, g.write(b.Next, b.Next.Block)
}

func (g *grubSystem) write(w *grub.Write, block []byte) error {
	f, err := g.open(w)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(block, max(w.Offset, 0))
	return errors.Join(err, f.Sync(), f.Close())
}

// open opens the file of an environment block, or the partition that has it.
func (g *grubSystem) open(w *grub.Write) (*os.File, error) {
	system := g.systems[w.Device]
	if w.Offset < 0 {
		f, err := system.OpenForUpdate(w.Path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", system.Where(w.Path), err)
		}
		return f, nil
	}
	return os.OpenFile(filepath.Join(g.options.Host.Dir, system.Volume().BlockDevice()), os.O_RDWR, 0)
}

// A disk is a block device that is opened when it is read.
type disk string

// ReadAt reads from the device.
func (d disk) ReadAt(p []byte, off int64) (int, error) {
	f, err := os.Open(string(d))
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // read only
	return f.ReadAt(p, off)
}
