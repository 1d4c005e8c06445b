package menu

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
)

var update = flag.Bool("update", false, "write the screens anew")

// manyEntries is a menu as a machine of several years has it.
func manyEntries() Options {
	opt := threeEntries()
	opt.View.Symbols = true
	opt.Rows = nil
	for i, version := range []string{"6.17.10-300.fc43.x86_64", "6.17.9-300.fc43.x86_64", "6.17.8-300.fc43.x86_64", "6.16.12-200.fc42.x86_64", "6.16.11-200.fc42.x86_64", "6.16.10-200.fc42.x86_64", "6.16.9-200.fc42.x86_64"} {
		r := Row{Title: "Fedora Linux 43 (Workstation Edition)", Version: version, Label: "0123456789abcdef0123456789abcdef-" + version + ".conf"}
		r.ID = r.Label
		if i == 0 {
			r.Next, r.Notes, opt.Next = true, "default, loaded", r.ID
		}
		if i == 1 {
			r.Notes, opt.Running = "running, kexec'ed 2026-11-28 21:10:04", r.ID
		}
		opt.Rows = append(opt.Rows, r)
	}
	opt.Rows = append(opt.Rows,
		Row{ID: "windows.conf", Label: "windows.conf", Title: "Windows 11", Notes: "no kexec: an EFI program, which only firmware can start", Mark: term.Error},
		Row{ID: "rescue.conf", Label: "rescue.conf", Title: "Rescue", Version: "6.12.1", Notes: "initrd missing: /rescue.img", Mark: term.Warning})
	plan := opt.Plan
	opt.Plan = func(id string, line *string) Plan {
		p := plan(id, line)
		if id == "windows.conf" {
			return p
		}
		p.Draw = func(v term.View) []string {
			lines := []string{v.Bold("Plan")}
			for _, r := range [][2]string{{"kernel", "/boot/" + id + "/linux  16 MiB  bzImage 6.17.10-300.fc43.x86_64"}, {"initrd", "/boot/initramfs.img  41 MiB at 0  zstd"}, {"cmdline", p.Cmdline + " root=UUID=01234567-89ab-cdef-0123-456789abcdef ro rootflags=subvol=root rhgb"}, {"", "+ quiet"}} {
				lines = append(lines, v.Hang(v.Faint(fmt.Sprintf("  %-10s", r[0])), r[1])...)
			}
			lines = append(lines, v.Bold("Check"))
			for i, area := range []string{"kernel", "entry", "initrd", "security", "disks", "shutdown", "memory", "hardware", "history"} {
				m := []term.Mark{term.OK, term.OK, term.OK, term.Partial, term.OK, term.OK, term.Warning, term.OK, term.OK}[i]
				lines = append(lines, v.Hang(v.Mark(m)+" "+fmt.Sprintf("%-9s", area), "what was seen of it, in a clause or two, so that the line is folded on a terminal of 80 columns")...)
			}
			return append(lines, v.Hang(v.Mark(term.Warning)+" ", "a kexec is possible, with 1 warning")...)
		}
		return p
	}
	return opt
}

// TestScreens holds what is drawn, in each mode, at three sizes.
func TestScreens(t *testing.T) {
	for _, size := range [][2]int{{40, 10}, {80, 24}, {200, 50}} {
		var all strings.Builder
		draw := func(name string, opt Options, keys ...string) {
			u := sitDown(t, opt)
			u.send(sizeEvent{size[0], size[1]})
			u.press(keys...)
			fmt.Fprintf(&all, "=== %s\n", name)
			assert.Len(t, u.screen(), size[1], name)
			for _, line := range u.screen() {
				all.WriteString(strings.TrimRight(line, " ") + "\n")
			}
		}
		draw("at the start", manyEntries())
		draw("a search", manyEntries(), "'fedora 16.1")
		draw("nothing found", manyEntries(), "'zzz")
		draw("the plan scrolled", manyEntries(), "pgdown")
		draw("the last row", manyEntries(), "end")
		draw("editing", manyEntries(), "tab")
		draw("confirming", manyEntries(), "enter")
		draw("only firmware", manyEntries(), "'windows", "enter")
		draw("help", manyEntries(), "'?")
		draw("empty", Options{Host: "lab", Empty: "the boot partitions have no entries; entries are text files in loader/entries/ or unified kernel images in EFI/Linux/"})
		plain := manyEntries()
		plain.View = term.View{}
		draw("words for symbols", plain)
		path := filepath.Join("testdata", fmt.Sprintf("screens-%dx%d.txt", size[0], size[1]))
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(all.String()), 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err, "make it with -update")
		assert.Equal(t, string(want), all.String())
	}
}
