package report

import (
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

// A Failure is what a command that fails prints as JSON.
type Failure struct {
	Schema int    `json:"schema"`
	Error  string `json:"error"`          // what happened, and its cause
	Hint   string `json:"hint,omitempty"` // what to do
	// ExitStatus is the command's, as in EXIT STATUS of the manual.
	ExitStatus int `json:"exitStatus"`
}

// An Export is export --json.
type Export struct {
	Schema int       `json:"schema"`
	Entry  *EntryRef `json:"entry,omitempty"`
	// Output is the directory that was written.
	Output   loader.Text      `json:"output"`
	Warnings []string         `json:"warnings,omitempty"`
	Findings []loader.Finding `json:"findings"`
}

// ExportOf reports a plan that was written to a directory.
func ExportOf(p *loader.Plan, dir string) Export {
	return Export{Schema, RefOf(p.Entry()), loader.Text(dir), p.Warnings(), append([]loader.Finding{}, Advised(p.Findings())...)}
}

// A Merge is initrd merge --json.
type Merge struct {
	Schema int `json:"schema"`
	// Output is the file that was written.
	Output   loader.Text      `json:"output"`
	Size     int64            `json:"size"` // bytes
	Findings []loader.Finding `json:"findings"`
}

// MergeOf reports images that were joined into a file.
func MergeOf(output string, size int64, walked initrd.Report) Merge {
	return Merge{Schema, loader.Text(output), size, append([]loader.Finding{}, Advised(walked.Findings)...)}
}

// A Kept is load --if-none --json where a kernel is loaded already.
type Kept struct {
	Schema int  `json:"schema"`
	Kept   bool `json:"kept"` // always true
}

// An EveryReboot is enable --json and disable --json.
type EveryReboot struct {
	Schema int `json:"schema"`
	// EveryReboot is set where each reboot is now a kexec while a kernel is loaded.
	EveryReboot bool `json:"everyReboot"`
}
