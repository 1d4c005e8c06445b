package tpm

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// An Initrd is what of the next initrd decides which PCRs it extends, which
// volumes it opens and which policies are signed for it. The zero value is an
// empty one.
type Initrd struct {
	files   map[string]entry
	wants   map[string]bool // units that a target or another unit pulls in
	dropIns map[string]bool // units that have one
	nvpcrs  bool            // there are definitions of NvPCRs
	pcrlock bool            // a credential brings a policy of systemd-pcrlock
	tss     bool            // it has the library that talks to a TPM
	plugin  bool            // libcryptsetup opens tokens of systemd-cryptenroll itself
	// cryptsetup is set where it has systemd-cryptsetup.
	cryptsetup bool
	unread     string // why something in it was not looked at, "" where all was
}

// Unread notes that something in the initrd was not looked at, and why. What it
// decides is not known then.
func (i *Initrd) Unread(why string) { i.unread = why }

// A File is one file of an initrd.
type File struct {
	Path string // from its root
	Link string // the target of a symbolic link, "" for what is none
	// Content reads it. It is called for few files, before Visit returns.
	Content func() ([]byte, error)
}

type entry struct {
	link    string
	content []byte
	err     error
}

const (
	maxContent = 1 << 20 // of a file of interest
	maxTab     = 1 << 16 // of crypttab
)

// Visit takes note of a file. Files are visited in the order in which they are
// unpacked: a later one replaces an earlier one of the same path.
func (i *Initrd) Visit(f File) {
	name := strings.TrimPrefix(path.Clean("/"+f.Path), "/")
	if strings.HasPrefix(name, "usr/lib/") || strings.HasPrefix(name, "usr/local/") { // /lib is a link to /usr/lib
		name = strings.TrimPrefix(name, "usr/")
	}
	dir, base := path.Split(name)
	if i.files == nil {
		i.files, i.wants, i.dropIns = map[string]entry{}, map[string]bool{}, map[string]bool{}
	}
	if suffix := path.Ext(path.Clean(dir)); suffix == ".wants" || suffix == ".requires" || suffix == ".upholds" {
		i.wants[base] = true
		return
	}
	switch {
	case strings.HasSuffix(dir, ".service.d/") && isUnitDir(path.Dir(path.Clean(dir))+"/"):
		i.dropIns[strings.TrimSuffix(path.Base(dir), ".d")] = true
		return
	case dir == "lib/nvpcr/" || dir == "etc/nvpcr/":
		i.nvpcrs = true
		return
	case (dir == ".extra/credentials/" || dir == ".extra/global_credentials/") && strings.HasPrefix(base, "pcrlock."):
		i.pcrlock = true
		return
	case strings.HasPrefix(base, "libtss2-esys.so"):
		i.tss = true
		return
	case base == "libcryptsetup-token-systemd-tpm2.so":
		i.plugin = true
		return
	case base == "systemd-cryptsetup":
		i.cryptsetup = true
		return
	case !interesting(name):
		return
	case f.Link != "":
		i.files[name] = entry{link: f.Link}
		return
	}
	e := entry{}
	if whole(name) {
		e.content, e.err = content(f)
		if isUnit(name) && e.err == nil && !measures(e.content) && len(e.content) > 0 {
			delete(i.files, name)
			return
		}
	}
	i.files[name] = e
}

func content(f File) ([]byte, error) {
	b, err := f.Content()
	if err == nil && (len(b) > maxContent || path.Base(f.Path) == "crypttab" && len(b) > maxTab) {
		return nil, fmt.Errorf("%s: too long", f.Path)
	}
	return bytes.Clone(b), err
}

// Directories and files of systemd, without usr/ in front.
const (
	release        = "etc/initrd-release"
	initrdTab      = "etc/crypttab"
	debugGenerator = "lib/systemd/system-generators/systemd-debug-generator"
	autoGenerator  = "lib/systemd/system-generators/systemd-gpt-auto-generator"
	extraSignature = ".extra/tpm2-pcr-signature.json"
)

func unitDirs() []string {
	return []string{"etc/systemd/system/", "run/systemd/system/", "lib/systemd/system/"}
}

// signatureFiles are those with signed policies, in systemd's order: the stub's
// goes to /run.
func signatureFiles() []string {
	const name = "systemd/tpm2-pcr-signature.json"
	return []string{"etc/" + name, "run/" + name, extraSignature, "local/lib/" + name, "lib/" + name}
}

// pcrlockFiles are those with a policy of systemd-pcrlock, in systemd's order.
func pcrlockFiles() []string {
	return []string{"run/systemd/pcrlock.json", "var/lib/systemd/pcrlock.json"}
}

func interesting(name string) bool {
	return whole(name) || name == release || name == debugGenerator || name == autoGenerator || strings.HasPrefix(name, KeyDir+"/")
}

// whole reports whether a file is read.
func whole(name string) bool {
	if name == initrdTab || isUnit(name) {
		return true
	}
	return slices.Contains(signatureFiles(), name) || slices.Contains(pcrlockFiles(), name)
}

func isUnit(name string) bool {
	dir, base := path.Split(name)
	return strings.HasSuffix(base, ".service") && isUnitDir(dir)
}

func isUnitDir(dir string) bool {
	return slices.Contains(unitDirs(), dir)
}

func (i Initrd) has(name string) bool {
	_, ok := i.files[name]
	return ok
}

// unknown is why it is not known what the initrd does, "" where it is.
func (i Initrd) unknown() string {
	switch tab := i.files[initrdTab]; {
	case i.unread != "":
		return i.unread
	case tab.err != nil:
		return "its crypttab cannot be read: " + tab.err.Error()
	case tab.link != "" && tab.link != "/dev/null":
		return "its crypttab is a link to " + tab.link
	}
	return ""
}

// opensKnown is the error, of the kind, where it is not known what the initrd opens.
func (i Initrd) opensKnown(kind error) error {
	why, advice := i.unknown(), "make the initrd again, with a plain file /etc/crypttab"
	switch {
	case why == "":
		return nil
	case i.unread != "":
		advice = string(hint.Decode)
	}
	return hint.Errorf(advice, "%w: what the next initrd opens is not known: %s", kind, why)
}

// Crypttab is the initrd's own /etc/crypttab, "" for none.
func (i Initrd) Crypttab() string { return string(i.files[initrdTab].content) }

// signatures is the file with signed policies that is found first.
func (i Initrd) signatures() []byte { return i.first(signatureFiles()) }

// lockFile is its own policy of systemd-pcrlock, nil where a credential has to bring
// one.
func (i Initrd) lockFile() []byte { return i.first(pcrlockFiles()) }

// first is the content of the first of some files that is there, nil for none.
func (i Initrd) first(names []string) []byte {
	for _, name := range names {
		if e, ok := i.files[name]; ok {
			return e.content
		}
	}
	return nil
}
