package preflight

import "fmt"

// kexecJunk is what the kernel's efibc module writes over LoaderEntryOneShot
// at a kexec (drivers/firmware/efi/efibc.c). It names no entry.
const kexecJunk = "kexec reboot"

// oneShot is about variables that only a boot through the firmware uses up.
func oneShot(l *look) []Finding {
	var found []Finding
	shot := l.textVariable("LoaderEntryOneShot", loaderVendor)
	pending := shot != "" && shot != kexecJunk && !l.Plan.OneShot
	// A module is unloaded before the jump. What is built in shows itself only
	// where it has parameters.
	efibc := l.sys.has("module/efibc") && !l.sys.has("module/efibc/initstate") && !l.active("kexec-bls-boot.service")
	switch {
	case pending && efibc:
		found = append(found, Finding{"one-shot", Warning, fmt.Sprintf("%s is set to be booted once, and the kernel (efibc) will overwrite that at a kexec", shot),
			"enable kexec-bls-boot.service, which puts it back, or set it again afterwards (bootctl set-oneshot)"})
	case pending:
		found = append(found, Finding{"one-shot", Warning, fmt.Sprintf("%s is set to be booted once, and stays so for the next boot through the firmware", shot),
			"leave out ENTRY to boot it now, or forget it (bootctl set-oneshot \"\")"})
	case efibc && l.efi.has("LoaderInfo-"+loaderVendor):
		found = append(found, Finding{"efibc", Note, "the kernel (efibc) writes \"kexec reboot\" into LoaderEntryOneShot at a kexec; it names no entry", "nothing; or enable kexec-bls-boot.service, which clears it"})
	}
	if l.textVariable("LoaderConfigTimeoutOneShot", loaderVendor) != "" {
		found = append(found, Finding{"one-shot-timeout", Note, "the boot menu is to be shown once; that stays for the next boot through the firmware", "nothing"})
	}
	return found
}

// bootCounter is about an entry with a boot counter in its file name
// (UAPI.1, "Boot counting"): kexec does not count.
func bootCounter(l *look) []Finding {
	switch {
	case !l.Plan.Counted:
		return nil
	case l.Plan.TriesLeft == 0:
		return []Finding{{"entry-bad", Warning, l.Plan.Entry + " has no tries left: it failed whenever it was booted", "name another entry, or have it marked good (systemd-bless-boot good)"}}
	}
	return []Finding{{"boot-counter", Note, fmt.Sprintf("%s has %d tries left; kexec neither counts this one nor has it marked good", l.Plan.Entry, l.Plan.TriesLeft), "nothing; a boot through the firmware counts it"}}
}
