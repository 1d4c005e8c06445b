package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

// A target is where files of one kind go in the initrd, with the modes that
// systemd gives them.
type target struct {
	dir               string
	dirMode, fileMode uint32
}

func (t target) nodes(files []initrd.Node) []initrd.Node {
	nodes := initrd.StubDirs(t.dir, t.dirMode)
	for _, f := range files {
		f.Path, f.Mode = t.dir+"/"+f.Path, t.fileMode
		nodes = append(nodes, f)
	}
	return nodes
}

func credentials(dir string) target { return target{".extra/" + dir, 0o500, 0o400} }
func extensions(dir string) target  { return target{".extra/" + dir, 0o555, 0o444} }

// sidecars packs credentials and extension images, those of the image and
// those for all, one archive a kind.
func (s *stub) sidecars() error {
	own := extraDir(s.path)
	for _, k := range []struct {
		dir, suffix, except string
		to                  target
	}{
		{own, ".cred", "", credentials("credentials")},
		{credentialDir, ".cred", "", credentials("global_credentials")},
		{own, ".raw", ".confext.raw", extensions("sysext")},
		{extensionDir, ".raw", ".confext.raw", extensions("global_sysext")},
		{own, ".confext.raw", "", extensions("confext")},
		{extensionDir, ".confext.raw", "", extensions("global_confext")},
	} {
		names, err := s.names(k.dir, k.suffix, k.except)
		if err != nil {
			return err
		}
		var files []initrd.Node
		for _, name := range names {
			file, err := s.node(s.src, path.Join(k.dir, name))
			if err != nil {
				return err
			}
			files = append(files, file)
		}
		m, err := initrd.Archive(generated(k.to.dir, names), 1, k.to.nodes(files))
		if err != nil {
			return err
		}
		s.join(m)
	}
	return nil
}

// node opens a file that goes into an archive under its own name.
func (p *Plan) node(src Source, name string) (initrd.Node, error) {
	m, err := p.open(src, "extra", name)
	if err != nil {
		return initrd.Node{}, err
	}
	return initrd.Node{Path: path.Base(name), Content: m.Parts[0]}, nil
}

// generated names the origin of an archive that no file holds.
func generated(dir string, names []string) string {
	const shown = 8
	if more := len(names) - shown; more > 0 {
		names = append(names[:shown:shown], fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("generated: /%s (%s)", dir, strings.Join(names, ", "))
}

// meta packs what the image says of itself, one archive a section.
func (s *stub) meta() error {
	for _, k := range []struct{ section, name string }{
		{".pcrsig", "tpm2-pcr-signature.json"},
		{".pcrpkey", "tpm2-pcr-public-key.pem"},
		{".osrel", "os-release"},
		{".profile", "profile"},
	} {
		content, err := s.section(k.section)
		if err != nil {
			return err
		}
		if content.Size() == 0 {
			continue
		}
		to := extensions("")
		to.dir = ".extra"
		m, err := initrd.Archive(generated(to.dir+"/"+k.name, []string{content.Name}), 1,
			to.nodes([]initrd.Node{{Path: k.name, Content: content.Parts[0]}}))
		if err != nil {
			return err
		}
		s.join(m)
	}
	return s.bootSecret()
}

// bootSecret packs the secret of the running system, which only firmware can
// derive; no record has its hash. Without it the image boots, but a software TPM
// loses its state.
func (s *stub) bootSecret() error {
	if s.fw.BootSecret == nil || s.options.VersionOnly {
		return nil
	}
	text, err := s.text(".osrel")
	if err != nil {
		return err
	}
	release, err := uki.ParseOSRelease(text)
	if err != nil {
		return nil //nolint:nilerr // of no system
	}
	f, err := s.fw.BootSecret(release)
	if err != nil {
		s.warn("the boot secret is not passed on: %v", err)
		return nil
	}
	if f == nil {
		return nil
	}
	s.made = append(s.made, f)
	content, err := initrd.FileMember(f.Name(), f)
	if err != nil {
		return err
	}
	const name = ".extra/boot-secret"
	nodes := append(initrd.StubDirs(".extra", 0o555), initrd.Node{Path: name, Mode: 0o400, Content: content.Parts[0]})
	m, err := initrd.Archive(generated(name, []string{f.Name()}), 1, nodes)
	m.Secret = true
	s.join(m)
	return err
}

// An extraPack collects the files of extra lines that are of one kind.
type extraPack struct {
	suffix string
	to     target
	names  []string
	nodes  []initrd.Node
}

// extras packs the files of extra lines as systemd-boot does: one archive a
// kind, the directories again before each file, inodes counted on through all
// lines in their order. One that is of no kind is a warning.
func (p *Plan) extras(src Source, lines []string) ([]initrd.Member, error) {
	packs := []*extraPack{
		{suffix: ".cred", to: credentials("credentials")},
		{suffix: ".sysext.raw", to: extensions("sysext")},
		{suffix: ".confext.raw", to: extensions("confext")},
	}
	ino := uint32(1)
	for _, line := range lines {
		i := slices.IndexFunc(packs, func(k *extraPack) bool { return hasSuffix(line, k.suffix) && isASCII(path.Base(line)) })
		if i < 0 {
			p.warn("extra: %s is left out: not a .cred, .sysext.raw or .confext.raw file", src.Where(line))
			continue
		}
		file, err := p.node(src, line)
		if err != nil {
			return nil, err
		}
		packs[i].names = append(packs[i].names, file.Path)
		for _, n := range packs[i].to.nodes([]initrd.Node{file}) {
			n.Ino = ino
			packs[i].nodes = append(packs[i].nodes, n)
			ino++
		}
	}
	var members []initrd.Member
	for _, k := range packs {
		m, err := initrd.Archive(generated(k.to.dir, k.names), 1, k.nodes)
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}
