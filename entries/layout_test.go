package entries

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/host"
)

const layoutDir = "testdata/layouts"

// TestLayouts opens the machine that each file of testdata/layouts describes, and
// holds the entries, the default and what would be loaded. Its README has the format.
func TestLayouts(t *testing.T) {
	paths, err := filepath.Glob(layoutDir + "/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			l := readLayout(t, path)
			dir, o := l.build(t)
			got := strings.ReplaceAll(strings.Join(describe(t, o), "\n"), dir, "")
			assert.Equal(t, strings.TrimSpace(l.want), got)
		})
	}
}

// A layout is a machine in a text file.
type layout struct {
	disks, vars, want string
	files             map[string]string
	links             map[string]string
}

func readLayout(t *testing.T, path string) *layout {
	t.Helper()
	l := &layout{files: map[string]string{}, links: map[string]string{}}
	section, text := "", ""
	flush := func() {
		kind, name, _ := strings.Cut(section, " ")
		switch kind {
		case "disks":
			l.disks = text
		case "vars":
			l.vars = text
		case "want":
			l.want = text
		case "file":
			l.files[name] = text
		case "grubenv":
			l.files[name] = grubenv(text)
		case "mountinfo":
			l.files["proc/self/mountinfo"] = text
		case "kernels": // their content does not count
			for _, file := range strings.Fields(text) {
				l.files[file] = file
			}
		case "links":
			for line := range strings.Lines(text) {
				from, to, _ := strings.Cut(strings.TrimSpace(line), " -> ")
				l.links[from] = to
			}
		case "":
		default:
			require.Fail(t, "no such section", section)
		}
		text = ""
	}
	for line := range strings.Lines(readText(t, path)) {
		if name, ok := strings.CutPrefix(line, "-- "); ok {
			flush()
			section = strings.TrimSuffix(strings.TrimSpace(name), " --")
		} else if name, ok := strings.CutPrefix(line, "@include "); ok {
			text += readText(t, filepath.Join(layoutDir, strings.TrimSpace(name)))
		} else {
			text += line
		}
	}
	flush()
	return l
}

func readText(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

// build makes the directory that replaces "/".
func (l *layout) build(t *testing.T) (dir string, o Options) {
	t.Helper()
	dir = t.TempDir()
	put(t, dir, map[string]string{"proc/cmdline": "root=x\n"})
	put(t, dir, l.files)
	for from, to := range l.links {
		link(t, dir, from, to)
	}
	l.buildDisks(t, dir)
	h := host.At(dir)
	h.GOARCH = "amd64"
	for line := range strings.Lines(l.vars) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "efi":
			put(t, dir, map[string]string{"sys/firmware/efi/runtime": "0x1\n"})
		case "started":
			put(t, dir, bootVars(value))
		case "arch":
			h.GOARCH = value
		default:
			put(t, dir, loaderVar(name, value))
		}
	}
	return dir, Options{Host: h, Vars: efivar.Vars{Dir: filepath.Join(dir, "vars")}, Getenv: func(string) string { return "" }}
}

func link(t *testing.T, dir, from, to string) {
	t.Helper()
	from = filepath.Join(dir, from)
	require.NoError(t, os.MkdirAll(filepath.Dir(from), 0o755))
	require.NoError(t, os.Symlink(to, from))
}

// buildDisks makes what sysfs, udev and /dev have: a line for each disk, "vda
// gpt" or "sda dos", each partition, "vda1 254:1 esp ABCD-1234 LABEL", and each
// device of device mapper, "dm-0 253:0 sda3 rhel-root UUID LVM-ID".
func (l *layout) buildDisks(t *testing.T, dir string) {
	t.Helper()
	disk, scheme, number := "", "", 0
	for line := range strings.Lines(l.disks) {
		fields := append(strings.Fields(line), "", "", "")
		name, sysfs, dev := fields[0], "sys/devices/pci0/block/"+fields[0], fields[1]
		if strings.HasPrefix(name, "dm-") {
			sysfs = "sys/devices/virtual/block/" + name
			put(t, dir, map[string]string{sysfs + "/dm/name": fields[3] + "\n", sysfs + "/dm/uuid": fields[5] + "\n"})
			link(t, dir, sysfs+"/slaves/"+fields[2], "../../../../../class/block/"+fields[2])
			link(t, dir, "dev/disk/by-uuid/"+fields[4], "../../"+name)
		} else if !strings.HasPrefix(line, " ") {
			disk, scheme, number, dev = sysfs, fields[1], 0, fmt.Sprintf("250:%d", len(fields[0])*10)
		} else {
			number++
			sysfs = disk + "/" + name
			kind := map[string]string{"esp": "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"}[fields[2]]
			if kind == "" {
				kind = "0fc63daf-8483-4772-8e79-3d69d8477de4"
			}
			put(t, dir, map[string]string{
				sysfs + "/partition":          fmt.Sprintln(number),
				"run/udev/data/b" + fields[1]: "E:ID_PART_ENTRY_SCHEME=" + scheme + "\nE:ID_PART_ENTRY_TYPE=" + kind + "\n",
			})
			for i, by := range []string{"uuid", "label"} {
				if fields[3+i] != "" {
					link(t, dir, "dev/disk/by-"+by+"/"+fields[3+i], "../../"+name)
				}
			}
		}
		put(t, dir, map[string]string{sysfs + "/dev": dev + "\n", sysfs + "/size": "2048\n", sysfs + "/uevent": "DEVNAME=" + name + "\n", "dev/" + name: l.files["dev/"+name]})
		link(t, dir, "sys/dev/block/"+dev, "../../../"+sysfs)
		link(t, dir, "sys/class/block/"+name, "../../../"+sysfs)
	}
}

// describe writes what the system makes of the machine, one fact a line.
func describe(t *testing.T, o Options) []string {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		return append([]string{"error " + err.Error()}, hints(err)...)
	}
	defer func() { assert.NoError(t, s.Close()) }()
	var lines []string
	for _, e := range s.Entries() {
		lines = append(lines, "entry "+e.ID+notes(e))
	}
	for _, w := range s.Warnings() {
		lines = append(lines, "warning "+w)
	}
	for _, p := range s.Problems() {
		lines = append(lines, "problem "+p.Error())
	}
	c, err := s.Default()
	for _, m := range append(c.Missed, c.Warnings...) {
		lines = append(lines, "note "+m)
	}
	if err != nil {
		return append(append(lines, "error "+err.Error()), hints(err)...)
	}
	lines = append(lines, "default "+c.Entry.ID+" by "+c.Rule, "kernel "+c.Entry.Where(c.Entry.Linux))
	for _, i := range c.Entry.Initrds {
		lines = append(lines, "initrd "+c.Entry.Where(i))
	}
	lines = append(lines, "cmdline "+c.Entry.Cmdline())
	if env := s.GrubEnv(); env != "" {
		lines = append(lines, "grubenv "+env)
	}
	return lines
}

func notes(e *Entry) string {
	if why := e.KexecBlocker(); why != "" {
		return ": " + why
	}
	if err := e.LoadError(); err != nil {
		return ": " + err.Error()
	}
	return ""
}

func hints(err error) []string {
	if h := hint.Of(err); h != "" {
		return []string{"hint " + h}
	}
	return nil
}
