package host_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

func TestProcess(t *testing.T) {
	tail := " S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 1 2\n"
	m := host.Machine{FS: fstest.MapFS{
		"proc/42/stat":   {Data: []byte("42 (pac man) )x)" + tail)},
		"proc/43/stat":   {Data: []byte("43 (cut) S 1 1\n")},
		"proc/44/stat":   {Data: []byte("no brackets\n")},
		"proc/self/stat": {Data: []byte("45 (me)" + tail)},
	}}
	p, ok := m.Process("42")
	require.True(t, ok)
	assert.Equal(t, host.Process{PID: "42", Parent: "1", Name: "pac man) )x", Start: "4711"}, p)
	p, ok = m.Process("self")
	require.True(t, ok)
	assert.Equal(t, "45", p.PID)
	for _, pid := range []string{"43", "44", "99"} {
		_, ok = m.Process(pid)
		assert.False(t, ok, pid)
	}
}

// TestLockHolder asks the running kernel for a lock of this process.
func TestLockHolder(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	require.NoError(t, err)
	defer f.Close()
	m := host.Running()
	assert.Empty(t, m.LockHolder(f), "nobody has it")
	require.NoError(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
	holder := m.LockHolder(f)
	assert.True(t, strings.HasPrefix(holder, fmt.Sprintf("process %d (", os.Getpid())), holder)
	assert.Empty(t, host.Machine{}.LockHolder(f), "nothing is known")
}

// FuzzProcess: a process is what its line says, or there is none.
func FuzzProcess(f *testing.F) {
	tail := " S 1" + strings.Repeat(" 0", 17) + " 3 0\n"
	for _, seed := range []string{"1 (a)" + tail, "1 () ()" + tail, "1 (a", ") (", "", "1 (a) S 1 2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		m := host.Machine{FS: fstest.MapFS{"proc/7/stat": {Data: []byte(line)}}}
		p, ok := m.Process("7")
		if assert.Equal(t, ok, p != host.Process{}); ok {
			assert.Contains(t, line, "("+p.Name+")")
			assert.NotEmpty(t, p.Parent)
			assert.NotEmpty(t, p.Start)
		}
	})
}
