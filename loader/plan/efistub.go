package plan

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

// ErrStubInitrd means that initrd= on a command line names a file of which it
// cannot be determined whether the kernel would get it.
var ErrStubInitrd = errors.New("initrd= on the command line")

// efiStub adds the initrds that the kernel's own EFI stub would read: those of
// initrd= on the command line, but only where the boot loader passes none (since
// Linux 5.8; efi_load_initrd in drivers/firmware/efi/libstub/efi-stub-helper.c).
func (p *Plan) efiStub(src Source, fw Firmware) error {
	names := stubInitrds(p.Cmdline)
	switch {
	case len(names) == 0:
		return nil
	case len(p.Initrd) > 0:
		p.warn("initrd=%s on the command line is not loaded: the kernel takes the initrd lines of the entry alone", names[0])
		return nil
	case fw.Grub:
		return hint.Errorf("use an initrd line", "%s: %w: %s: GRUB does not read it, and whether the kernel can is not known", p.Kernel.Name, ErrStubInitrd, names[0])
	}
	for i, name := range names {
		if name == "" {
			return fmt.Errorf("%s: %w: it names no file", p.Kernel.Name, ErrStubInitrd)
		}
		names[i] = "/" + name
	}
	var err error
	if p.Initrd, err = p.members(src, names); err != nil {
		return fmt.Errorf("%w: %w", ErrStubInitrd, err)
	}
	return nil
}

// passedOver notes initrd= on a command line that reaches the kernel together
// with what a stub, named by, passes as its initrd: the kernel does not read it
// then. Without such an initrd the kernel might.
func (p *Plan) passedOver(by string, passed bool) error {
	names := stubInitrds(p.Cmdline)
	if len(names) == 0 {
		return nil
	}
	if !passed {
		return fmt.Errorf("%s: %w: %s: the image has no initrd of its own, and %s does not load this one", p.Kernel.Name, ErrStubInitrd, names[0], by)
	}
	p.warn("initrd=%s on the command line is not loaded: the kernel takes the initrd that %s passes", names[0], by)
	return nil
}

// CheckEdit looks at a command line that replaces the plan's. Parameters initrd=
// that the plan's does not have load nothing, which is a warning where the plan
// has an initrd, else an ErrStubInitrd.
func (p *Plan) CheckEdit(line string) error {
	known := map[string]bool{}
	for _, name := range stubInitrds(p.Cmdline) {
		known[name] = true
	}
	for _, name := range stubInitrds(line) {
		if known[name] {
			continue
		}
		if len(p.Initrd) == 0 {
			return fmt.Errorf("%w: %s: only an EFI stub would load it, and kexec starts none", ErrStubInitrd, name)
		}
		p.warn("initrd=%s on the command line is not loaded: only an EFI stub would, and kexec starts none", name)
		return nil
	}
	return nil
}

// maxStubName is the longest name that the stub reads, in UTF-16 code units.
const maxStubName = 255

// stubInitrds lists the files that the kernel's EFI stub would load for a command
// line, in order, relative to the partition of the kernel (find_file_option in
// drivers/firmware/efi/libstub/file.c): the stub looks for the text anywhere, in
// this letter case, and knows neither parameters nor quotes. A name ends at a
// blank; slashes in front of it are dropped, and are the same as backslashes.
func stubInitrds(line string) []string {
	var names []string
	for {
		_, rest, found := strings.Cut(line, "initrd=")
		if !found {
			return names
		}
		rest = strings.TrimLeft(rest, `/\`)
		name := rest
		if end := strings.IndexAny(rest, " \n"); end >= 0 {
			name = rest[:end]
		}
		name = firstRunes(name, maxStubName)
		names = append(names, strings.ReplaceAll(name, `\`, "/"))
		line = rest[len(name):]
	}
}

// firstRunes cuts a text after n runes.
func firstRunes(text string, n int) string {
	for at := range text {
		if n--; n < 0 {
			return text[:at]
		}
	}
	return text
}

// hasContent reports whether an initrd has more than what a stub adds about itself.
func hasContent(members []initrd.Member) bool {
	for _, m := range members {
		if !strings.HasPrefix(m.Name, "generated: ") {
			return true
		}
	}
	return false
}
