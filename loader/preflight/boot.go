package preflight

import (
	"fmt"

	"github.com/kexec-bls/kexec-bls/bls/bli"
)

// oneShot is about a variable that only a boot through the firmware consumes.
func oneShot(l *look) []Finding {
	entry := l.loaderText("LoaderEntryOneShot")
	pending := entry != "" && entry != bli.KexecJunk && !l.Plan.OneShot
	// A module is unloaded before the jump. What is built in is seen only where
	// it has parameters.
	efibc := l.host.ModulePresent("efibc") && !l.host.ModuleLoaded("efibc") && !l.host.UnitActive("kexec-bls-boot.service")
	switch {
	case pending && efibc:
		return one(Warning, IDOneShot, fmt.Sprintf("%s is set to be booted once, and the kernel (efibc) will overwrite that at a kexec", entry),
			"enable kexec-bls-boot.service, which restores it, or set it again afterwards (bootctl set-oneshot)")
	case pending:
		return one(Warning, IDOneShot, fmt.Sprintf("%s is set to be booted once, and remains so for the next boot through the firmware", entry),
			"leave out ENTRY to boot it now, or clear it (bootctl set-oneshot \"\")")
	case efibc && l.hasVariable("LoaderInfo", bli.LoaderVendor):
		return one(Info, IDEFIBC, "the kernel (efibc) writes \"kexec reboot\" into LoaderEntryOneShot at a kexec; it names no entry", "enable kexec-bls-boot.service, which clears it")
	}
	return nil
}

// bootCounter is about an entry with a boot counter in its file name
// (UAPI.1, "Boot counting"): kexec does not count.
func bootCounter(l *look) []Finding {
	switch {
	case !l.Plan.Counted:
		return nil
	case l.Plan.TriesLeft == 0:
		return one(Warning, IDEntryBad, l.Plan.Entry+" has no tries left: it failed whenever it was booted", "name another entry, or have it marked good (systemd-bless-boot good)")
	}
	return one(Info, IDBootCounter, fmt.Sprintf("%s has %d tries left; kexec neither counts this one nor has it marked good", l.Plan.Entry, l.Plan.TriesLeft), byFirmware+" to have it counted")
}
