package host_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// TestLockHolderOfTheTable reads lines of proc_locks(5); DEV and INODE are those of
// the file.
func TestLockHolderOfTheTable(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	var st syscall.Stat_t
	require.NoError(t, syscall.Fstat(int(f.Fd()), &st))
	dev := fmt.Sprintf("%02x:%02x", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)))
	const stat = " (holder) S 1 1 1 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 99 1 2\n"
	for name, c := range map[string]struct{ locks, want string }{
		"a process":              {"1: FLOCK  ADVISORY  WRITE 4711 DEV:INODE 0 EOF\n", "process 4711 (holder)"},
		"shared":                 {"1: FLOCK  ADVISORY  READ 4711 DEV:INODE 0 EOF\n", "process 4711 (holder)"},
		"a process that is gone": {"1: FLOCK  ADVISORY  WRITE 12 DEV:INODE 0 EOF\n", "process 12"},
		"the first counts":       {"1: FLOCK ADVISORY READ 12 DEV:INODE 0 EOF\n2: FLOCK ADVISORY READ 4711 DEV:INODE 0 EOF\n", "process 12"},
		"after others":           {"1: FLOCK ADVISORY WRITE 3 DEV:1INODE 0 EOF\n2: FLOCK ADVISORY WRITE 4711 DEV:INODE 0 EOF\n", "process 4711 (holder)"},
		"another inode":          {"1: FLOCK ADVISORY WRITE 4711 DEV:1INODE 0 EOF\n", ""},
		"another device":         {"1: FLOCK ADVISORY WRITE 4711 ff:ff:INODE 0 EOF\n", ""},
		"a lock of fcntl":        {"1: POSIX  ADVISORY  WRITE 4711 DEV:INODE 0 EOF\n", ""},
		"one who waits":          {"1: -> FLOCK  ADVISORY  WRITE 4711 DEV:INODE 0 EOF\n", ""},
		"outside the namespace":  {"1: FLOCK  ADVISORY  WRITE 0 DEV:INODE 0 EOF\n2: FLOCK ADVISORY WRITE -1 DEV:INODE 0 EOF\n", ""},
		"cut":                    {"1: FLOCK ADVISORY WRITE 4711", ""},
	} {
		locks := strings.NewReplacer("DEV", dev, "INODE", fmt.Sprint(st.Ino)).Replace(c.locks)
		m := machine("proc/locks", locks, "proc/4711/stat", "4711"+stat)
		assert.Equal(t, c.want, m.LockHolder(f), name)
	}
}

// TestLockHolderOfAClosedFile: nothing can be asked of it.
func TestLockHolderOfAClosedFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	assert.Empty(t, machine("proc/locks", "1: FLOCK ADVISORY WRITE 1 00:00:0 0 EOF\n").LockHolder(f))
}

// TestProcessLines: field 22 is the start time, and every field before it is needed.
func TestProcessLines(t *testing.T) {
	fields := "S 2" + strings.Repeat(" 0", 17) + " 22"
	for line, want := range map[string]host.Process{
		"7 (a) " + fields:                            {PID: "7", Parent: "2", Name: "a", Start: "22"},
		"7 (a) " + fields + " 23":                    {PID: "7", Parent: "2", Name: "a", Start: "22"},
		"7 () " + fields:                             {PID: "7", Parent: "2", Start: "22"},
		"7 (((a)) " + fields:                         {PID: "7", Parent: "2", Name: "((a)", Start: "22"},
		"7 (a\nb) " + fields:                         {PID: "7", Parent: "2", Name: "a\nb", Start: "22"},
		"7 (a) " + strings.TrimSuffix(fields, " 22"): {},
		"7 a) " + fields:                             {},
		"7 (a " + fields:                             {},
		"7 )a( " + fields:                            {},
	} {
		p, ok := machine("proc/7/stat", line).Process("7")
		assert.Equal(t, want, p, line)
		assert.Equal(t, want.PID != "", ok, line)
	}
}

// TestBootLoaderTypes: 0xD is kexec-tools, whatever its version in the low bits.
func TestBootLoaderTypes(t *testing.T) {
	for text, want := range map[string]host.Tristate{
		"207": host.No, "208": host.Yes, "223": host.Yes, "224": host.No, "0": host.No, "13": host.No, "0xd0": host.Unknown, "": host.Unknown,
	} {
		assert.Equal(t, want, machine("proc/sys/kernel/bootloader_type", text).Kexeced(), text)
	}
}

// TestTimesAtTheirLimits: what no clock of a kernel shows is not known.
func TestTimesAtTheirLimits(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0.01 0.00\n": 10 * time.Millisecond, "999999999.00 1.0\n": 999999999 * time.Second, "7": 7 * time.Second,
		"0.00 0.00\n": 0, "1000000000.00 1.0\n": 0, "+Inf 1\n": 0, "-0.01 1\n": 0, " ": 0,
	} {
		assert.Equal(t, want, machine("proc/uptime", text).Uptime(), text)
	}
	for text, want := range map[string]int64{
		"btime 1\n": 1, "cpu  1 2\nctxt 5\nbtime 1700000000\nprocesses 9\n": 1700000000, "btime 1\nbtime 2\n": 1, "btime 2305843009213693951\n": 1<<61 - 1,
		"xbtime 1\n": 0, "btime\n": 0, "btime 0\n": 0, "btime 2305843009213693952\n": 0, "1\n": 0,
	} {
		started := machine("proc/stat", text).Started()
		assert.Equal(t, want == 0, started.IsZero(), text)
		if want != 0 {
			assert.Equal(t, want, started.Unix(), text)
		}
	}
}

// TestMeminfoAtItsLimits: the kernel's numbers are kB, and so are no others.
func TestMeminfoAtItsLimits(t *testing.T) {
	for text, want := range map[string]int64{
		"X: 1 kB\n": 1024, "X:1 kB": 1024, "X: 5\n": 5 << 10, "X: 4503599627370495 kB\n": (1<<52 - 1) << 10, "X: 2 kB\nX: 3 kB\n": 2048,
		"X: 4503599627370496 kB\n": 0, "X: 1 MB\n": 0, "X: 0x10 kB\n": 0, "X : 3 kB\n": 3 << 10, "Y: 1 kB\n": 0, "X 1 kB\n": 0,
	} {
		assert.Equal(t, want, machine("proc/meminfo", text).Meminfo("X"), text)
	}
}

// TestKernelLines: only line ends go from the command line, since its blanks count.
func TestKernelLines(t *testing.T) {
	for text, want := range map[string]string{"a\n": "a", "a": "a", " a b \n\n": " a b ", "a\nb\n": "a\nb", "a\t\n": "a\t", "\n": "", "a\x00\n": "a\x00"} {
		assert.Equal(t, want, machine("proc/cmdline", text).Cmdline(), "%q", text)
	}
	assert.Empty(t, machine("proc/cmdline", strings.Repeat("x", 1<<20+1)).Cmdline(), "too large")
	assert.Len(t, machine("proc/cmdline", strings.Repeat("x", 1<<20)).Cmdline(), 1<<20)
}

// TestSysctlOrder is that of sysctl.d(5): by directory, then by name, and only *.conf.
func TestSysctlOrder(t *testing.T) {
	all := []string{
		"etc/sysctl.d/10-a.conf", "etc/sysctl.d/20-b.conf", "run/sysctl.d/05-c.conf", "usr/local/lib/sysctl.d/01-d.conf", "usr/lib/sysctl.d/00-e.conf", "etc/sysctl.conf",
	}
	for i := range all {
		files := []string{"etc/sysctl.d/README", "kernel.x=1\n", "etc/sysctl.d/00-other.conf", "kernel.y=1\n"}
		for _, name := range all[i:] {
			files = append(files, name, "# about it\nkernel.x = 1\n")
		}
		assert.Equal(t, "/"+all[i], machine(files...).SysctlFile("none", "kernel.x"), all[i])
	}
	assert.Empty(t, machine(all[0], "kernel.x").SysctlFile(), "no names")
}
