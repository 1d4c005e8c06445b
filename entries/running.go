package entries

import (
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
)

// A RunningKernel is what the running kernel tells of itself.
type RunningKernel struct {
	Cmdline  string // /proc/cmdline
	Release  string // uname -r
	Kexeced  bool   // started by kexec, not by a boot loader
	Selected string // LoaderEntrySelected; of the last firmware boot
	// Env are the variables in command lines, nil where GRUB is not at work.
	Env bls.GrubEnv
}

// Running returns the entry that the running kernel came from; nil where that
// cannot be told, rather than a wrong one.
func (l *List) Running(k RunningKernel) *Entry {
	if !k.Kexeced && k.Selected != "" {
		return l.ByID(k.Selected)
	}
	words := runningWords(k.Cmdline)
	if len(words) == 0 {
		return nil
	}
	var found *Entry
	for _, e := range l.Entries {
		if e.Type == bls.Auto || e.Type == bls.Reported || !hasWords(k.line(e), words) {
			continue
		}
		if found != nil && !(mentions(found, k.Release) != mentions(e, k.Release)) {
			return nil
		}
		if found == nil || mentions(e, k.Release) {
			found = e
		}
	}
	return found
}

// line is the command line with which the boot loader would start an entry.
func (k RunningKernel) line(e *Entry) string {
	if k.Env == nil {
		return e.Cmdline()
	}
	return k.Env.ExpandLine(e.Cmdline())
}

// runningWords cuts the running command line into words, without those that
// boot loaders put in front of an entry's.
func runningWords(line string) []string {
	var words []string
	for w := range strings.FieldsSeq(line) {
		if !strings.HasPrefix(w, "BOOT_IMAGE=") && !strings.HasPrefix(w, "initrd=") && !strings.HasPrefix(w, "systemd.mask=systemd-bless-boot") {
			words = append(words, w)
		}
	}
	return words
}

// hasWords says whether a line consists of the words, whatever blanks are
// between them.
func hasWords(line string, words []string) bool {
	n := 0
	for w := range strings.FieldsSeq(line) {
		if n == len(words) || w != words[n] {
			return false
		}
		n++
	}
	return n == len(words)
}

// mentions says whether an entry names the kernel release.
func mentions(e *Entry, release string) bool {
	if release == "" {
		return false
	}
	return e.Uname == release || e.Version == release || strings.Contains(e.Linux, release) || strings.Contains(e.ID, release)
}

// Impossible says why no kexec can boot the entry, whatever the machine; "" when
// one can.
func (e *Entry) Impossible() string {
	switch {
	case e.NoKexec != "":
		return e.NoKexec
	case e.Hidden != "":
		return e.Hidden
	case e.UKIURL != "":
		return "its image is on the network"
	}
	return ""
}
