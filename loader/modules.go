package loader

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// ModuleLoaded says whether a kernel module is loaded and could be unloaded:
// what is built into the kernel has no initstate. sys is where sysfs is.
func ModuleLoaded(sys, name string) bool {
	_, err := os.Stat(sys + "/module/" + name + "/initstate")
	return err == nil
}

// UnloadModule unloads a kernel module, delete_module(2). One that is not
// loaded is none; one that something uses is an error, EWOULDBLOCK.
func UnloadModule(name string) error {
	err := os.NewSyscallError("delete_module", unix.DeleteModule(name, unix.O_NONBLOCK))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
