// Command quiesce calls ReadOnly and shows what remains; with an argument it
// undoes it again.
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

func main() {
	left, undo, err := reboot.ReadOnly(host.Running())
	if err != nil {
		log.Fatal(err)
	}
	for _, point := range left {
		fmt.Println(point)
	}
	if len(os.Args) > 1 {
		if err := undo(); err != nil {
			log.Fatal(err)
		}
	}
}
