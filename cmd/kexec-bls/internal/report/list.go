// Package report is what the commands print of a system, a plan and a machine:
// as text for people and as JSON for programs. It decides nothing.
package report

import (
	"fmt"
	"iter"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"
)

// Schema is the number of the form of all JSON, see kexec-bls(8).
const Schema = 2

// ListOptions say how to draw a list.
type ListOptions struct {
	Width    int // in columns; 0: no limit
	Colour   bool
	NoLegend bool // the entries alone, without heading and summary
}

// List is every entry of a system in a table, the next boot in a line, and what is
// loaded where that is no entry.
func List(sys *entries.System, known Known, opt ListOptions) []byte {
	t := term.Table{Head: []string{"ENTRY", "TITLE", "VERSION", "NOTES"}, NoHead: opt.NoLegend}
	next, err := sys.Default()
	titles := sys.Titles()
	loaded := known.Loaded.State == loader.Foreign || known.Loaded.Receipt != nil
	for i, e := range sys.Entries() {
		mark := ""
		if e == next.Entry {
			mark = "*"
		}
		loaded = loaded && known.loaded(e) == ""
		t.Marks = append(t.Marks, mark)
		t.Rows = append(t.Rows, []string{term.Cell(e.ID), term.Cell(titles[i]), term.Cell(Version(e)), term.Cell(strings.Join(Notes(sys, known, e), ", "))})
	}
	text := string(t.Text(opt.Width, opt.Colour))
	if opt.NoLegend {
		return []byte(text)
	}
	switch {
	case err == nil:
		text += fmt.Sprintf("next boot: %s, by %s\n", term.Cell(next.Entry.ID), term.Cell(next.Rule))
	case len(t.Rows) == 0:
		text += "next boot: none\n"
	case hint.Of(err) == string(hint.ShowEntries): // they are above
		text += "next boot: no entry, " + term.Printable(err.Error()) + "\n"
	default:
		text += "next boot: no entry, " + term.Message(err) + "\n"
	}
	if loaded {
		text += "loaded: " + term.Cell((&Status{State: known.Loaded.State, Reasons: known.Loaded.Reasons, Loaded: ReceiptOf(known.Loaded.Receipt)}).loaded()) + "\n"
	}
	return []byte(text)
}

// An Entry is an element of list --json. The keys are bootctl's, then ours.
type Entry struct {
	Type               string   `json:"type"`
	Source             string   `json:"source"`
	ID                 string   `json:"id"`
	Path               string   `json:"path"`
	Root               string   `json:"root,omitempty"`
	Title              string   `json:"title,omitempty"`
	ShowTitle          string   `json:"showTitle"`
	SortKey            string   `json:"sortKey,omitempty"`
	Version            string   `json:"version,omitempty"`
	MachineID          string   `json:"machineId,omitempty"`
	Architecture       string   `json:"architecture,omitempty"`
	Uname              string   `json:"uname,omitempty"`
	Options            string   `json:"options,omitempty"`
	Linux              string   `json:"linux,omitempty"`
	EFI                string   `json:"efi,omitempty"`
	UKI                string   `json:"uki,omitempty"`
	UKIURL             string   `json:"ukiUrl,omitempty"`
	Profile            *int     `json:"profile,omitempty"`
	Initrd             []string `json:"initrd,omitempty"`
	DeviceTree         string   `json:"devicetree,omitempty"`
	DeviceTreeOverlays []string `json:"devicetreeOverlay,omitempty"`
	IsReported         bool     `json:"isReported"`
	TriesLeft          *int     `json:"triesLeft,omitempty"`
	TriesDone          *int     `json:"triesDone,omitempty"`
	IsDefault          bool     `json:"isDefault"`
	IsSelected         bool     `json:"isSelected"`
	Addons             []Addon  `json:"addons"`
	Cmdline            string   `json:"cmdline,omitempty"`
	Extras             []string `json:"extras,omitempty"`
	Hidden             string   `json:"hidden,omitempty"`
	Kexec              Kexec    `json:"kexec"`
	// Missing are initrds that are not there.
	Missing []string `json:"missing,omitempty"`
	// Loaded is fresh or stale where the entry is loaded.
	Loaded     loader.State `json:"loaded,omitempty"`
	LastResult *Result      `json:"lastResult,omitempty"`
}

// An Addon is one that the stub would apply to an entry.
type Addon struct {
	Global  string `json:"globalAddon,omitempty"`
	Local   string `json:"localAddon,omitempty"`
	Options string `json:"options,omitempty"`
}

// Kexec is whether kexec can boot an entry, on any machine.
type Kexec struct {
	Possible bool   `json:"possible"`
	Reason   string `json:"reason,omitempty"`
}

// Entries are the elements of list --json, in the order of the menu.
func Entries(sys *entries.System, known Known) iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		titles := sys.Titles()
		for i, e := range sys.Entries() {
			l := entryOf(sys, e)
			l.ShowTitle, l.Loaded, l.LastResult = titles[i], known.loaded(e), known.result(e)
			if w := e.Written; w != nil { // by GRUB, which knows no addons
				l.Options, l.Cmdline, l.Linux, l.Initrd = w.Cmdline(), w.Cmdline(), w.Linux, w.Initrds
			}
			if !yield(l) {
				return
			}
		}
	}
}

func entryOf(sys *entries.System, e *entries.Entry) *Entry {
	next, _ := sys.Default()
	l := &Entry{
		Type: e.Type.String(), Source: "esp", ID: e.ID, Title: e.Title, SortKey: e.SortKey,
		Version: e.Version, MachineID: e.MachineID, Uname: e.Uname, Options: e.Cmdline(),
		Linux: e.Linux, EFI: e.EFI, UKI: e.UKI, UKIURL: e.UKIURL, Initrd: e.Initrds,
		DeviceTree: e.DeviceTree, DeviceTreeOverlays: e.DeviceTreeOverlays,
		IsReported: e.IsReported, Extras: e.ExtraFiles, Hidden: e.Hidden,
	}
	if e.Volume != nil {
		l.Source, l.Root, l.Path = e.Volume.Kind.String(), e.Volume.Dir, e.Volume.Where(e.Path)
	} else if !sys.GRUB() {
		l.Path = "/sys/firmware/efi/efivars/" + bli.Entries + "-" + bli.LoaderVendor
	}
	if n := len(e.Architectures); n > 0 {
		l.Architecture = e.Architectures[n-1]
	}
	if e.Profile >= 0 {
		l.Profile = &e.Profile
	}
	if e.Tries.Counted {
		l.TriesLeft = &e.Tries.Left
		if e.Tries.HasDone {
			l.TriesDone = &e.Tries.Done
		}
	}
	l.addAddons(e)
	l.ShowTitle, l.IsDefault, l.IsSelected = e.Title, e == next.Entry, e == sys.Running()
	reason := e.KexecBlocker()
	l.Kexec, l.Missing = Kexec{reason == "", reason}, e.MissingInitrds()
	return l
}

// addAddons appends the command lines of addons. Only systemd-stub applies
// them, so a Type #1 entry for a plain kernel has none.
func (l *Entry) addAddons(e *entries.Entry) {
	parts := []string{l.Options}
	for _, addon := range e.Addons {
		if e.Type == bls.Type1 && e.UKI == "" {
			break
		}
		item := Addon{Options: addon.Options, Local: addon.Path}
		if addon.Global {
			item.Global, item.Local = addon.Path, ""
		}
		l.Addons = append(l.Addons, item)
		if addon.Options != "" {
			parts = append(parts, addon.Options)
		}
	}
	l.Cmdline = strings.Join(parts, " ") // with bootctl's blank in front where there are addons only
}
