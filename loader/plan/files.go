package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/internal/stamp"
)

// maxFiles is how many files a plan keeps open. No honest entry comes near, and
// a process may have 1024 in some containers.
const maxFiles = 512

// members opens initrds. Empty ones are skipped, as systemd-boot does. Together
// they are no larger than the kernel takes.
func (p *Plan) members(src Source, names []string) ([]initrd.Member, error) {
	var members []initrd.Member
	var size int64
	for _, name := range names {
		m, err := p.open(src, "initrd", name)
		if errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(name, " \t") {
			err = hint.Wrap(err, "an initrd line names one file; each of several needs a line of its own")
		}
		if err != nil {
			return nil, err
		}
		if m.Size() == 0 {
			p.warn("initrd: %s: the file is empty, skipped", m.Name)
			continue
		}
		if size += m.Size(); size > initrd.MaxSize {
			return nil, fmt.Errorf("initrd: %s: initrd images are larger than 4 GiB together", m.Name)
		}
		members = append(members, m)
	}
	return members, nil
}

// open opens a file of the partition, each path once: an entry may name one
// thousands of times.
func (p *Plan) open(src Source, key, name string) (initrd.Member, error) {
	where := src.Where(name)
	if m, ok := p.opened[where]; ok {
		return m, nil
	}
	if len(p.files) == maxFiles {
		return initrd.Member{}, fmt.Errorf("%s: %s: the entry has more than %d files", key, where, maxFiles)
	}
	f, err := src.Open(name)
	if err != nil {
		return initrd.Member{}, src.missing(key, fmt.Errorf("%s: %s: %w", key, where, err))
	}
	m, err := initrd.FileMember(where, f)
	var s stamp.File
	if err == nil {
		s, err = stamp.Begin(where, f)
	}
	if err != nil {
		_ = f.Close()
		return initrd.Member{}, fmt.Errorf("%s: %w", key, err)
	}
	p.files, p.stamps = append(p.files, f), append(p.stamps, s)
	if p.opened == nil {
		p.opened = map[string]initrd.Member{}
	}
	p.opened[where] = m
	return m, nil
}

// missing adds to the error of a file that does not exist what makes it again. Files
// of no entry are the user's own.
func (src Source) missing(key string, err error) error {
	switch {
	case src.Names == nil || !errors.Is(err, fs.ErrNotExist):
		return err
	case key == "initrd":
		return hint.Wrap(err, "regenerate it (mkinitcpio -P, update-initramfs -u, dracut -f), or fix the entry")
	}
	return hint.Wrap(err, "reinstall the package of the kernel, or fix the entry")
}
