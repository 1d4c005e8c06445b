package loader

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
)

func initrdTopics() []finding.Topic { return initrd.Topics() }

// OpenImages opens initrd images by their paths. The caller closes them.
func OpenImages(paths []string) (members []initrd.Member, closeAll func() error, err error) {
	var files []*os.File
	closeAll = func() error {
		var errs []error
		for _, f := range files {
			errs = append(errs, f.Close())
		}
		return errors.Join(errs...)
	}
	for _, path := range paths {
		f, err := openFile(path)
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("%s: %w", path, err), closeAll())
		}
		files = append(files, f)
		m, err := initrd.FileMember(filepath.Clean(path), f)
		if err != nil {
			return nil, nil, errors.Join(err, closeAll())
		}
		members = append(members, m)
	}
	return members, closeAll, nil
}

// Flatten makes one uncompressed archive of members, in a sealed file in memory
// that the caller closes. Members that cannot be flattened are an
// *initrd.FlatError: they can be joined all the same. limit is that of
// UnpackLimit.
func Flatten(ctx context.Context, h host.Machine, members []initrd.Member, limit int64, progress func(done, total int64)) (initrd.Member, *os.File, error) {
	f, _, err := initrd.Flat(ctx, members, initrd.FlatOptions{MemAvailable: h.MemAvailable(), Limit: UnpackLimit(h, limit), Progress: progress})
	if err != nil {
		return initrd.Member{}, nil, err
	}
	err = initrd.Seal(f)
	if err == nil {
		var m initrd.Member
		if m, err = initrd.FileMember("flat archive", f); err == nil {
			return m, f, nil
		}
	}
	return initrd.Member{}, nil, errors.Join(err, f.Close())
}
