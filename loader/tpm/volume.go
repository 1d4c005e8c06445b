package tpm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/loader/tpm/luks2"
)

// A Volume is an encrypted one that the next system opens.
type Volume struct {
	Name    string // of its mapping below /dev/mapper
	Source  string // as crypttab(5) has it: "UUID=...", "/dev/..."
	Key     string // key file, "" for none
	Options []string
	// Initrd is set for a volume that the initrd opens, before the system can.
	Initrd bool
	// Header is that of LUKS2, where Err is nil. See ReadHeader.
	Header luks2.Header
	Err    error
}

// Volumes are those that the initrd opens, by its own /etc/crypttab, the kernel
// command line and the discovery of root partitions, and then those that the
// system opens by its /etc/crypttab. See systemd-cryptsetup-generator(8). Those that
// are open now come last: something else in the initrd opens one that none of these
// name. Headers are not read yet.
func Volumes(line string, i Initrd, crypttab string, open ...Volume) []Volume {
	found := parseDisks(line, true).volumes(i.Crypttab())
	for n := range found {
		found[n].Initrd = true
	}
	for _, v := range parseDisks(line, false).volumes(crypttab) {
		v.Initrd = v.option("x-initrd.attach") || slices.Contains(values(line, "root"), "/dev/mapper/"+v.Name)
		if !v.option("noauto") && !slices.ContainsFunc(found, v.Same) {
			found = append(found, v)
		}
	}
	for _, v := range open {
		if !slices.ContainsFunc(found, v.Same) {
			found = append(found, v)
		}
	}
	if !discovers(line, i) {
		return found
	}
	root := slices.IndexFunc(found, func(v Volume) bool { return v.Name == "root" })
	if root < 0 {
		root, found = len(found), append(found, Volume{Name: "root", Source: discovered, Initrd: true, Err: fs.ErrNotExist})
	}
	if len(found[root].Options) == 0 {
		found[root].Options = []string{"tpm2-measure-pcr=yes"} // by systemd-gpt-auto-generator
	}
	return found
}

// Same reports whether both are one volume, by name or UUID.
func (v Volume) Same(other Volume) bool {
	return v.Name == other.Name || v.uuid() != "" && v.uuid() == other.uuid()
}

// Automatic reports whether a token in the header may open the volume without a
// passphrase.
func (v Volume) Automatic() bool {
	return slices.ContainsFunc(v.Header.Tokens, func(t luks2.Token) bool { return t.Type != "systemd-recovery" })
}

// Bound reports whether a TPM may have part in opening one of the volumes.
func Bound(volumes []Volume) bool {
	return slices.ContainsFunc(volumes, func(v Volume) bool {
		return v.option("tpm2-device") || slices.ContainsFunc(v.Header.Tokens, func(t luks2.Token) bool {
			return t.Type == "systemd-tpm2" || t.Type == "clevis"
		})
	})
}

// option reports whether crypttab or the command line gives an option, with a
// value or without.
func (v Volume) option(key string) bool {
	return slices.ContainsFunc(v.Options, func(o string) bool { return o == key || strings.HasPrefix(o, key+"=") })
}

// value is the last value of an option.
func (v Volume) value(key string) string {
	last := ""
	for _, o := range v.Options {
		if value, ok := strings.CutPrefix(o, key+"="); ok {
			last = value
		}
	}
	return last
}

// otherPCRs are those of a token that is not tried, as the option tpm2-pcrs= has
// other ones; ok is false for a token that is.
func (v Volume) otherPCRs(t luks2.Token) (pcrs []int, ok bool) {
	if t.TPM2 == nil || !v.option("tpm2-device") || !v.option("tpm2-pcrs") {
		return nil, false
	}
	var wanted []int
	for number := range strings.FieldsFuncSeq(v.value("tpm2-pcrs"), func(r rune) bool { return r == '+' }) {
		n := pcrNumber(number)
		if n == nil {
			return nil, false
		}
		wanted = union(wanted, n)
	}
	return t.TPM2.PCRs, !slices.Equal(wanted, t.TPM2.PCRs)
}

// uuid is that of the source, "" where it is named otherwise.
func (v Volume) uuid() string {
	for _, prefix := range []string{"UUID=", "/dev/disk/by-uuid/"} {
		if uuid, ok := strings.CutPrefix(v.Source, prefix); ok {
			return strings.ToLower(strings.Trim(uuid, `"`))
		}
	}
	return ""
}

// discovered is the source of a root volume that systemd-gpt-auto-generator(8)
// finds by the type of its partition.
const discovered = "/dev/gpt-auto-root-luks"

func discovers(line string, i Initrd) bool {
	root := ""
	if roots := values(line, "root"); len(roots) > 0 {
		root = roots[len(roots)-1]
	}
	on, set := boolean(line, "systemd.gpt_auto")
	return i.has(autoGenerator) && (on || !set) && (root == "" || root == "gpt-auto" || root == "gpt-auto-force")
}

// absent reports whether discovery has nothing to find.
func (v Volume) absent() bool { return v.Source == discovered && errors.Is(v.Err, fs.ErrNotExist) }

// Device is the path of the block device, by the UUID in its header.
func (v Volume) Device() string { return "/dev/disk/by-uuid/" + v.Header.UUID }

// ReadHeader reads the volume's LUKS2 header into Header or Err. Root is the
// root directory of the running system.
func (v *Volume) ReadHeader(root fs.FS) {
	v.Header, v.Err = luks2.Header{}, nil
	for _, name := range v.files() {
		if v.Header, v.Err = readHeader(root, name); !errors.Is(v.Err, fs.ErrNotExist) {
			return
		}
	}
}

// files are where the header may be, without a slash in front.
func (v Volume) files() []string {
	if header := v.value("header"); header != "" {
		return []string{strings.TrimPrefix(header, "/")}
	}
	if v.Source == discovered {
		return []string{discovered[1:], "dev/disk/by-designator/root-luks"}
	}
	if uuid := v.uuid(); uuid != "" {
		return []string{"dev/disk/by-uuid/" + uuid}
	}
	for prefix, dir := range map[string]string{"LABEL=": "label", "PARTUUID=": "partuuid", "PARTLABEL=": "partlabel", "ID=": "id"} {
		if name, ok := strings.CutPrefix(v.Source, prefix); ok {
			return []string{"dev/disk/by-" + dir + "/" + strings.Trim(name, `"`)}
		}
	}
	return []string{strings.TrimPrefix(v.Source, "/")}
}

func readHeader(root fs.FS, name string) (luks2.Header, error) {
	f, err := root.Open(name)
	if err != nil {
		return luks2.Header{}, err
	}
	defer f.Close()
	volume, ok := f.(io.ReaderAt)
	if !ok {
		return luks2.Header{}, fmt.Errorf("%s: cannot be read at an offset", name)
	}
	return luks2.Read(volume)
}
