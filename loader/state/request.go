package state

import (
	"strings"

	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
	"github.com/kexec-bls/kexec-bls/loader/internal/raw"
)

// A Request is what a load was asked for, apart from the configuration: enough to
// repeat it. The zero value loads what the boot loader would boot next.
type Request struct {
	// Entry is an id; "" is the boot loader's choice. An "entry" in JSON is an object.
	Entry raw.String `json:"name,omitempty"`
	// ESP and Boot are the directories that were given as boot partitions, Config
	// the file that was given instead of the configuration; absolute paths.
	ESP    raw.String `json:"esp,omitempty"`
	Boot   raw.String `json:"boot,omitempty"`
	Config raw.String `json:"config,omitempty"`
	// Append, Remove, Replace and Reuse change the command line.
	Append  []raw.String `json:"append,omitempty"`
	Remove  []raw.String `json:"remove,omitempty"`
	Replace *raw.String  `json:"replace,omitempty"`
	Reuse   bool         `json:"reuse,omitempty"`
	// Edited is set where a user has edited the whole line: Replace has what the
	// configuration adds and removes in it already.
	Edited bool `json:"edited,omitempty"`
	// EarlyFirst, Flat, Verify and NoVerify are about the initrd.
	EarlyFirst bool `json:"earlyFirst,omitempty"`
	Flat       bool `json:"flat,omitempty"`
	Verify     bool `json:"verify,omitempty"`
	NoVerify   bool `json:"noVerify,omitempty"`
	// Syscall is "file" or "classic"; "" is automatic.
	Syscall string       `json:"syscall,omitempty"`
	NoCMA   bool         `json:"noCma,omitempty"`
	Ignore  []finding.ID `json:"ignore,omitempty"`
}

// requestOf is the request in a receipt of version 1, which has the arguments of
// the load: "--append=quiet".
func requestOf(entry raw.String, args []string) *Request {
	r := &Request{Entry: entry}
	for _, arg := range args {
		name, value, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		text, yes := raw.String(value), value == "true"
		switch name {
		case "esp-path":
			r.ESP = text
		case "boot-path":
			r.Boot = text
		case "config":
			r.Config = text
		case "append":
			r.Append = append(r.Append, text)
		case "remove":
			r.Remove = append(r.Remove, text)
		case "command-line":
			r.Replace = &text
		case "reuse-cmdline":
			r.Reuse = yes
		case "early-first":
			r.EarlyFirst = yes
		case "flat":
			r.Flat = yes
		case "verify":
			r.Verify = yes
		case "syscall":
			r.Syscall = value
		case "ignore":
			for id := range strings.SplitSeq(value, ",") {
				r.Ignore = append(r.Ignore, finding.ID(id))
			}
		}
	}
	return r
}
