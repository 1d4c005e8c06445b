//go:build e2e

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestE2EKured runs both commands as kured does, from a mount namespace without
// the boot partition.
func TestE2EKured(t *testing.T) {
	g := setup{}.start(t)
	const inContainer = "unshare -m sh -c 'mount -t tmpfs none /efi && ! ls /efi/loader 2>/dev/null && exec /usr/bin/nsenter -m/proc/1/ns/mnt -- %s'"
	commands := map[string]string{}
	for _, arg := range readKured(t, "daemonset.yaml")[0].Spec.Template.Spec.Containers[0].Command {
		if flag, command, ok := strings.Cut(strings.TrimPrefix(arg, "--"), "="); ok {
			commands[flag] = fmt.Sprintf(inContainer, command)
		}
	}
	assert.Equal(t, 1, g.Run(commands["reboot-sentinel-command"]).Code, "the firmware booted it just now")
	g.MustRun("bootctl set-default other.conf || echo default other.conf >/efi/loader/loader.conf")
	required := g.Run(commands["reboot-sentinel-command"])
	assert.Zero(t, required.Code, required.Stderr)
	assert.Contains(t, required.Stdout, "entry=other")

	g.Reboot(commands["reboot-command"])

	assert.True(t, kexeced(g))
	assert.Contains(t, g.MustRun("cat /proc/cmdline"), "entry=other")
	assert.Equal(t, 1, g.Run(commands["reboot-sentinel-command"]).Code, "no more reboot is required")
}
