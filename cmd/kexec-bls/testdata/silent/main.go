// Command silent mounts, by FUSE, a directory with one file of which every read
// waits in the kernel and cannot even be killed, as with firmware that does not
// return. It stays, and lets go of them when it ends.
//
//	silent DIR FILE
package main

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: silent DIR FILE")
		os.Exit(2)
	}
	serve(os.Args[1], os.Args[2])
}

// Requests of the FUSE protocol, include/uapi/linux/fuse.h, and their lengths.
const (
	opLookup  = 1
	opGetattr = 3
	opOpen    = 14
	opRead    = 15
	opInit    = 26
	opOpendir = 27

	headIn, headOut = 40, 16
	noEntry         = -int32(unix.ENOENT)
)

// serve answers for a directory with one file, and never when that is read.
func serve(dir, file string) {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	check(err)
	check(unix.Mount("silent", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd)))
	fmt.Println("mounted")
	buf := make([]byte, 1<<17)
	for {
		n, err := unix.Read(fd, buf)
		if err == unix.ENODEV {
			return // unmounted
		}
		check(err)
		if reply := answer(buf[:n], file); reply != nil {
			_, _ = unix.Write(fd, reply) // interrupted meanwhile
		}
	}
}

// answer is nil for a request that is left open.
func answer(request []byte, file string) []byte {
	node := binary.LittleEndian.Uint64(request[16:])
	body := request[headIn:]
	switch binary.LittleEndian.Uint32(request[4:]) {
	case opInit:
		out := make([]byte, 64) // fuse_init_out
		binary.LittleEndian.PutUint32(out, 7)
		binary.LittleEndian.PutUint32(out[4:], 31)
		binary.LittleEndian.PutUint32(out[20:], 1<<16) // max_write
		return reply(request, 0, out)
	case opGetattr:
		return reply(request, 0, append(make([]byte, 16), attributes(node)...))
	case opLookup:
		if string(body[:len(body)-1]) != file {
			return reply(request, noEntry, nil)
		}
		out := make([]byte, 40) // fuse_entry_out without attributes
		binary.LittleEndian.PutUint64(out, 2)
		return reply(request, 0, append(out, attributes(2)...))
	case opOpen, opOpendir:
		return reply(request, 0, make([]byte, 16))
	case opRead:
		return nil
	}
	return reply(request, -int32(unix.ENOSYS), nil)
}

// attributes is a fuse_attr: the root directory is node 1, the file 2.
func attributes(node uint64) []byte {
	mode := uint32(unix.S_IFDIR | 0o755)
	if node == 2 {
		mode = unix.S_IFREG | 0o644
	}
	out := make([]byte, 88)
	binary.LittleEndian.PutUint64(out, node)
	binary.LittleEndian.PutUint64(out[8:], 4096) // size
	binary.LittleEndian.PutUint32(out[60:], mode)
	binary.LittleEndian.PutUint32(out[64:], 1) // links
	return out
}

func reply(request []byte, code int32, body []byte) []byte {
	out := make([]byte, headOut, headOut+len(body))
	binary.LittleEndian.PutUint32(out, uint32(headOut+len(body)))
	binary.LittleEndian.PutUint32(out[4:], uint32(code))
	copy(out[8:], request[8:16]) // unique
	return append(out, body...)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "silent:", err)
		os.Exit(1)
	}
}
