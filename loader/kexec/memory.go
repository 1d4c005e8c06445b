package kexec

import "golang.org/x/sys/unix"

// ProtectMemory keeps the memory of the process from core dumps, and from other
// processes of the user (PR_SET_DUMPABLE, prctl(2)): initrds and the credentials of UKIs
// hold secrets, and pass through it. It is for the whole process, until it executes
// another program.
func ProtectMemory() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
