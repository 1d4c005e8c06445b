package kexec

import (
	"errors"
	"fmt"
)

// classicRefusal says why kexec_load(2) must not be used: it verifies nothing,
// so it is no way around a machine that wants images verified, and it hands
// over less.
func classicRefusal(s System, goarch string) error {
	switch {
	case !classicBuilt:
		return fmt.Errorf("kexec_load is not built into this program for %s; use --syscall=file", goarch)
	case s.Lockdown == "integrity", s.Lockdown == "confidentiality":
		return fmt.Errorf("kexec_load is forbidden: lockdown is on (%s), and it cannot verify images; use --syscall=file with a signed kernel", s.Lockdown)
	case s.signedOnly():
		return errors.New("kexec_load is not used: this kernel takes only signed images (CONFIG_KEXEC_SIG_FORCE), and it cannot verify any; use --syscall=file with a signed kernel")
	case s.Handover:
		return errors.New("kexec_load cannot hand over what kho=on keeps for the next kernel; use --syscall=file, or boot without kho=on")
	case s.Xen0:
		return errors.New("kexec_load does not reach the Xen hypervisor, which does the kexec on its host; reboot through the firmware")
	}
	return nil
}

// signedOnly is whether the running kernel was built to take no image without
// a signature. Before 5.4 one option was both SIG and SIG_FORCE.
func (s System) signedOnly() bool {
	return s.Config["CONFIG_KEXEC_SIG_FORCE"] == "y" || s.Config["CONFIG_KEXEC_VERIFY_SIG"] == "y"
}
