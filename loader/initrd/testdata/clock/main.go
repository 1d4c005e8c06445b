// Command clock measures how long a kexec takes, by the time stamp counter: it
// runs on through a kexec, while every clock of the kernel begins again.
//
// With KERNEL, INITRD and CMDLINE it loads them, writes the counter to the
// kernel log and jumps. As /init it notes the counter in /began and goes on with
// /init.sh. With a time it prints how far the counter counts meanwhile.
package main

import (
	"fmt"
	"log"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// counter is the time stamp counter.
func counter() uint64

func main() {
	now := counter()
	switch {
	case os.Getpid() == 1:
		if err := os.WriteFile("/began", fmt.Append(nil, now), 0o644); err != nil {
			log.Print(err)
		}
		log.Fatal(unix.Exec("/init.sh", []string{"/init.sh"}, os.Environ()))
	case len(os.Args) == 2:
		d, err := time.ParseDuration(os.Args[1])
		if err != nil {
			log.Fatal(err)
		}
		start := time.Now()
		now = counter()
		time.Sleep(d)
		n := counter() - now
		fmt.Println(uint64(float64(n) / time.Since(start).Seconds()))
	case len(os.Args) == 4:
		if err := jump(os.Args[1], os.Args[2], os.Args[3]); err != nil {
			log.Fatal(err)
		}
	default:
		log.Fatal("usage: clock KERNEL INITRD CMDLINE | clock DURATION")
	}
}

func jump(linux, initrd, cmdline string) error {
	kernel, err := os.Open(linux)
	if err != nil {
		return err
	}
	blob, err := os.Open(initrd)
	if err != nil {
		return err
	}
	if err := unix.KexecFileLoad(int(kernel.Fd()), int(blob.Fd()), cmdline, 0); err != nil {
		return fmt.Errorf("kexec_file_load: %w", err)
	}
	kmsg, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	unix.Sync()
	if _, err := fmt.Fprintf(kmsg, "<1>clock: %d\n", counter()); err != nil {
		return err
	}
	return unix.Reboot(unix.LINUX_REBOOT_CMD_KEXEC)
}
