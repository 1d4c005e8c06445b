package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

func newInitrd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "initrd",
		Short: "look into initrd images, or join them",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newInitrdLs(a), newInitrdMerge(a))
	return cmd
}

func newInitrdLs(a *app) *cobra.Command {
	var blob blobFlags
	var long bool
	cmd := &cobra.Command{
		Use:   "ls FILE...",
		Short: "list the members of images as they would be joined, and with -l the files inside",
		Args:  someArgs,
		RunE:  func(_ *cobra.Command, args []string) error { return a.initrdLs(args, blob, long) },
	}
	cmd.Flags().BoolVarP(&long, "long", "l", false, "list the files inside, through all compressions")
	blob.add(cmd)
	return cmd
}

func someArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usagef("%s needs a FILE", cmd.CommandPath())
	}
	return nil
}

// members opens images, in the order in which they will be joined.
func (a *app) members(paths []string, b blobFlags) (members []initrd.Member, closeAll func(), err error) {
	members, closeAll, err = openMembers(paths)
	if err == nil && (b.earlyFirst || a.config.Initrd.EarlyFirst) {
		if members, err = initrd.EarlyFirst(members); err != nil {
			closeAll()
		}
	}
	return members, closeAll, err
}

// A listedBlob is initrd ls --json.
type listedBlob struct {
	Schema   int             `json:"schema"`
	Size     int64           `json:"size"`
	Members  []listedMember  `json:"members"`
	Pieces   []listedPiece   `json:"pieces"`
	Findings []listedFinding `json:"findings"`
	Files    []listedFile    `json:"files,omitempty"`
}

type listedMember struct {
	Name    string `json:"name"`
	Offset  int64  `json:"offset"`
	Size    int64  `json:"size"`
	Padding int64  `json:"padding"`
}

type listedPiece struct {
	Member   string   `json:"member"`
	Offset   int64    `json:"offset"`
	Size     int64    `json:"size"`
	Format   string   `json:"format"`
	Kind     string   `json:"kind"`
	Vendors  []string `json:"vendors,omitempty"`
	Entries  *int     `json:"entries,omitempty"`  // absent where it was not decoded
	Unpacked *int64   `json:"unpacked,omitempty"` // bytes; absent where it was not decoded
	Dropped  bool     `json:"dropped,omitempty"`
}

type listedFinding struct {
	ID       string `json:"id"`
	Severity string `json:"severity"`
	Member   string `json:"member"`
	Text     string `json:"text"`
	Mend     string `json:"mend"`
}

type listedFile struct {
	Path   string    `json:"path"`
	Mode   string    `json:"mode"`
	UID    uint32    `json:"uid"`
	GID    uint32    `json:"gid"`
	Size   int64     `json:"size"`
	MTime  time.Time `json:"mtime"`
	Link   string    `json:"link,omitempty"`
	Member string    `json:"member"`

	Dropped bool `json:"dropped,omitempty"` // the kernel never gets this far
}

func (a *app) initrdLs(paths []string, b blobFlags, long bool) error {
	members, closeAll, err := a.members(paths, b)
	if err != nil {
		return err
	}
	defer closeAll()
	plan, err := initrd.NewPlan(members, initrd.JoinOptions{LastConfig: true})
	if err != nil {
		return err
	}
	var files []listedFile
	opt := initrd.WalkOptions{Layout: plan.Layout, Verify: verification(b.verify || long), Limit: a.unpackLimit()}
	if long {
		opt.Visit = func(f initrd.File) error { return a.listFile(f, &files) }
	}
	if b.verify && !long {
		bar := a.progress("reading initrds")
		opt.Progress = bar.tick
		defer bar.done()
	}
	report, err := initrd.Walk(context.Background(), plan, plan.Size(), opt)
	if err != nil {
		return err
	}
	if a.flags.json != jsonOff {
		return a.json(a.flags.json, blobJSON(plan, report, files))
	}
	if !long {
		a.blobTable(report)
	}
	for _, f := range report.Findings {
		a.warn("%s", f)
	}
	return nil
}

// listFile prints a file, or keeps it for JSON.
func (a *app) listFile(f initrd.File, files *[]listedFile) error {
	l := listedFile{
		Path: f.Path, Mode: modeString(f.Mode), UID: f.UID, GID: f.GID, Size: f.Size,
		MTime: time.Unix(f.MTime, 0).UTC(), Link: f.Link, Member: f.Member, Dropped: f.Dropped,
	}
	if a.flags.json != jsonOff {
		*files = append(*files, l)
		return nil
	}
	name := printable(l.Path)
	if l.Link != "" {
		name += " -> " + printable(l.Link)
	}
	if l.Dropped {
		name += "  (dropped)"
	}
	_, err := fmt.Fprintf(a.out, "%s %5d %5d %10d %s %s\n", l.Mode, l.UID, l.GID, l.Size, l.MTime.Format("2006-01-02 15:04"), name)
	return err
}

// modeString is the mode as ls -l writes it.
func modeString(mode uint32) string {
	m := fs.FileMode(mode & 0o777)
	for _, bit := range []struct {
		unix uint32
		mode fs.FileMode
	}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}} {
		if mode&bit.unix != 0 {
			m |= bit.mode
		}
	}
	kind := map[uint32]string{0o040000: "d", 0o120000: "l", 0o020000: "c", 0o060000: "b", 0o010000: "p", 0o140000: "s"}[mode&0o170000]
	if kind == "" {
		kind = "-"
	}
	return kind + m.Perm().String()[1:]
}

func blobJSON(plan *initrd.Plan, report initrd.Report, files []listedFile) listedBlob {
	out := listedBlob{Schema: 1, Size: plan.Size(), Members: []listedMember{}, Pieces: []listedPiece{}, Findings: []listedFinding{}, Files: files}
	for _, m := range plan.Layout.Members {
		out.Members = append(out.Members, listedMember{m.Name, m.Offset, m.Size, m.Padding})
	}
	for _, p := range report.Segments {
		out.Pieces = append(out.Pieces, jsonPiece(p))
	}
	for _, f := range report.Findings {
		out.Findings = append(out.Findings, listedFinding{string(f.ID), string(f.Severity), f.Member, f.Text, f.Hint})
	}
	return out
}

func jsonPiece(p initrd.Segment) listedPiece {
	l := listedPiece{Member: p.Member, Offset: p.Offset, Size: p.Size, Format: string(p.Format), Kind: string(p.Kind), Vendors: p.Vendors, Dropped: p.Dropped}
	if p.Entries >= 0 {
		l.Entries = &p.Entries
	}
	if p.Unpacked >= 0 {
		l.Unpacked = &p.Unpacked
	}
	return l
}

func (a *app) blobTable(report initrd.Report) {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "OFFSET\tSIZE\tFORMAT\tCONTENT\tFILES\tFROM")
	for _, p := range report.Segments {
		content := strings.Join(append([]string{string(p.Kind)}, p.Vendors...), " ")
		if p.Dropped {
			content += ", dropped"
		}
		files := "?"
		if p.Entries >= 0 {
			files = fmt.Sprint(p.Entries)
		}
		fmt.Fprintf(w, "%d\t%d\t%s\t%s\t%s\t%s\n", p.Offset, p.Size, p.Format, content, files, cell(p.Member))
	}
	_ = w.Flush()
}

func newInitrdMerge(a *app) *cobra.Command {
	var blob blobFlags
	var output string
	cmd := &cobra.Command{
		Use:   "merge --output=OUT FILE...",
		Short: "join images into one, as load would",
		Args:  someArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if output == "" {
				return usagef("merge needs --output=OUT; - is standard output")
			}
			return a.initrdMerge(args, output, blob)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to `OUT`; - is standard output")
	blob.add(cmd)
	return cmd
}

func (a *app) initrdMerge(paths []string, output string, b blobFlags) error {
	members, closeAll, err := a.members(paths, b)
	if err != nil {
		return err
	}
	defer closeAll()
	bar := a.progress("joining initrds")
	defer bar.done()
	plan, err := initrd.NewPlan(members, initrd.JoinOptions{Progress: bar.tick})
	if err != nil {
		return err
	}
	report, err := a.walk(plan, b.verify, nil)
	if err != nil {
		return err
	}
	for _, f := range report.Findings {
		a.warn("%s", f)
	}
	if b.flat || a.config.Initrd.Flat {
		flat, f, err := a.flatten(members)
		if err != nil {
			return err
		}
		if f != nil {
			defer f.Close()
		}
		if plan, err = initrd.NewPlan(flat, initrd.JoinOptions{Progress: bar.tick}); err != nil {
			return err
		}
	}
	return a.writeBlob(plan, output)
}

// writeBlob writes to a file, whole or not at all, or to standard output.
func (a *app) writeBlob(plan *initrd.Plan, output string) error {
	if output != "-" {
		return writeFile(filepath.Clean(output), plan.Write)
	}
	f, ok := a.out.(*os.File)
	if !ok {
		return errors.New("standard output is not a file")
	}
	return plan.Write(f)
}
