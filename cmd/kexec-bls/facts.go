package main

import (
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

// facts is the machine that runs, as package host reads it.
func (m *machine) facts() host.Machine {
	if m.proc == "/proc" && m.sys == "/sys" && m.rootDir == "/" {
		h := host.Running()
		h.GOARCH = m.goarch
		return h
	}
	root := joined{root: m.rootFS, proc: host.At(m.proc).FS, sys: host.At(m.sys).FS}
	return host.Machine{FS: root, Dir: m.rootDir, GOARCH: m.goarch, UID: m.uid(), PageSize: os.Getpagesize()}
}

// joined is a root directory with procfs and sysfs from elsewhere.
type joined struct{ root, proc, sys fs.FS }

func (j joined) at(name string) (fs.FS, string) {
	for prefix, tree := range map[string]fs.FS{"proc/": j.proc, "sys/": j.sys} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return tree, rest
		}
		if name+"/" == prefix {
			return tree, "."
		}
	}
	return j.root, name
}

// Open opens the file of the tree that has it.
func (j joined) Open(name string) (fs.File, error) {
	tree, name := j.at(name)
	return tree.Open(name)
}

// ReadLink reads the link of the tree that has it.
func (j joined) ReadLink(name string) (string, error) {
	tree, name := j.at(name)
	return fs.ReadLink(tree, name)
}

// Stat follows links in the tree that has it.
func (j joined) Stat(name string) (fs.FileInfo, error) {
	tree, name := j.at(name)
	return fs.Stat(tree, name)
}

// Lstat looks at a link of the tree that has it.
func (j joined) Lstat(name string) (fs.FileInfo, error) {
	tree, name := j.at(name)
	return fs.Lstat(tree, name)
}

// explained adds its cause to a refusal by the kernel, and a hint.
func (a *app) explained(plan preflight.Plan, err error) error {
	cause, ok := preflight.Explain(a.environment(), plan, err)
	if !ok {
		return err
	}
	return hint.Wrap(fmt.Errorf("%w: %s", err, cause.Text), cause.Hint)
}

// withHint is an error whose text has the hint too.
func withHint(err error) error {
	if h := hint.Of(err); h != "" {
		return fmt.Errorf("%w; %s", err, h)
	}
	return err
}

// findingIDs are the IDs of --ignore.
func findingIDs(ids []string) []preflight.ID {
	var list []preflight.ID
	for _, id := range ids {
		list = append(list, preflight.ID(id))
	}
	return list
}
