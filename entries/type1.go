package entries

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls"
	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/entries/esp"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

func (r *reader) type1() {
	dir, err := r.volume.OpenDir(type1Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		r.problem(err)
		return
	}
	defer func() { _ = dir.Close() }() // read only
	names, err := dir.Names()
	if err != nil {
		r.problem(err)
	}
	for _, name := range names {
		if bls.IsEntryName(name, ".conf") {
			r.readEntry(dir, name)
		}
	}
}

func (r *reader) readEntry(dir *esp.Dir, name string) {
	p := type1Dir + "/" + name
	var err error
	if r.buf, err = dir.Read(name, r.buf, maxEntrySize); err != nil {
		r.problem(fmt.Errorf("%s: %w", r.volume.Where(p), err))
		if errors.Is(err, host.ErrTooLarge) {
			r.addUnread(p, fmt.Sprintf("its file has more than %d bytes", maxEntrySize))
		}
		return
	}
	if r.held += len(r.buf); r.held > maxHeld {
		r.addUnread(p, fmt.Sprintf("the entry files before it have %d bytes together", maxHeld))
		return
	}
	e, problems := bls.ParseEntry(p, r.buf)
	for _, problem := range problems {
		problem.Path = r.volume.Where(p)
		r.problem(problem)
	}
	r.checkArch(e)
	entry := r.add(e)
	r.checkFiles(entry)
	entry.setExtras(r.globalAddons())
}

// addUnread lists an entry of which nothing but its file name is used.
func (r *reader) addUnread(p, reason string) {
	e, _ := bls.ParseEntry(p, nil) // what it lacks is not the reason
	e.Hidden = reason
	r.add(e)
}

// checkArch hides what is made for another machine, by any of its lines.
func (r *reader) checkArch(e *bls.Entry) {
	for _, a := range e.Architectures {
		if !strings.EqualFold(a, r.arch) {
			e.Hide(fmt.Sprintf("it is for architecture %s, this machine is %s", a, r.arch))
		}
	}
}

// checkFiles hides an entry whose kernel is not there. A missing initrd does
// not hide it: systemd-boot shows such an entry and fails to boot it.
func (r *reader) checkFiles(e *Entry) {
	for _, p := range []string{e.Linux, e.EFI, e.UKI} {
		if p == "" || e.Hidden != "" {
			continue
		}
		if err := r.exists(p); err != nil {
			e.Hide(fmt.Sprintf("%s: %v", p, err))
			e.MissingFile = true
		}
	}
	if e.Hidden != "" {
		return
	}
	e.missing = missing(e.Initrds, r.exists)
	if e.EFI != "" {
		e.noKexec = r.efiBlocker(e.EFI)
	}
}

// exists asks for each path once: many entries may share a kernel.
func (r *reader) exists(p string) error {
	err, known := r.found[p]
	if !known {
		err = r.volume.Exists(p)
		if r.found == nil {
			r.found = map[string]error{}
		}
		r.found[strings.Clone(p)] = err // p may be part of a large text
	}
	return err
}

// efiBlocker returns why kexec cannot boot an EFI program, by its headers; "" for
// a unified kernel image of the machine, and for a kernel.
func (r *reader) efiBlocker(p string) string {
	const program = "an EFI program, which only firmware can start"
	f, err := r.volume.Open(p)
	if err != nil {
		return program
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return program
	}
	if m, err := uki.Open(f, info.Size()); err == nil && m.IsUKI(uki.MachineByArchName(r.arch)) {
		return ""
	}
	switch k, err := uki.OpenKernel(f, info.Size()); {
	case errors.Is(err, uki.ErrTruncated):
		return err.Error()
	case err != nil || !k.HasStub():
		return program
	}
	return ""
}

// readSmall reads a file into the reader's one buffer: what it returns holds
// until the next call.
func (r *reader) readSmall(v *esp.Volume, name string) ([]byte, error) {
	f, err := v.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r.buf, err = readLimited(f, r.buf[:0], maxEntrySize)
	return r.buf, err
}

// readLimited appends the whole of f to buf, which grows with what was read.
func readLimited(f io.Reader, buf []byte, limit int) ([]byte, error) {
	if cap(buf) == 0 {
		buf = make([]byte, 0, 4<<10)
	}
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := f.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > limit:
			return buf[:0], fmt.Errorf("%w: more than %d bytes", host.ErrTooLarge, limit)
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return buf[:0], esp.Cause(err)
		}
	}
}
