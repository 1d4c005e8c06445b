package grub

import (
	"errors"
	"io"
	"strings"
)

// maxBlock is the largest environment block that is read, in bytes.
const maxBlock = 1 << 20

const sector = 512

// environment runs load_env, save_env and list_env.
func (r *runner) environment(c call) error {
	name, names := r.value("prefix")+"/grubenv", []string(nil)
	for i := 0; i < len(c.args); i++ {
		value, isFile := strings.CutPrefix(c.args[i], "--file=")
		switch {
		case isFile:
			name = value
		case (c.args[i] == "-f" || c.args[i] == "--file") && i+1 < len(c.args):
			i++
			name = c.args[i]
		case strings.HasPrefix(c.args[i], "-"):
		default:
			names = append(names, c.args[i])
		}
	}
	if c.name == "list_env" {
		return nil
	}
	f, block, err := r.block(name)
	if err != nil {
		r.status = failure
		return asUndetermined(err)
	}
	if c.name == "load_env" {
		return r.loadEnv(f, block, names)
	}
	return r.saveEnv(f, block, names)
}

// block reads an environment block: a file, or "(device)OFFSET+SECTORS".
func (r *runner) block(name string) (File, Block, error) {
	if f, err := r.locate(name); err == nil {
		if _, _, ok := sectors(f.Path); ok {
			block, err := r.rawBlock(f)
			return f, block, err
		}
	}
	f, info, err := r.regular(name)
	if err != nil {
		return f, nil, err
	}
	if stored, ok := r.stored[f]; ok {
		return f, stored, nil
	}
	if info.IsDir() {
		return f, nil, ErrNoBlock
	}
	data, err := r.readFile(f, maxBlock)
	return f, data, err
}

// sectors parses OFFSET+SECTORS and returns both in bytes.
func sectors(s string) (offset, size int64, ok bool) {
	first, count, found := strings.Cut(s, "+")
	a, okA := atoi(first)
	b, okB := atoi(count)
	ok = found && okA && okB && a >= 0 && a < 1<<40 && b > 0 && b <= maxBlock/sector
	return int64(a) * sector, int64(b) * sector, ok
}

func (r *runner) rawBlock(f File) (Block, error) {
	if stored, ok := r.stored[f]; ok {
		return stored, nil
	}
	if f.Device.Disk == nil {
		return nil, r.undetermined("the environment block at sectors %s cannot be read", f.Path)
	}
	offset, size, _ := sectors(f.Path)
	data := make([]byte, size)
	n, err := f.Device.Disk.ReadAt(data, offset)
	switch {
	case n == len(data):
	case errors.Is(err, io.EOF): // GRUB does not read over the end either
		return nil, err
	default:
		return nil, r.undetermined("the environment block at sectors %s: %w", f.Path, err)
	}
	return data, nil
}

// loadEnv sets the variables of a block, or those of the given names.
func (r *runner) loadEnv(f File, block Block, names []string) error {
	vars, err := block.Vars()
	if err != nil {
		r.status = failure
		return nil //nolint:nilerr // GRUB prints it and goes on
	}
	r.boot.Env = &Write{f, fileOffset(f), block}
	only := map[string]bool{}
	for _, n := range names {
		only[n] = true
	}
	for _, v := range vars {
		if v.Name == "next_entry" && r.m.WithoutNext {
			continue
		}
		if len(names) == 0 || only[v.Name] {
			if err := r.set(v.Name, v.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// saveEnv writes variables; one that is not set is deleted. Nothing is written
// where one of them has no room.
func (r *runner) saveEnv(f File, block Block, names []string) error {
	before := block
	err := r.unwritable(f)
	for _, name := range names {
		if err != nil {
			break
		}
		value, set := r.get(name)
		switch {
		case isUnknown(value):
			return r.undetermined("the value of %s that is saved is not known here", clip(name))
		case set:
			block, err = block.Set(name, value)
		default:
			block, err = block.Delete(name)
		}
	}
	for _, name := range names {
		if name == "next_entry" && r.value(name) == "" {
			r.noteNext(f, before, err)
		}
	}
	if err != nil {
		r.status = failure
		return nil //nolint:nilerr // GRUB prints it and goes on
	}
	r.stored[f] = block
	return nil
}

// errReadOnly means that GRUB cannot write files on this file system.
var errReadOnly = errors.New("GRUB cannot write this file system")

func (r *runner) unwritable(f File) error {
	if _, _, raw := sectors(f.Path); f.Device.ReadOnly && !raw {
		return errReadOnly
	}
	return nil
}

// noteNext keeps the block with next_entry alone emptied, if it holds one.
func (r *runner) noteNext(f File, block Block, err error) {
	vars, _ := block.Vars()
	value := ""
	for _, v := range vars {
		if v.Name == "next_entry" {
			value = v.Value
		}
	}
	if value == "" || r.boot.Next != nil {
		return
	}
	r.boot.next = value
	after := block
	if err == nil {
		after, err = block.Empty("next_entry")
	}
	if err != nil {
		r.boot.NextErr = err
		return
	}
	r.boot.Next = &Write{f, fileOffset(f), after}
}

// fileOffset is the Offset of a Write.
func fileOffset(f File) int64 {
	if offset, _, raw := sectors(f.Path); raw {
		return offset
	}
	return -1
}
