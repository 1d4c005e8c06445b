package grub

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"
)

// loading is what an item's commands have loaded so far.
type loading struct {
	kernel  *Command
	err     error // why the kernel could not be loaded
	initErr error // why an initrd could not be loaded
	missed  []string
}

// Load works out what GRUB loads for an item of the menu. The error is a
// FailedError, an UndeterminedError, or ErrNotEntry for an item of grub.cfg.
func (b *Boot) Load(item *Item) (*Command, error) {
	command, _, err := b.run.fork().start(item)
	return command, err
}

// Saved returns the item that saved_entry names; nil where it names none.
func (b *Boot) Saved() *Item {
	return b.run.places(b.run.value("saved_entry"))
}

// fork returns a runner that starts from the same state.
func (r *runner) fork() *runner {
	out := *r
	out.vars, out.stored = maps.Clone(r.vars), maps.Clone(r.stored)
	out.boot, out.flow, out.steps, out.size, out.loaded = &Boot{}, goOn, 0, 0, 0
	out.functions, out.loops, out.params = 0, 0, nil
	return &out
}

// start runs an item's commands; r is the state after them.
func (r *runner) start(item *Item) (*Command, *runner, error) {
	switch {
	case item.Kind == Other:
		return nil, r, fmt.Errorf("%s: %w", clip(item.Title), ErrNotEntry)
	case len(item.twins) > 0:
		return nil, r, &UndeterminedError{"", fmt.Sprintf("GRUB lists only one of the entries %s and %s, which compare equal", item.ID, item.twins[0].ID)}
	case item.Kind == UKI:
		return &Command{Kernel: item.File, EFI: true}, r, nil
	}
	r.file, r.line, r.flavor = item.File.Path, 0, item.flavor
	src, err := r.entryScript(item)
	if err != nil {
		return nil, r, err
	}
	r.vars["chosen"] = strings.ReplaceAll(item.menuID(), ">", ">>")
	r.loading = &loading{}
	err = r.script(item.File.Path, src)
	var bad syntaxError
	switch l := r.loading; {
	case errors.As(err, &bad):
		return nil, r, &FailedError{item, errors.New(bad.text)}
	case err != nil:
		return nil, r, err
	case l.kernel == nil && l.err == nil:
		return nil, r, &FailedError{item, errors.New("no kernel is loaded")}
	case l.err != nil:
		return nil, r, &FailedError{item, l.err}
	case l.initErr != nil && r.flavor != Upstream:
		return nil, r, &FailedError{item, l.initErr}
	case l.initErr != nil:
		l.kernel.Initrds = nil
		l.missed = append(l.missed, fmt.Sprintf("initrd %v: GRUB boots without any initrd", l.initErr))
	}
	r.loading.kernel.Missed = r.loading.missed
	return r.loading.kernel, r, nil
}

// entryScript makes the script that GRUB runs for an entry. $options are expanded
// here for the first time.
func (r *runner) entryScript(item *Item) (string, error) {
	unset := ""
	get := func(name string) (string, bool) {
		v, ok := item.vars[name]
		if r.m.Script != "" && v == "" && !member(name, "tuned_params tuned_initrd") {
			unset = name
		}
		return v, ok
	}
	e := item.Entry
	options, ok, err := expandOptions(e.Options, item.flavor, get)
	if !ok && err == nil && item.flavor != Upstream {
		options, ok, err = expandOptions(item.vars["default_kernelopts"], item.flavor, get)
	}
	if err == nil && unset != "" {
		err = fmt.Errorf("$%s has no value in grubenv, and the grub.cfg that may set it cannot be read", unset)
	}
	if err != nil {
		return "", &UndeterminedError{item.File.Path, "options: " + err.Error()}
	}
	device, verb, target := "($root)", "linux ", e.Linux
	var b strings.Builder
	if item.flavor == Upstream {
		device = ""
		if member(item.vars["blsuki_save_default"], "1 true") {
			b.WriteString("savedefault\n")
		}
	} else {
		if item.vars["save_default"] == "true" {
			b.WriteString("savedefault\n")
		}
		b.WriteString("load_video\nset gfxpayload=keep\ninsmod gzio\n")
		if e.EFI != "" {
			verb, target = "chainloader ", e.EFI
		}
	}
	b.WriteString(verb + device + target)
	if ok {
		b.WriteString(" " + options)
	}
	b.WriteString("\n")
	if verb == "linux " {
		b.WriteString(initrdLine(item, device))
	}
	return b.String(), nil
}

// initrdLine makes the initrd command. The names of early_initrd are below the
// folder of the first initrd line.
func initrdLine(item *Item, device string) string {
	e := item.Entry
	var paths []string
	early, set := item.vars["early_initrd"]
	if set && item.flavor != Upstream {
		first := append(e.Initrds[:len(e.Initrds):len(e.Initrds)], e.Linux)[0]
		folder := first[:strings.LastIndexByte(first, '/')+1]
		for name := range strings.SplitSeq(early, " ") {
			paths = append(paths, device+folder+name)
		}
	}
	for _, line := range e.Initrds {
		paths = append(paths, device+line)
	}
	if len(paths) == 0 {
		return ""
	}
	return "initrd " + strings.Join(paths, " ") + "\n"
}

// load runs linux, initrd and chainloader.
func (r *runner) load(c call) error {
	l := r.loading
	if l == nil {
		return r.undetermined("%s runs outside of a menu entry", c.name)
	}
	var err error
	if strings.HasPrefix(c.name, "initrd") {
		err = r.loadInitrds(c.args)
		l.initErr = err
	} else {
		err = r.loadKernel(c)
		l.err = err
	}
	r.status = statusOf(err == nil)
	return asUndetermined(err)
}

func (r *runner) loadKernel(c call) error {
	r.loading.kernel = nil
	if len(c.args) == 0 {
		return errors.New("no kernel is named")
	}
	f, err := r.boots(c.args[0])
	if err != nil {
		return err
	}
	line, err := joinLine(c.args[1:], r.flavor)
	if c.name == "chainloader" {
		line = strings.Join(c.args[1:], " ")
	}
	if err != nil {
		return r.blame(err)
	}
	if isUnknown(line) {
		return r.undetermined("the command line holds GRUB's own name of a disk")
	}
	r.loading.kernel = &Command{Kernel: f, Cmdline: line, EFI: c.name == "chainloader"}
	return nil
}

func (r *runner) loadInitrds(paths []string) error {
	k := r.loading.kernel
	if k == nil {
		return errors.New("no kernel is loaded before the initrd")
	}
	if len(paths) == 0 {
		return errors.New("no initrd is named")
	}
	k.Initrds = nil
	for _, p := range paths {
		f, err := r.boots(p)
		if err != nil {
			return err
		}
		k.Initrds = append(k.Initrds, f)
	}
	return nil
}

// boots finds a file that is loaded.
func (r *runner) boots(name string) (File, error) {
	f, info, err := r.regular(name)
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s: %w", f.Path, fs.ErrNotExist)
	}
	return f, err
}
