package plan

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/internal/stamp"
)

// Folders and names that systemd-stub looks for on the image's partition.
const (
	addonDir      = "loader/addons"
	credentialDir = "loader/credentials"
	extensionDir  = "loader/extensions"
	addonSuffix   = ".addon.efi"
)

// An addon is an image without a kernel that adds to another.
type addon struct {
	name          string  // for messages
	cmdline       *string // nil: none; not cleaned yet
	ucode, initrd initrd.Member
	deviceTree    bool
}

// findAddons finds those of the partition, then those beside the image. One
// that the stub would pass over is a warning.
func (s *stub) findAddons() error {
	uname, err := s.uname()
	if err != nil {
		return err
	}
	for _, dir := range []string{addonDir, extraDir(s.path)} {
		names, err := s.names(dir, addonSuffix, "")
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := s.addAddon(dir+"/"+name, uname); err != nil {
				return err
			}
		}
	}
	return nil
}

// uname is the image's kernel release; nil when it does not tell.
func (s *stub) uname() ([]byte, error) {
	section, ok := s.profile.Section(".uname")
	if !ok {
		return nil, nil
	}
	b, err := sectionBytes(section)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.whole.Name, err)
	}
	return append([]byte{}, b...), nil
}

// addAddon opens one addon. What is wrong with it is a warning, what is wrong
// with the disk an error.
func (s *stub) addAddon(path string, uname []byte) error {
	whole, err := s.open(s.src, "addon", path)
	if err != nil {
		return err
	}
	r := fileReader(whole)
	m, err := uki.Open(r, r.Size())
	if err == nil {
		err = m.Check()
	}
	if err == nil {
		err = s.accept(m, uname)
	}
	if err == nil {
		err = verified(whole, s.fw)
	}
	var a addon
	if err == nil {
		a, err = readAddon(whole, m)
	}
	if err != nil {
		s.warn("addon %s is left out: %v", whole.Name, err)
		return nil
	}
	if s.fw.SecureBoot && s.fw.Verify == nil {
		s.warn("addon %s is trusted: it is signed, by whom is not checked here", whole.Name)
	}
	s.addons = append(s.addons, a)
	return nil
}

// Why an addon is not for this image.
var (
	errNoAddon  = errors.New("nothing in it that an addon could add")
	errIsUKI    = errors.New("it has a kernel of its own")
	errUname    = errors.New("its .uname is not that of the image")
	errArch     = errors.New("not an EFI program for the image's architecture")
	errUnsigned = errors.New("it is not signed, which Secure Boot does not let pass")
)

// accept applies the stub's rules. With Secure Boot and nothing to verify with,
// there must be a signature, but who made it is not checked.
func (s *stub) accept(m *uki.Image, uname []byte) error {
	if m.Machine != s.image.Machine || m.Subsystem != uki.SubsystemEFI {
		return errArch
	}
	if s.fw.SecureBoot && s.fw.Verify == nil && m.SignatureSize == 0 {
		return errUnsigned
	}
	adds := false
	for _, name := range []string{".cmdline", ".dtb", ".dtbauto", ".initrd", ".ucode"} {
		_, has := firstSection(m, name)
		adds = adds || has
	}
	if !adds {
		return errNoAddon
	}
	if _, kernel := firstSection(m, ".linux"); kernel {
		return errIsUKI
	}
	if wants, ok := firstSection(m, ".uname"); ok && uname != nil {
		if same, err := matchesUname(uname, wants); err != nil || !same {
			return errors.Join(err, errUname)
		}
	}
	return nil
}

// matchesUname compares as many bytes as the addon's section has, a NUL ending
// both texts: a section of "6.12" is for every 6.12.
func matchesUname(uname []byte, wants uki.Section) (bool, error) {
	b, err := sectionBytes(wants)
	if err != nil {
		return false, err
	}
	if int64(len(b)) < wants.Size {
		return bytes.Equal(uname, b), nil
	}
	return bytes.HasPrefix(uname, b), nil
}

// firstSection finds a section of an addon, which has no profiles.
func firstSection(m *uki.Image, name string) (uki.Section, bool) {
	for _, section := range m.Sections {
		if section.Name == name {
			return section, section.Size > 0
		}
	}
	return uki.Section{}, false
}

func readAddon(whole initrd.Member, m *uki.Image) (a addon, err error) {
	a.name = whole.Name
	if section, ok := firstSection(m, ".cmdline"); ok {
		b, err := sectionBytes(section)
		if err != nil {
			return a, err
		}
		text := efiText(b)
		a.cmdline = &text
	}
	for name, member := range map[string]*initrd.Member{".ucode": &a.ucode, ".initrd": &a.initrd} {
		if section, ok := firstSection(m, name); ok {
			if *member, err = sectionMember(whole, section); err != nil {
				return a, err
			}
		}
	}
	_, dtb := firstSection(m, ".dtb")
	_, auto := firstSection(m, ".dtbauto")
	a.deviceTree = dtb || auto
	return a, nil
}

// names lists the files of a directory that the stub would pick up, in its
// order: that of the names' UTF-16 code units, which for ASCII is that of
// bytes. Suffixes are compared in any letter case.
func (s *stub) names(dir, suffix, except string) ([]string, error) {
	if where := s.src.Where(dir); !slices.Contains(s.dirs, where) {
		s.dirs = append(s.dirs, where)
	}
	all, err := s.src.Names(dir)
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range all {
		if stamp.IsCompanion(name, suffix) && (except == "" || !hasSuffix(name, except)) {
			names = append(names, name)
		}
	}
	return names, nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

func hasSuffix(name, suffix string) bool {
	n := len(name) - len(suffix)
	return n >= 0 && strings.EqualFold(name[n:], suffix)
}

// extraDir is the directory beside an image that holds what belongs to it. A
// boot counter is not part of its name; like the stub, only the first "+" of
// the whole path is looked at.
func extraDir(path string) string {
	before, after, found := strings.Cut(path, "+")
	if found {
		digits := func(s string) string { return strings.TrimLeft(s, "0123456789") }
		tail := digits(after)
		counted := len(tail) < len(after)
		if done, ok := strings.CutPrefix(tail, "-"); ok {
			tail = digits(done)
			counted = counted && len(tail) < len(done)
		}
		if counted && (tail == "" || tail[0] == '.') {
			path = before + tail
		}
	}
	return path + ".extra.d"
}
