package main

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/entries"
)

func newList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list every entry in boot-loader order",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.list(cmd.Context()) },
	}
}

// memoryGoal is where the collector begins to work harder, in bytes. A list of
// any honest partition stays far below; one made to fill the memory does not.
const memoryGoal = 40 << 20

func (a *app) list(ctx context.Context) error {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(memoryGoal))
	s, err := a.survey()
	if err != nil {
		return err
	}
	defer s.close()
	for _, p := range s.list.Problems {
		a.warn("%v", p)
	}
	if a.flags.json != jsonOff {
		return jsonArray(a.ui, a.flags.json, listed(s))
	}
	for _, missed := range s.choice.Missed {
		a.warn("%s", missed)
	}
	width, _ := a.screen()
	text := listTable(s).text(width, width > 0 && a.colour())
	return a.page(ctx, append(text, nextBoot(s)...))
}

func listTable(s *survey) table {
	t := table{head: []string{"  ENTRY", "TITLE", "VERSION", "NOTES"}, bold: -1}
	titles := s.list.Titles()
	for i, e := range s.list.Entries {
		mark := "  "
		if e == s.choice.Entry {
			mark, t.bold = "* ", i
		}
		t.rows = append(t.rows, []string{mark + cell(e.ID), cell(titles[i]), cell(e.Version), cell(strings.Join(notes(s, e), ", "))})
	}
	return t
}

// nextBoot is the line below the table.
func nextBoot(s *survey) string {
	if s.choice.Entry == nil {
		return "next boot: none, the boot loader would find nothing to boot\n"
	}
	return fmt.Sprintf("next boot: %s, by %s\n", cell(s.choice.Entry.ID), cell(s.choice.Rule))
}

// widestCell is how many characters of a text a table shows.
const widestCell = 160

// cell keeps a text inside its column.
func cell(s string) string {
	if s == "" {
		return "-"
	}
	s = strings.NewReplacer("\n", " ", "\t", " ").Replace(printable(s[:min(len(s), 4*widestCell)]))
	if r := []rune(s); len(r) > widestCell {
		return string(r[:widestCell]) + "…"
	}
	return s
}

// notes says what there is to know of an entry, most telling first.
func notes(s *survey, e *entries.Entry) []string {
	var notes []string
	if e == s.choice.Entry {
		notes = append(notes, "default")
	}
	if e == s.running {
		note := "running"
		if s.boot.Image != nil {
			note += ", kexec'ed " + stamp(cmp.Or(s.boot.Requested, s.boot.Image.Time))
		}
		notes = append(notes, note)
	}
	switch {
	case e.Bad():
		notes = append(notes, "bad: no boot attempts left")
	case e.Tries.Counted:
		notes = append(notes, count(e.Tries.Left, "attempt")+" left")
	}
	switch reason := e.Impossible(); {
	case e.Hidden != "":
		notes = append(notes, "hidden: "+e.Hidden)
	case reason != "":
		notes = append(notes, "no kexec: "+reason)
	}
	return notes
}

// A listEntry is an element of list --json. The keys are bootctl's, then ours.
type listEntry struct {
	Type               string        `json:"type"`
	Source             string        `json:"source"`
	ID                 string        `json:"id"`
	Path               string        `json:"path"`
	Root               string        `json:"root,omitempty"`
	Title              string        `json:"title,omitempty"`
	ShowTitle          string        `json:"showTitle"`
	SortKey            string        `json:"sortKey,omitempty"`
	Version            string        `json:"version,omitempty"`
	MachineID          string        `json:"machineId,omitempty"`
	Architecture       string        `json:"architecture,omitempty"`
	Uname              string        `json:"uname,omitempty"`
	Options            string        `json:"options,omitempty"`
	Linux              string        `json:"linux,omitempty"`
	EFI                string        `json:"efi,omitempty"`
	UKI                string        `json:"uki,omitempty"`
	UKIURL             string        `json:"ukiUrl,omitempty"`
	Profile            *int          `json:"profile,omitempty"`
	Initrd             []string      `json:"initrd,omitempty"`
	DeviceTree         string        `json:"devicetree,omitempty"`
	DeviceTreeOverlays []string      `json:"devicetreeOverlay,omitempty"`
	IsReported         bool          `json:"isReported"`
	TriesLeft          *int          `json:"triesLeft,omitempty"`
	TriesDone          *int          `json:"triesDone,omitempty"`
	IsDefault          bool          `json:"isDefault"`
	IsSelected         bool          `json:"isSelected"`
	Addons             []listAddon   `json:"addons"`
	Cmdline            string        `json:"cmdline,omitempty"`
	Extras             []string      `json:"extras,omitempty"`
	Hidden             string        `json:"hidden,omitempty"`
	Kexec              kexecPossible `json:"kexec"`
}

type listAddon struct {
	Global  string `json:"globalAddon,omitempty"`
	Local   string `json:"localAddon,omitempty"`
	Options string `json:"options,omitempty"`
}

type kexecPossible struct {
	Possible bool   `json:"possible"`
	Reason   string `json:"reason,omitempty"`
}

func listed(s *survey) iter.Seq[*listEntry] {
	return func(yield func(*listEntry) bool) {
		titles := s.list.Titles()
		for i, e := range s.list.Entries {
			l := jsonEntry(e)
			l.ShowTitle = titles[i]
			l.IsDefault = e == s.choice.Entry
			l.IsSelected = e == s.running
			if !yield(&l) {
				return
			}
		}
	}
}

func jsonEntry(e *entries.Entry) listEntry {
	l := listEntry{
		Type: e.Type.String(), Source: "esp", ID: e.ID, Title: e.Title, SortKey: e.SortKey,
		Version: e.Version, MachineID: e.MachineID, Uname: e.Uname, Options: e.Cmdline(),
		Linux: e.Linux, EFI: e.EFI, UKI: e.UKI, UKIURL: e.UKIURL, Initrd: e.Initrds,
		DeviceTree: e.DeviceTree, DeviceTreeOverlays: e.DeviceTreeOverlays,
		IsReported: e.IsReported, Extras: e.ExtraFiles, Hidden: e.Hidden,
	}
	if e.Volume != nil {
		l.Source, l.Root, l.Path = e.Volume.Kind.String(), e.Volume.Dir, e.Volume.Where(e.Path)
	} else {
		l.Path = "/sys/firmware/efi/efivars/LoaderEntries-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
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
	addAddons(&l, e)
	reason := e.Impossible()
	l.Kexec = kexecPossible{reason == "", reason}
	return l
}

// addAddons appends the command lines of addons. Only systemd-stub applies
// them, so a Type #1 entry for a plain kernel has none.
func addAddons(l *listEntry, e *entries.Entry) {
	parts := []string{l.Options}
	for _, addon := range e.Addons {
		if e.Type == bls.Type1 && e.UKI == "" {
			break
		}
		item := listAddon{Options: addon.Options, Local: addon.Path}
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
