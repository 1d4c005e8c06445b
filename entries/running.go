package entries

import (
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
)

// A runningKernel is what is known of the running kernel.
type runningKernel struct {
	Cmdline  string // /proc/cmdline
	Release  string // uname -r
	Kexeced  bool   // started by kexec, not by a boot loader
	Selected string // LoaderEntrySelected; of the last firmware boot
}

// running returns the entry that the running kernel came from; nil where that
// cannot be determined, rather than a wrong one.
func (m *menu) running(k runningKernel) *Entry {
	if !k.Kexeced && k.Selected != "" {
		return m.byID(k.Selected)
	}
	params := runningParams(k.Cmdline)
	if len(params) == 0 {
		return nil
	}
	var found *Entry
	for _, e := range m.entries {
		if e.Type == bls.Auto || e.Type == bls.Reported || !hasParams(e.Cmdline(), params) {
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

// LoadError returns why GRUB would not boot the entry, or why that cannot be
// determined; nil on a machine with another boot loader.
func (e *Entry) LoadError() error { return e.loadErr }

// runningParams splits the running command line, without the parameters that
// boot loaders put in front of an entry's.
func runningParams(line string) []string {
	var params []string
	for w := range strings.FieldsSeq(line) {
		if strings.HasPrefix(w, "kexec_bls.try=") {
			break // it and what follows is for a trial
		}
		if !strings.HasPrefix(w, "BOOT_IMAGE=") && !strings.HasPrefix(w, "initrd=") && !strings.HasPrefix(w, "systemd.mask=systemd-bless-boot") {
			params = append(params, w)
		}
	}
	return params
}

// hasParams reports whether a line consists of the parameters, whatever blanks
// are between them.
func hasParams(line string, params []string) bool {
	n := 0
	for w := range strings.FieldsSeq(line) {
		if n == len(params) || w != params[n] {
			return false
		}
		n++
	}
	return n == len(params)
}

// mentions reports whether an entry names the kernel release.
func mentions(e *Entry, release string) bool {
	if release == "" {
		return false
	}
	return e.Uname == release || e.Version == release || strings.Contains(e.Linux, release) || strings.Contains(e.ID, release)
}

// KexecBlocker returns why kexec cannot boot the entry, whatever the machine; ""
// when it can.
func (e *Entry) KexecBlocker() string {
	switch {
	case e.noKexec != "":
		return e.noKexec
	case e.Hidden != "":
		return e.Hidden
	case e.UKIURL != "":
		return "its image is on the network"
	}
	return ""
}
