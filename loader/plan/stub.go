package plan

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/internal/cmdline"
)

// A stub does the work of systemd-stub 262: what of a unified kernel image,
// of the files beside it and of the loader's words reaches the kernel, and in
// which order. It does not do what only firmware can: measure, install a
// device tree, derive a boot secret or console= words. The boot secret of the
// running system is passed on.
type stub struct {
	*Plan
	src Source
	fw  Firmware

	path    string        // of the image, on its partition
	whole   initrd.Member // the image as one file
	image   *uki.Image
	profile uki.Profile
	addons  []addon
	// joined counts what the stub joins: one alone is not padded.
	joined int
}

// openUKI opens a file as a unified kernel image; nil when it is none.
func openUKI(whole initrd.Member) *uki.Image {
	r := fileReader(whole)
	m, err := uki.Open(r, r.Size())
	if err != nil || !m.IsUKI(m.Machine) {
		return nil
	}
	return m
}

// unified plans an image with what systemd-boot passes to it: the load options
// and an initrd of its own.
func (s *stub) unified(opt loadOptions, previous []initrd.Member) error {
	if err := s.image.Check(); err != nil {
		return fmt.Errorf("%s: %w", s.whole.Name, err)
	}
	number, line, given := opt.read()
	if !opt.isText() {
		s.warn("the options of the entry are not used: systemd-stub takes a line with control characters for no text")
	}
	var err error
	if s.profile, err = s.image.Profile(int(min(number, math.MaxInt32))); err != nil {
		return fmt.Errorf("%s: %w", s.whole.Name, err)
	}
	if s.Kernel, err = s.section(".linux"); err != nil {
		return err
	}
	if s.Kernel.Size() == 0 {
		return fmt.Errorf("%s: profile %d has no .linux section", s.whole.Name, s.profile.Number)
	}
	if err := s.findAddons(); err != nil {
		return err
	}
	if s.Cmdline, err = s.line(line, given); err != nil {
		return err
	}
	if err := s.deviceTrees(); err != nil {
		return err
	}
	if err := s.initrds(previous); err != nil {
		return err
	}
	s.PadAll = s.joined > 1
	return s.passedOver("systemd-stub", hasContent(s.Initrd))
}

// initrds lines up all that the stub joins: early microcode, of which the
// kernel takes the first, with the most special one in front; then files, of
// which the last wins.
func (s *stub) initrds(previous []initrd.Member) error {
	for _, a := range slices.Backward(s.addons) {
		s.join(a.ucode)
	}
	if err := s.joinSection(".ucode"); err != nil {
		return err
	}
	s.join(previous...)
	if err := s.joinSection(".initrd"); err != nil {
		return err
	}
	if err := s.sidecars(); err != nil {
		return err
	}
	if err := s.meta(); err != nil {
		return err
	}
	for _, a := range s.addons {
		s.join(a.initrd)
	}
	return nil
}

// join adds one part of the initrd, of one member or more; empty ones are none.
func (s *stub) join(members ...initrd.Member) {
	members = slices.DeleteFunc(slices.Clone(members), func(m initrd.Member) bool { return m.Size() == 0 })
	if len(members) > 0 {
		s.Initrd = append(s.Initrd, members...)
		s.joined++
	}
}

func (s *stub) joinSection(name string) error {
	m, err := s.section(name)
	s.join(m)
	return err
}

// section returns the current section; an empty member for none.
func (s *stub) section(name string) (initrd.Member, error) {
	section, ok := s.profile.Section(name)
	if !ok {
		return initrd.Member{}, nil
	}
	return sectionMember(s.whole, section)
}

// sectionMember is a section of a file: a run of its bytes, not a copy.
func sectionMember(whole initrd.Member, section uki.Section) (initrd.Member, error) {
	if section.Name == ".linux" {
		// What is not stored is room for the kernel to run in, however much, and no
		// part of its file: its signature would fail.
		section.Size = section.FileSize
	}
	if err := section.Check(); err != nil {
		return initrd.Member{}, fmt.Errorf("%s: %w", whole.Name, err)
	}
	part := whole.Parts[0]
	part.Offset, part.Size, part.Zeros = section.Offset, section.FileSize, section.Size-section.FileSize
	return initrd.Member{Name: whole.Name + ": " + section.Name, Parts: []initrd.Part{part}}, nil
}

// text reads a section of the image as the stub does.
func (s *stub) text(name string) (string, error) {
	section, ok := s.profile.Section(name)
	if !ok {
		return "", nil
	}
	b, err := sectionBytes(section)
	if err != nil {
		return "", fmt.Errorf("%s: %w", s.whole.Name, err)
	}
	return efiText(b), nil
}

// sectionBytes reads a small section up to its first NUL.
func sectionBytes(section uki.Section) ([]byte, error) {
	if err := section.Check(); err != nil {
		return nil, err
	}
	if section.Size > uki.TextLimit {
		return nil, fmt.Errorf("section %s: text of %d bytes, at most %d: %w", section.Name, section.Size, uki.TextLimit, uki.ErrTooLarge)
	}
	b, err := io.ReadAll(section.Stored())
	if err != nil {
		return nil, fmt.Errorf("section %s: %w", section.Name, err)
	}
	text, _, _ := strings.Cut(string(b), "\x00")
	return []byte(text), nil
}

// start plans an entry that names an image, by whatever key. Found is false
// when the file is no unified kernel image; nothing is planned then.
func (p *Plan) start(e *bls.Entry, src Source, fw Firmware) (found bool, err error) {
	path, key := program(e)
	whole, err := p.open(src, key, path)
	if err != nil {
		return false, err
	}
	p.verify(whole, fw)
	s := &stub{Plan: p, src: src, fw: fw, path: path, whole: whole, image: openUKI(whole)}
	if key != "linux" && len(e.Initrds) > 0 {
		p.warn("initrd lines are not used: systemd-boot passes them to linux entries only")
	}
	if s.image == nil {
		p.Kernel = whole
		return false, nil
	}
	opt := loadOptions{profile: max(e.Profile, 0)}
	if e.Type == bls.Type1 {
		opt.line = efiText([]byte(e.Cmdline())) // a Type #2 entry's is the image's own
	}
	var previous []initrd.Member
	switch key {
	case "linux":
		if e.Type == bls.Type1 {
			previous, err = p.members(src, e.Initrds)
			opt.initrds = len(previous) > 0
			opt.line = cmdline.Join(opt.line, fw.extra(bootExtra))
		}
	case "uki":
		previous, err = p.extras(src, e.Extras)
	}
	if err != nil {
		return true, err
	}
	if s.isThin() {
		return true, s.thin(opt, previous)
	}
	return true, s.unified(opt, previous)
}

// program is the file that systemd-boot starts, and the key that names it.
func program(e *bls.Entry) (path, key string) {
	switch {
	case e.UKI != "":
		return e.UKI, "uki"
	case e.EFI != "":
		return e.EFI, "efi"
	}
	return e.Linux, "linux"
}
