// Command quiesce calls ReadOnly and shows what is left; with an argument it
// undoes it again.
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/kexec-bls/kexec-bls/loader/systemd"
)

func main() {
	left, undo, err := systemd.ReadOnly()
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
