package plan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

// ErrDeviceTree means that an entry comes with a device tree for other
// hardware than that of the tree the machine runs with. kexec_file_load(2)
// passes on the running one, so that the new kernel would drive the wrong
// machine.
var ErrDeviceTree = errors.New("the device tree cannot be passed by kexec")

// deviceTrees notes the tree of the image and those of its addons. Of the
// .dtbauto sections the stub takes the first that is for this machine.
func (s *stub) deviceTrees() error {
	for _, a := range s.addons {
		if a.deviceTree {
			s.treeUnused(a.name)
		}
	}
	auto, err := s.treeForMachine()
	if err != nil {
		return err
	}
	if auto != "" {
		s.treeUnused(auto)
		return nil
	}
	m, err := s.section(".dtb")
	if err == nil && m.Size() > 0 {
		s.deviceTree(m, s.fw)
	}
	return err
}

// treeForMachine names the .dtbauto section of the profile or its base that is
// for this machine; where the machine has no tree to compare with, the first.
func (s *stub) treeForMachine() (string, error) {
	for _, section := range s.profile.Sections() {
		if section.Name != ".dtbauto" || section.Size == 0 {
			continue
		}
		m, err := sectionMember(s.whole, section)
		if err != nil {
			return "", err
		}
		if s.fw.Compatible == "" || firstCompatible(fileReader(m)) == s.fw.Compatible {
			return m.Name, nil
		}
	}
	return "", nil
}

// treeKey notes the tree that an entry names. systemd-boot leaves it alone
// under Secure Boot.
func (p *Plan) treeKey(path string, src Source, fw Firmware) error {
	if path == "" || fw.SecureBoot {
		return nil
	}
	m, err := p.open(src, "devicetree", path)
	if err == nil {
		p.deviceTree(m, fw)
	}
	return err
}

// deviceTree warns of a tree that would be installed, and remembers one without
// which the machine cannot do.
func (p *Plan) deviceTree(m initrd.Member, fw Firmware) {
	p.treeUnused(m.Name)
	wants := firstCompatible(fileReader(m))
	if fw.Compatible != "" && wants != "" && wants != fw.Compatible {
		p.refuse(fmt.Errorf("%w: %s is for %q, the machine runs with one for %q; boot the entry through the firmware", ErrDeviceTree, m.Name, wants, fw.Compatible))
	}
}

func (p *Plan) treeUnused(origin string) {
	p.warn("device tree %s is not used: kexec_file_load passes on the one that the machine runs with", origin)
}

// Tokens of a flattened device tree (Devicetree Specification, 5.4.1).
const (
	fdtMagic     = 0xd00dfeed
	fdtBeginNode = 1
	fdtProp      = 3
	fdtNop       = 4

	maxRootTokens = 1024 // a root node has a few dozen properties
)

// firstCompatible reads the first string of the root node's compatible
// property; "" when there is none, or r holds no device tree.
func firstCompatible(r io.ReaderAt) string {
	d := fdtReader{r: r}
	if d.word(0) != fdtMagic {
		return ""
	}
	d.at = int64(d.word(8)) + 4
	strings := int64(d.word(12))
	if d.word(d.at-4) != fdtBeginNode || d.word(d.at) != 0 {
		return "" // the root has no name
	}
	d.at += 4
	for range maxRootTokens {
		switch d.next() {
		case fdtNop:
		case fdtProp:
			size, name := int64(d.next()), int64(d.next())
			if d.text(strings+name) == "compatible" {
				return d.text(d.at)
			}
			d.at += (size + 3) &^ 3
		default:
			return ""
		}
	}
	return ""
}

// An fdtReader reads big-endian words; after a failure they are all 0.
type fdtReader struct {
	r   io.ReaderAt
	at  int64
	err error
}

func (d *fdtReader) word(at int64) uint32 {
	b := make([]byte, 4)
	if n, err := d.r.ReadAt(b, at); n < len(b) {
		d.err = err
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

func (d *fdtReader) next() uint32 {
	v := d.word(d.at)
	d.at += 4
	return v
}

// text reads a string that ends in NUL, of 255 bytes at most; "" for others.
func (d *fdtReader) text(at int64) string {
	b := make([]byte, 256)
	n, _ := d.r.ReadAt(b, at)
	text, _, ok := bytes.Cut(b[:n], []byte{0})
	if !ok {
		return ""
	}
	return string(text)
}
