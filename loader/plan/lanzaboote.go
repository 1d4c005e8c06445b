package plan

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

// ErrHash means that a file is not the one that a lanzaboote image was made for.
var ErrHash = errors.New("the file has another SHA-256 than the image demands")

// isThin reports whether the image was made by lanzaboote: its .linux and .initrd
// are paths on the image's partition, .linuxh and .initrdh their SHA-256. Its
// stub is not systemd-stub.
func (s *stub) isThin() bool { return s.image.Has(".linuxh") }

// thin plans an image of lanzaboote with what systemd-boot passes to it.
func (s *stub) thin(opt loadOptions, previous []initrd.Member) error {
	if err := s.image.Check(); err != nil {
		return fmt.Errorf("%s: %w", s.whole.Name, err)
	}
	if slices.ContainsFunc(previous, func(m initrd.Member) bool { return m.Size() > 0 }) {
		return fmt.Errorf("%s: an image of lanzaboote, which does not start where the entry passes an initrd", s.whole.Name)
	}
	var err error
	if s.profile, err = s.image.Profile(0); err != nil {
		return fmt.Errorf("%s: %w", s.whole.Name, err)
	}
	_, passed, given := opt.read()
	if s.Cmdline, err = s.baseLine(passed, given); err != nil {
		return err
	}
	if s.Kernel, err = s.followed(".linux"); err != nil {
		return err
	}
	if _, ok := s.profile.Section(".initrd"); ok {
		m, err := s.followed(".initrd")
		if err != nil {
			return err
		}
		s.join(m)
	}
	if err := s.companions(); err != nil {
		return err
	}
	return s.passedOver("lanzaboote", len(s.Initrd) > 0)
}

// followed opens the file that a section names, and compares its hash. The
// image's own stub does so too, but without Secure Boot it only warns.
func (s *stub) followed(section string) (initrd.Member, error) {
	text, err := s.text(section)
	if err != nil {
		return initrd.Member{}, err
	}
	name := strings.ReplaceAll(strings.TrimSpace(text), `\`, "/")
	origin := fmt.Sprintf("%s: %s of a lanzaboote image", s.whole.Name, section)
	if name == "" {
		return initrd.Member{}, fmt.Errorf("%s: it names no file", origin)
	}
	want, err := s.section(section + "h")
	if err != nil {
		return initrd.Member{}, err
	}
	if want.Size() != sha256.Size {
		return initrd.Member{}, fmt.Errorf("%s: no SHA-256 in section %sh", origin, section)
	}
	m, err := s.open(s.src, origin, name)
	if err != nil {
		return initrd.Member{}, err
	}
	same, err := hasHash(fileReader(m), fileReader(want))
	if err == nil && !same {
		err = ErrHash
	}
	if err != nil {
		return initrd.Member{}, fmt.Errorf("%s: %s: %w", origin, m.Name, err)
	}
	return m, nil
}

func hasHash(file, want io.Reader) (bool, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return false, err
	}
	b, err := io.ReadAll(want)
	return bytes.Equal(b, sum.Sum(nil)), err
}

// companions warns of files beside the image, which lanzaboote's stub packs in
// ways of its own.
func (s *stub) companions() error {
	dir := extraDir(s.path)
	for _, suffix := range []string{".cred", ".raw"} {
		names, err := s.names(dir, suffix, "")
		if err != nil {
			return err
		}
		for _, name := range names {
			s.warn("%s is left out: what lanzaboote passes of it is not known", s.src.Where(dir+"/"+name))
		}
	}
	return nil
}
