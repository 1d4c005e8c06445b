package main

import (
	"errors"
	"io/fs"

	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader"
)

// firmware asks the machine what systemd-boot and systemd-stub would ask it. A
// system that does not run has no machine.
func (a *app) firmware(s *survey) loader.Firmware {
	if a.flags.root != "" {
		return loader.Firmware{}
	}
	facts := a.facts()
	fw := loader.Firmware{Confidential: facts.Confidential() != host.No, Grub: s.grub != nil, Compatible: facts.DeviceTreeCompatible()}
	var err error
	if fw.SecureBoot, err = (efivar.Vars{Dir: a.efivars}).SecureBoot(); err != nil {
		a.warn("EFI variables: %v", err)
	}
	fw.OEMStrings, err = facts.OEMStrings()
	if err != nil && !errors.Is(err, fs.ErrPermission) { // for root's eyes only; whoever loads is root
		a.warn("SMBIOS: %v", err)
	}
	return fw
}
