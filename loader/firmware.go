package loader

import (
	"io"

	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/plan"
	"github.com/kexec-bls/kexec-bls/loader/secureboot"
)

// firmware is what systemd-boot and systemd-stub would ask the machine. A system
// that does not run has none. What cannot be read counts as the safer answer.
func firmware(sys *entries.System, e *entries.Entry) plan.Firmware {
	if sys.Offline() {
		return plan.Firmware{}
	}
	h := sys.Host()
	fw := plan.Firmware{
		SecureBoot: SecureBoot(sys), Confidential: h.Confidential() != host.No, Grub: sys.GRUB(), Compatible: h.DeviceTreeCompatible(),
		BootSecret: bootSecret(sys, e),
	}
	fw.OEMStrings, _ = h.OEMStrings() // for root alone, and whoever loads is root
	if fw.SecureBoot {
		fw.Verify = verifier(sys)
	}
	return fw
}

// verifier verifies images against the keys of the firmware and of shim. Where
// these cannot be read it refuses every image.
func verifier(sys *entries.System) func(r io.ReaderAt, size int64) error {
	keys, err := secureboot.ReadDatabases(sys.EFI())
	return func(r io.ReaderAt, size int64) error {
		if err != nil {
			return err
		}
		return keys.Verify(r, size)
	}
}

// SecureBoot reports whether the firmware enforces Secure Boot: by its variable,
// else by what the running kernel was told at its start; where neither is known on
// a machine with EFI it is taken as on.
func SecureBoot(sys *entries.System) bool {
	if v, err := sys.EFI().Global("SecureBoot"); err == nil && len(v.Data) == 1 {
		return v.Data[0] == 1
	}
	return sys.Host().SecureBoot() != host.No
}
