package main

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/loader"
)

// firmware asks the machine what systemd-boot and systemd-stub would ask it. A
// system that does not run has no machine.
func (a *app) firmware(s *survey) loader.Firmware {
	if a.flags.root != "" {
		return loader.Firmware{}
	}
	fw := loader.Firmware{Confidential: a.confidential(), Grub: s.grub != nil}
	var err error
	if fw.SecureBoot, err = (efivar.Vars{Dir: a.efivars}).SecureBoot(); err != nil {
		a.warn("EFI variables: %v", err)
	}
	fw.OEMStrings, err = loader.OEMStrings(a.sys)
	if err != nil && !errors.Is(err, fs.ErrPermission) { // for root's eyes only; whoever loads is root
		a.warn("SMBIOS: %v", err)
	}
	compatible, _, _ := strings.Cut(readLine(a.sys+"/firmware/devicetree/base/compatible"), "\x00")
	fw.Compatible = compatible
	return fw
}

// confidential says whether the machine is a virtual one that its host cannot
// look into: the guest devices of SEV-SNP, TDX and Arm CCA are there.
func (m *machine) confidential() bool {
	for _, device := range []string{"sev-guest", "tdx_guest", "arm_cca_guest"} {
		if _, err := os.Stat(m.sys + "/devices/virtual/misc/" + device); err == nil {
			return true
		}
	}
	return false
}
