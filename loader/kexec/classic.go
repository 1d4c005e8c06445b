package kexec

import (
	"errors"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

// classicRefusal returns why kexec_load(2) must not be used: it verifies
// nothing, so it is no way around a machine that wants images verified, and it
// passes less on.
func classicRefusal(m host.Machine) error {
	const file, signed = "use kexec_file_load", "use kexec_file_load with a signed kernel"
	config := m.RunningConfig()
	switch mode := m.Lockdown(); {
	case !classicBuilt:
		return hint.Errorf(file, "kexec_load is not built into this program for %s", m.GOARCH)
	case mode == "integrity", mode == "confidentiality":
		return hint.Errorf(signed, "kexec_load is forbidden: lockdown is on (%s), and it cannot verify images", mode)
	// Before 5.4 one option was both SIG and SIG_FORCE.
	case config.BuiltIn("CONFIG_KEXEC_SIG_FORCE"), config.BuiltIn("CONFIG_KEXEC_VERIFY_SIG"):
		return hint.Wrap(errors.New("kexec_load is not used: this kernel takes only signed images (CONFIG_KEXEC_SIG_FORCE), and it cannot verify any"), signed)
	case m.KHO():
		return hint.Wrap(errors.New("kexec_load cannot pass on what kho=on keeps for the next kernel"), file+", or boot without kho=on")
	case m.XenDom0():
		return hint.Wrap(errors.New("kexec_load does not reach the Xen hypervisor, which does the kexec on its host"), string(hint.ByFirmware))
	}
	return nil
}
