package loader

import (
	"context"
	"errors"
	"fmt"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

// RebootFirmware reboots through the firmware. What is loaded is dropped first,
// since the reboot would be a kexec otherwise.
func (m *Machine) RebootFirmware(ctx context.Context, opt RebootOptions) error {
	if err := opt.check(m); err != nil {
		return err
	}
	loaded, err := m.Kernel.Loaded()
	if err := m.canRebootFirmware(ctx, loaded, opt); err != nil || opt.DryRun {
		return err
	}
	gone := ""
	if err == nil && loaded {
		gone = "; the kernel that was loaded is gone"
		lock, busy := m.lock(ctx)
		if busy != nil {
			return busy
		}
		defer lock.Close()
		err = m.forget()
	}
	if err != nil {
		return fmt.Errorf("a loaded kernel could turn the reboot into a kexec: %w", err)
	}
	if opt.Init.Message == "" {
		opt.Init.Message = "reboot through the firmware"
	}
	request := m.Init.Reboot
	if m.Host.InitSystem() != host.Systemd {
		request = m.Init.NativeReboot
	}
	undo := m.recordEnd(ctx, "reboot", opt)
	err = m.markReboot(firmwareMark)
	if err == nil {
		err = request(ctx, opt.Init)
	}
	if err != nil {
		undo()
		return fmt.Errorf("%w; nothing was rebooted%s", errors.Join(err, m.unmark(firmwareMark)), gone)
	}
	opt.accepted()
	return nil
}

// canRebootFirmware refuses, before what is loaded is dropped, what cannot be done.
func (m *Machine) canRebootFirmware(ctx context.Context, loaded bool, opt RebootOptions) error {
	if loaded {
		if err := m.forbidden(); err != nil {
			return fmt.Errorf("a loaded kernel could turn the reboot into a kexec: %w", err)
		}
	}
	if m.Host.InitSystem() != host.Systemd {
		return nil
	}
	if masked, is := preflight.Masked(m.Host, "reboot.target", "systemd-reboot.service"); is {
		return hint.Errorf(masked.Hint, "%s; nothing was changed", masked.Text)
	}
	return m.canReboot(ctx, opt)
}
