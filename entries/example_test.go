package entries_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// exampleOptions lay out a machine with two entries.
func exampleOptions(dir string) entries.Options {
	for name, text := range map[string]string{
		"esp/vmlinuz": "kernel", "esp/loader/loader.conf": "default lts*\n",
		"esp/loader/entries/arch.conf": "title Arch\nversion 6.12\nlinux /vmlinuz\n",
		"esp/loader/entries/lts.conf":  "title Arch LTS\nversion 6.6\nlinux /vmlinuz\n",
		"esp/loader/entries/old.conf":  "title Old\nversion 5.1\nlinux /gone\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			log.Fatal(err)
		}
	}
	return entries.Options{
		ESP: filepath.Join(dir, "esp"), Host: host.At(dir), Vars: efivar.Vars{Dir: filepath.Join(dir, "vars")},
		Getenv: func(string) string { return "" },
	}
}

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	sys, err := entries.Open(context.Background(), exampleOptions(dir))
	if err != nil {
		log.Fatal(err)
	}
	defer sys.Close()
	for _, e := range sys.Entries() {
		fmt.Println(e.ID, e.Title, e.Hidden != "")
	}
	// Output:
	// old.conf Old true
	// lts.conf Arch LTS false
	// arch.conf Arch false
}

func ExampleSystem_Default() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	sys, err := entries.Open(context.Background(), exampleOptions(dir))
	if err != nil {
		log.Fatal(err)
	}
	defer sys.Close()
	choice, err := sys.Default()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(choice.Entry.ID, "by", choice.Rule)
	entry, err := sys.Pick("arch")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(entry.Title)
	// Output:
	// lts.conf by loader.conf default lts*
	// Arch
}
