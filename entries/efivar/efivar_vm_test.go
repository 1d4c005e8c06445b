//go:build vm

package efivar_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// TestVMOneShot runs on the variables of a real firmware: the kernel makes
// each of them immutable, and the firmware refuses some.
func TestVMOneShot(t *testing.T) {
	g := vm.Start(t, vm.Config{UEFI: true, Files: map[string][]byte{"bin/oneshot": vm.Build(t, "./testdata/oneshot")}})
	assert.Equal(t, `absent: EFI variable LoaderEntryOneShot: no such file or directory
created: "a-rather-long-name.conf" immutable=true
consumed: <nil> 48 7 EFI variable LoaderEntryOneShot: no such file or directory
junk: "kexec reboot" immutable=true
restored: <nil> "a-rather-long-name.conf" immutable=true
nothing to consume: true
volatile: EFI variable LoaderInfo: not written: invalid argument: the firmware does not let the operating system set such a variable
nothing left of it: true
refused: true "a-rather-long-name.conf" immutable=true`, g.MustRun("oneshot"))
}
