package loader

import (
	"context"
	"slices"
	"strings"
)

// KexecsCounted reports whether systemd has counted a kexec: since version 262, with
// the kernel's live update. Its systemd-bless-boot(8) then marks no entry itself.
func (m *Machine) KexecsCounted(ctx context.Context) bool {
	if !m.Host.Exists("dev/liveupdate") {
		return false
	}
	n, err := m.Init.Property(ctx, "KExecCount")
	return err == nil && n > 0
}

// countedNext reports whether the next system gets the count.
func (p *Plan) countedNext() bool {
	next := p.host.KernelConfig(p.Release())
	return p.options.KexecsCounted && next.KHO(p.exported) && !next.Off("CONFIG_LIVEUPDATE") && !slices.Contains(strings.Fields(p.exported), "liveupdate=off")
}
