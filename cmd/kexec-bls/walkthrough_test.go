package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// typed is what a new user types on an Arch Linux machine: the way through a day,
// with the mistakes of who knows systemctl, bootctl and kexec.
const typed = `
status
list
list --no-legend
list -o json
lst
list --json=long
ls
arch-lts.conf
show
show arch-lts --append=debug
show arhc
show /boot/vmlinuz-linux
show @oneshot
show @deflt
show ''
check
check arch-lts -v
check --ignore=memroy
chekc
load arch-lts
status
load --linux=ESP/vmlinuz-linux --initrd=ESP/initramfs-linux.img --initrd a b
load --linux ESP/nosuch
-l /boot/vmlinuz --initrd=/boot/initrd.img --reuse-cmdline
-e
-u
-p
unload
unload
reboot -n
reboot --menu=foo
reboot --boot-loader-entry=arch-lts.conf
reboot --firmware-setup
reboot --when=
reboot --try 5min
reboot --try=2s
reboot --no-wal
reboot arch-lts --loaded
reboot -f
reboot
status
reboot --when=show
reboot --when=cancel
reboot --firmware
reboot-required
export --output=-
export --output=OUT
help nosuch
completion ksh
reboot --when=show --json short
reboot auto-windows
status --esp-path=OUT/nosuch
list --root=OUT/nosuch
initrd list a
menu -n
enable --policy=foo
`

// TestWalkThrough keeps what each line prints, to be read as a user reads it.
func TestWalkThrough(t *testing.T) {
	f, dir := layOut(t, "arch")
	esp, out := filepath.Join(dir, "esp"), filepath.Join(t.TempDir(), "out")
	f.getenv = func(name string) string { return map[string]string{"SYSTEMD_ESP_PATH": esp}[name] }
	write(t, f.dir, map[string]string{"lib/modules/6.17.8-arch1-1/x": "", "lib/modules/6.12.58-1-lts/x": ""})
	var text strings.Builder
	for line := range strings.Lines(strings.TrimSpace(typed) + "\n") {
		line = strings.TrimSpace(line)
		words := strings.Fields(strings.NewReplacer("ESP", esp, "OUT", out).Replace(line))
		for i, word := range words {
			if word == "''" {
				words[i] = ""
			}
		}
		fmt.Fprintf(&text, "$ kexec-bls %s\n", line)
		answer := f.run(words...)
		text.WriteString(answer.stdout + answer.stderr)
		if answer.code != exitDone {
			fmt.Fprintf(&text, "[exit status %d]\n", answer.code)
		}
		text.WriteString("\n")
	}
	shown := strings.NewReplacer(esp, "/boot", out, "OUT", f.dir, "").Replace(text.String())
	shown = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`).ReplaceAllString(shown, "YYYY-MM-DD HH:MM:SS")
	golden(t, "walkthrough.txt", shown)
}
