// Command volumes prints the boot partitions of a guest, with the entry files that
// they hold, as nobody where NOBODY is set. With arguments it first mounts an autofs that nobody serves at
// each of them.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/esp"
)

func main() {
	for _, dir := range os.Args[1:] {
		mountDead(dir)
	}
	if os.Getenv("NOBODY") != "" {
		check(syscall.Setuid(65534))
	}
	start := time.Now()
	volumes, err := esp.Find(esp.Options{PartUUID: os.Getenv("HINT"), SystemdBoot: os.Getenv("SDBOOT") != "", Timeout: 300 * time.Millisecond})
	took := time.Since(start)
	for _, v := range volumes {
		show(v)
	}
	mounts, merr := os.ReadFile("/proc/self/mountinfo")
	check(merr)
	fmt.Println("mounts of disks:", strings.Count(string(mounts), "/dev/vd"))
	for _, v := range volumes {
		check(v.Close())
	}
	if err != nil {
		fmt.Printf("error %v; %s\n", err, hint.Of(err))
	}
	if took > 2*time.Second {
		fmt.Println("took", took)
	}
}

// show prints a volume; files are read twice, early and after a walk.
func show(v *esp.Volume) {
	fmt.Println(v.Kind, v.Dir, v.Device, v.PartUUID, v.Plain)
	if v.Note != "" {
		fmt.Println("note", v.Note)
	}
	check(fs.WalkDir(v.Root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			content, rerr := v.Root.ReadFile(path)
			check(rerr)
			fmt.Printf("  %s: %s\n", path, content)
		}
		return err
	}))
	if f, err := v.Root.Create("scribble"); err == nil {
		fmt.Println("writable")
		check(f.Close())
	}
}

// mountDead mounts an autofs whose every lookup waits for ever. It belongs to
// process group 1, whose members alone may pass.
func mountDead(dir string) {
	_, w, err := os.Pipe()
	check(err)
	check(unix.Mount("dead", dir, "autofs", 0, fmt.Sprintf("fd=%d,pgrp=1,minproto=5,maxproto=5,direct", w.Fd())))
}

func check(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}
