package grub

import (
	"bytes"
	"errors"
	"strings"
)

// A Block is a GRUB environment block: the content of a grubenv file, or the
// sectors that its variable env_block names. Any size is valid.
type Block []byte

const blockHeader = "# GRUB Environment Block\n"

// ErrNoBlock means that data does not begin with the header line of a GRUB
// environment block. GRUB loads nothing from such a file and boots on.
var ErrNoBlock = errors.New("not a GRUB environment block")

// ErrBlockFull means that GRUB itself could not write the block: it has no
// room, or what follows the last line is not "#" padding. GRUB leaves it as it
// is, so a next_entry in it is booted again and again.
var ErrBlockFull = errors.New("GRUB environment block has no room")

// A Var is a variable of an environment block.
type Var struct{ Name, Value string }

// Vars returns the variables in the order of the block, a name that occurs
// twice included: the last one is the value. An empty line and a line that
// begins with "#" are skipped; any other name reaches to the next "=", line
// ends included. In a value a backslash takes the next character as it is. A
// value that no line end follows does not count. The error is ErrNoBlock.
func (b Block) Vars() ([]Var, error) {
	if !bytes.HasPrefix(b, []byte(blockHeader)) {
		return nil, ErrNoBlock
	}
	var vars []Var
	for rest := b[len(blockHeader):]; len(rest) > 0; {
		if rest[0] == '#' || rest[0] == '\n' {
			rest = rest[lineLen(rest):]
			continue
		}
		i := bytes.IndexByte(rest, '=')
		if i < 0 {
			break
		}
		n := lineLen(rest[i+1:])
		value := rest[i+1 : i+1+n]
		if n == 0 || value[n-1] != '\n' {
			break
		}
		vars = append(vars, Var{cString(rest[:i]), cString(unescape(value[:n-1]))})
		rest = rest[i+1+n:]
	}
	return vars, nil
}

// Set returns a block of the same size with the variable set to value, as GRUB
// writes it: in its place, or after the last line. It returns ErrNoBlock or
// ErrBlockFull where GRUB would write nothing.
func (b Block) Set(name, value string) (Block, error) {
	end, err := b.end()
	if err != nil {
		return nil, err
	}
	line := []byte(name + "=" + escape(value) + "\n")
	at, n := b.find(name, end)
	grow := len(line) - n
	if grow > len(b)-end {
		return nil, ErrBlockFull
	}
	return b.splice(at, n, end, line), nil
}

// Delete returns a block of the same size without the variable, as GRUB writes
// one that is not set.
func (b Block) Delete(name string) (Block, error) {
	end, err := b.end()
	for err == nil {
		at, n := b.find(name, end)
		if n == 0 {
			return b, nil
		}
		b, end = b.splice(at, n, end, nil), end-n
	}
	return nil, err
}

// Empty returns a block of the same size in which the variable has no value,
// as GRUB leaves next_entry after it has used it. The line itself remains.
func (b Block) Empty(name string) (Block, error) { return b.Set(name, "") }

// end is the length of the block without its padding.
func (b Block) end() (int, error) {
	if !bytes.HasPrefix(b, []byte(blockHeader)) {
		return 0, ErrNoBlock
	}
	end := len(bytes.TrimRight(b, "#"))
	if b[end-1] != '\n' {
		return 0, ErrBlockFull
	}
	return end, nil
}

// find returns the place and length of the first line of a variable, or the
// end and 0 where there is none.
func (b Block) find(name string, end int) (at, n int) {
	for at = len(blockHeader); at < end; at += n {
		n = lineLen(b[at:end])
		if bytes.HasPrefix(b[at:at+n], []byte(name+"=")) {
			return at, n
		}
	}
	return end, 0
}

// splice replaces n bytes at at with line; the padding takes the difference.
func (b Block) splice(at, n, end int, line []byte) Block {
	out := make(Block, 0, len(b))
	out = append(append(append(out, b[:at]...), line...), b[at+n:end]...)
	return append(out, bytes.Repeat([]byte("#"), len(b)-len(out))...)
}

// lineLen is the length of the first line of data with its line end; a
// backslash takes the character after it into the line.
func lineLen(data []byte) int {
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '\n':
			return i + 1
		case '\\':
			i++
		}
	}
	return len(data)
}

func escape(value string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", "\\\n").Replace(value)
}

func unescape(value []byte) []byte {
	if bytes.IndexByte(value, '\\') < 0 {
		return value
	}
	out := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		if value[i] == '\\' && i+1 < len(value) {
			i++
		}
		out = append(out, value[i])
	}
	return out
}

// cString ends at the first NUL, as GRUB's strings do.
func cString(b []byte) string {
	before, _, _ := bytes.Cut(b, []byte{0})
	return string(before)
}
