package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestMemoryOfList holds that list stays under 64 MiB on partitions made to
// fill the memory, by what the kernel says of the program as it is installed.
func TestMemoryOfList(t *testing.T) {
	const limit, large = 64 << 10, 1 << 20 // KiB, bytes
	ours := builtBinary(t)
	for name, v := range map[string]struct {
		files int
		text  string
	}{
		"10,000 entries":       {10_000, "title Linux\nversion 6.12.1\nsort-key test\nlinux /v\ninitrd /v\noptions root=UUID=3f3b1b2e-5a54-4a3c-9c0e-6b4f3f1f4d11 ro quiet\n"},
		"100 long titles":      {100, "linux /v\ntitle " + strings.Repeat("x", large)},
		"100 long lines":       {100, "linux /v\noptions " + strings.Repeat("x", large)},
		"100 with many lines":  {100, "linux /v\n" + strings.Repeat("options a\n", large/10)},
		"100 with many initrd": {100, "linux /v\n" + strings.Repeat("initrd /v\n", large/10)},
		"100 of no key at all": {100, "linux /v\n" + strings.Repeat("k v\n", large/4)},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, map[string]string{"v": "MZ"})
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "loader/entries"), 0o755))
			for i := range v.files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "loader/entries", fmt.Sprintf("entry-%0100d.conf", i)), []byte(v.text), 0o644))
			}
			for _, mode := range []string{"--json=short", "--json=off"} {
				peak, lines := peakMemory(t, ours, "list", mode, "--esp-path="+dir, "--boot-path="+dir)
				assert.Less(t, peak, limit, "KiB, %s", mode)
				t.Logf("%s: %d KiB", mode, peak)
				if mode == "--json=off" {
					assert.Equal(t, v.files+2, lines, "every entry, and the lines around")
				}
			}
		})
	}
}

// peakMemory runs a command and returns the most memory it held, in KiB, and
// how many lines it wrote. It is asked after every page of the output; until
// the last ones are read it waits, for a pipe of one page.
func peakMemory(t *testing.T, argv ...string) (kib, lines int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	_, err = unix.FcntlInt(out.(*os.File).Fd(), unix.F_SETPIPE_SZ, 4096)
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	highest := regexp.MustCompile(`VmHWM:\s+(\d+) kB`)
	for page := make([]byte, 4096); ; {
		n, err := out.Read(page)
		lines += strings.Count(string(page[:n]), "\n")
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		require.NoError(t, err)
		if found := highest.FindSubmatch(status); found != nil { // else it has ended by now
			kib, err = strconv.Atoi(string(found[1]))
			require.NoError(t, err)
		}
	}
	require.NoError(t, cmd.Wait())
	require.NotZero(t, kib, "it was never asked in time")
	return kib, lines
}
