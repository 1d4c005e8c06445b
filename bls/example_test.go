package bls_test

import (
	"fmt"
	"slices"

	"github.com/kexec-bls/kexec-bls/bls"
)

func Example() {
	older, _ := bls.ParseEntry("loader/entries/arch-6.9.conf", []byte("title Arch\nsort-key arch\nversion 6.9\nlinux /vmlinuz-6.9\n"))
	newer, problems := bls.ParseEntry("loader/entries/arch-6.12+3.conf", []byte(
		"title Arch\nsort-key arch\nversion 6.12\nlinux /vmlinuz-6.12\noptions root=/dev/vda2\noptions quiet\nbogus 1\n"))
	for _, p := range problems {
		fmt.Println(p)
	}
	menu := []*bls.Entry{older, newer}
	slices.SortStableFunc(menu, bls.Compare)
	for _, e := range menu {
		fmt.Println(e.ID, e.Linux, e.Tries.Left)
	}
	fmt.Println(newer.Cmdline())
	// Output:
	// loader/entries/arch-6.12+3.conf:7: bogus: unknown key, ignored
	// arch-6.12.conf /vmlinuz-6.12 3
	// arch-6.9.conf /vmlinuz-6.9 0
	// root=/dev/vda2 quiet
}
