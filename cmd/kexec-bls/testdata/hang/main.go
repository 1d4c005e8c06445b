// Command hang mounts an autofs that nobody serves at a directory and then runs
// a command: whatever looks into the directory meanwhile waits for ever.
package main

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Println("hang:", err)
		os.Exit(1)
	}
}

func run(dir string, command []string) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	// It belongs to process group 1, whose members alone may pass.
	options := fmt.Sprintf("fd=%d,pgrp=1,minproto=5,maxproto=5,direct", w.Fd())
	if err := unix.Mount("dead", dir, "autofs", 0, options); err != nil {
		return err
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err = cmd.Run()
	_ = r.Close() // who still waits is told that there is nothing
	return err
}
