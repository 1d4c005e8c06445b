package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/loader"
)

func newStatus(a *app) *cobra.Command {
	var verify bool
	var metrics string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "say what is loaded, what runs, what would boot next",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			if metrics != "" {
				return a.writeMetrics(metrics, verify)
			}
			return a.status(verify)
		},
	}
	cmd.Flags().StringVar(&metrics, "metrics", "", "write `FILE` for the textfile collector of node_exporter, and print nothing")
	cmd.Flags().BoolVar(&verify, "verify", false, "read the files again, even where size and time are the same")
	return cmd
}

// A statusReport is status --json.
type statusReport struct {
	Schema int    `json:"schema"`
	State  string `json:"state"` // fresh, stale, none or foreign
	// Reasons say why the image is stale, or why nobody knows whose it is.
	Reasons []string        `json:"reasons,omitempty"`
	Loaded  *loader.Receipt `json:"loaded,omitempty"`
	Running string          `json:"running"`           // kernel release
	Kexeced bool            `json:"kexeced"`           // the running kernel was started by kexec
	Next    string          `json:"next,omitempty"`    // entry that the boot loader would boot
	Rule    string          `json:"rule,omitempty"`    // what chooses it
	Current string          `json:"current,omitempty"` // entry that runs
	// Boot is how the running system came about, where that is recorded.
	Boot *bootReport `json:"boot,omitempty"`
}

func (a *app) status(verify bool) error {
	r, err := a.statusReport(verify)
	if err != nil {
		return err
	}
	if a.flags.json != jsonOff {
		if err := a.json(a.flags.json, r); err != nil {
			return err
		}
	} else {
		a.statusText(r)
	}
	return map[string]error{"stale": status(exitStale), "none": status(exitNone), "foreign": status(exitForeign)}[r.State]
}

func (a *app) statusReport(verify bool) (*statusReport, error) {
	r := &statusReport{Schema: 1, State: "none", Running: a.release(), Kexeced: a.kexeced()}
	loaded, err := a.loaded()
	if err != nil {
		return nil, err
	}
	s, err := a.survey()
	if err == nil {
		defer s.close()
		if s.choice.Entry != nil {
			r.Next, r.Rule = s.choice.Entry.ID, s.choice.Rule
		}
		if s.running != nil {
			r.Current = s.running.ID
		}
		r.tellBoot(s.boot)
	} else {
		r.tellBoot(a.boot())
	}
	if !loaded {
		return r, nil
	}
	receipt, err := loader.ReadReceipt(a.runDir)
	switch {
	case errors.Is(err, loader.ErrInterrupted):
		r.State, r.Reasons = "foreign", []string{err.Error()}
		return r, nil
	case errors.Is(err, fs.ErrNotExist), err == nil && receipt.BootID != a.bootID():
		r.State = "foreign"
		return r, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("a kernel is loaded, root alone can read by whom: %w", err)
	case err != nil:
		return nil, err
	}
	r.Loaded = &receipt
	r.Reasons = a.stale(receipt, s, verify)
	r.State = "fresh"
	if len(r.Reasons) > 0 {
		r.State = "stale"
	}
	return r, nil
}

// stale says why what is loaded is no longer what a load would load now. The
// survey is nil where there is no boot partition.
func (a *app) stale(receipt loader.Receipt, s *survey, verify bool) []string {
	var reasons []string
	for _, f := range receipt.Files {
		if changed := f.Changed(s.opener(receipt.Volumes), verify); changed != "" {
			reasons = append(reasons, f.Path+" "+changed)
		}
	}
	for _, dir := range receipt.Folders {
		for _, name := range dir.Added() {
			reasons = append(reasons, filepath.Join(dir.Path, name)+" is new")
		}
	}
	if s != nil && !receipt.Named && s.choice.Entry != nil && bls.FoldID(s.choice.Entry.ID) != bls.FoldID(receipt.Entry) {
		reasons = append(reasons, fmt.Sprintf("the boot loader would boot %s now", s.choice.Entry.ID))
	}
	if receipt.Release != "" && !a.hasModules(receipt.Release) && a.hasModules(a.release()) {
		reasons = append(reasons, fmt.Sprintf("the modules of kernel %s are gone", receipt.Release))
	}
	return append(reasons, edited(receipt, s, verify)...)
}

// edited compares the entry itself, whose file may have got another boot
// counter in its name.
func edited(receipt loader.Receipt, s *survey, verify bool) []string {
	if receipt.EntryFile == nil || s == nil {
		return nil
	}
	stamp, open := *receipt.EntryFile, s.opener(receipt.Volumes)
	if e := s.list.ByID(receipt.Entry); e != nil && e.Volume != nil {
		stamp.Path = e.Volume.Where(e.Path)
		open = func(string) (*os.File, error) { return e.Volume.Open(e.Path) }
	}
	if changed := stamp.Changed(open, verify); changed != "" {
		return []string{stamp.Path + " " + changed}
	}
	return nil
}

// opener opens files by the paths that a receipt has of them: on the partitions
// that it read, which may be mounted elsewhere by now, or nowhere.
func (s *survey) opener(read []loader.VolumeStamp) func(path string) (*os.File, error) {
	return func(path string) (*os.File, error) {
		for _, was := range read {
			name, below := strings.CutPrefix(path, was.Dir+"/")
			if !below || was.Device == "" || s == nil {
				continue
			}
			for _, v := range s.volumes {
				if v.Device != was.Device {
					continue
				}
				if f, err := v.Open(name); err == nil {
					return f, nil
				}
			}
		}
		return openFile(path)
	}
}

// hasModules looks for a kernel's modules. A system without any for the
// running kernel either needs none.
func (a *app) hasModules(release string) bool {
	for _, dir := range []string{"/usr/lib/modules", "/lib/modules"} {
		if _, err := fs.Stat(a.rootFS, filepath.Join(dir, release)[1:]); err == nil {
			return true
		}
	}
	return false
}

func (a *app) statusText(r *statusReport) {
	switch r.State {
	case "none":
		a.print("loaded   none")
	case "foreign":
		if len(r.Reasons) == 0 {
			a.print("loaded   a kernel that kexec-bls did not load")
		} else {
			a.print("loaded   not known which kernel")
		}
	default:
		name := r.Loaded.Entry
		if name == "" && len(r.Loaded.Files) > 0 {
			name = r.Loaded.Files[0].Path // the kernel
		}
		a.print("loaded   %s, %s, %s", printable(name), r.State, r.Loaded.Time.Local().Format("2006-01-02 15:04:05"))
	}
	for _, reason := range r.Reasons {
		a.print("         %s", printable(reason))
	}
	how := ""
	if r.Current != "" {
		how = " (" + printable(r.Current) + ")"
	}
	if way := way(r.Kexeced, r.Boot); way != "" {
		how += ", " + printable(way)
	}
	a.print("running  %s%s", r.Running, how)
	for _, line := range r.Boot.lines() {
		a.print("         %s", printable(line))
	}
	if r.Next != "" {
		a.print("next     %s, by %s", printable(r.Next), printable(r.Rule))
	}
}
