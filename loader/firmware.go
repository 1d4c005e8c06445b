package loader

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/esp"
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

// bootSecret finds the copy that the running system has of its boot secret. It is
// that of another image too where systemd-stub started it from the same partition,
// which has a part of the secret, and for the same system.
func bootSecret(sys *entries.System, e *entries.Entry) func(uki.OSRelease) (*os.File, error) {
	from, err := sys.EFI().Loader(bli.StubDevicePartUUID)
	if err != nil || from == "" || e.Volume == nil || !strings.EqualFold(from, e.Volume.PartUUID) {
		return nil
	}
	const dir = "run/systemd/stub/"
	h := sys.Host()
	return func(next uki.OSRelease) (*os.File, error) {
		text, err := h.ReadFile(dir+"os-release", uki.TextLimit)
		if err != nil {
			return nil, nil //nolint:nilerr // it was not started by systemd-stub
		}
		// The sort key is IMAGE_ID, else ID, as the stub has it.
		running, err := uki.ParseOSRelease(string(text))
		if err != nil || next.SortKey == "" || running.SortKey != next.SortKey {
			return nil, nil //nolint:nilerr // another system, as far as is known
		}
		f, err := esp.OpenFile(filepath.Join(h.Dir, dir, "boot-secret"))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil, nil // only root has it, and only root loads
		}
		return f, err
	}
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
