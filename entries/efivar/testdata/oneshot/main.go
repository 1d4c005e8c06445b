// Command oneshot takes LoaderEntryOneShot through its life on a real efivarfs
// and prints what it sees.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"unicode/utf16"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
)

const name = "LoaderEntryOneShot"

func main() {
	var vars efivar.Vars
	fmt.Println("absent:", read(vars))
	put(vars, name, 7, "a-rather-long-name.conf")
	fmt.Println("created:", read(vars))
	saved, err := vars.Consume(name)
	fmt.Println("consumed:", err, len(saved.Data), saved.Attributes, read(vars))
	put(vars, name, 7, bli.KexecJunk)
	fmt.Println("junk:", read(vars))
	fmt.Println("restored:", vars.Restore(saved), read(vars))
	_, err = vars.Consume("LoaderAbsent")
	fmt.Println("nothing to consume:", errors.Is(err, fs.ErrNotExist))
	fmt.Println("volatile:", vars.Restore(variable("LoaderInfo", 6, "x")))
	_, err = os.Lstat(file("LoaderInfo"))
	fmt.Println("nothing left of it:", errors.Is(err, fs.ErrNotExist))
	saved.Attributes = 1 // non-volatile without boot services: the firmware refuses
	fmt.Println("refused:", vars.Restore(saved) != nil, read(vars))
}

// read prints the value and the immutable flag.
func read(vars efivar.Vars) string {
	value, err := vars.Loader(name)
	if err != nil {
		return err.Error()
	}
	f, err := os.Open(file(name))
	if err != nil {
		return err.Error()
	}
	defer func() { _ = f.Close() }()
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%q immutable=%v", value, flags&0x10 != 0)
}

func file(name string) string {
	return efivar.DefaultDir + "/" + name + "-" + bli.LoaderVendor
}

func put(vars efivar.Vars, name string, attributes uint32, value string) {
	if err := vars.Restore(variable(name, attributes, value)); err != nil {
		fmt.Println("put:", err)
	}
}

func variable(name string, attributes uint32, value string) efivar.Saved {
	var data []byte
	for _, u := range utf16.Encode([]rune(value + "\x00")) {
		data = binary.LittleEndian.AppendUint16(data, u)
	}
	return efivar.Saved{Name: name, Variable: efivar.Variable{Attributes: attributes, Data: data}}
}
