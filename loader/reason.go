package loader

import (
	"fmt"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// A Reason is one difference: why what is loaded is stale or foreign, or what the
// next boot would change.
type Reason struct {
	ID   ReasonID `json:"id"`
	Text string   `json:"text"`           // one clause, with Path and Parameter
	Hint string   `json:"hint,omitempty"` // one clause: what to do
	// Path is the file that it is about, "" for none.
	Path Text `json:"path,omitempty"`
	// Parameter is the kernel parameter that it is about, "" for none.
	Parameter Text `json:"parameter,omitempty"`
}

// A ReasonID names a kind of reason. It is stable.
type ReasonID string

// Kinds of reasons. The first six are of Loaded, the others of NextBoot, and
// ReasonUnknown is why neither can be determined.
const (
	ReasonFileChanged ReasonID = "file-changed" // also a file that is gone
	ReasonFileAdded   ReasonID = "file-added"
	ReasonEntry       ReasonID = "entry-changed"
	ReasonDefault     ReasonID = "default-changed"
	ReasonModules     ReasonID = "modules-gone"
	ReasonInterrupted ReasonID = "load-interrupted"

	ReasonRelease ReasonID = "kernel-release"
	ReasonBuild   ReasonID = "kernel-build"
	ReasonAdded   ReasonID = "parameter-added"
	ReasonRemoved ReasonID = "parameter-removed"
	ReasonTrial   ReasonID = "trial-failed"

	ReasonUnknown ReasonID = "unknown"
)

// String is the reason as one line.
func (r Reason) String() string {
	if r.Hint == "" {
		return r.Text
	}
	return r.Text + "; " + r.Hint
}

// Reasons are none where nothing differs.
type Reasons []Reason

// String is the reasons as one line.
func (r Reasons) String() string { return strings.Join(r.brief(), "; ") }

// brief is Lines with kernel parameters that follow each other on one line.
func (r Reasons) brief() []string {
	var lines []string
	for i, reason := range r {
		if i > 0 && reason.Parameter != "" && r[i-1].Parameter != "" {
			lines[len(lines)-1] += strings.TrimPrefix(reason.String(), "command line:")
		} else {
			lines = append(lines, reason.String())
		}
	}
	return lines
}

// Lines are the reasons, a line each.
func (r Reasons) Lines() []string {
	lines := make([]string, len(r))
	for i, reason := range r {
		lines[i] = reason.String()
	}
	return lines
}

// Unknown is the reason that an error is.
func Unknown(err error) Reasons {
	return Reasons{{ID: ReasonUnknown, Text: err.Error(), Hint: hint.Of(err)}}
}

// because is a reason with neither path nor parameter.
func because(id ReasonID, format string, args ...any) Reason {
	return Reason{ID: id, Text: fmt.Sprintf(format, args...)}
}

// aboutFile is a reason about a file: its path, and what is with it.
func aboutFile(id ReasonID, path, what string) Reason {
	return Reason{ID: id, Text: path + " " + what, Path: Text(path)}
}
