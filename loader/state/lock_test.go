package state_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	l := state.Locker{Dir: dir, Timeout: 200 * time.Millisecond, Holder: func(f *os.File) string { return "holder of " + filepath.Base(f.Name()) }}
	held, err := l.Lock(t.Context())
	require.NoError(t, err)
	info, err := held.Stat()
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode(), "others cannot keep root from loading")

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = l.Lock(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "waiting for holder of lock")

	_, err = l.Lock(t.Context())
	require.ErrorIs(t, err, state.ErrBusy)
	require.ErrorContains(t, err, "holder of lock is loading or rebooting")
	assert.Equal(t, "try again when it has ended", hint.Of(err))
	l.Holder = nil
	_, err = l.Lock(t.Context())
	require.ErrorContains(t, err, "another process")

	l.Timeout = 0
	time.AfterFunc(50*time.Millisecond, func() { _ = held.Close() })
	again, err := l.Lock(t.Context())
	require.NoError(t, err, "who waits gets it")
	require.NoError(t, again.Close())
}

// TestLockExcludes holds that of many that wait one at a time goes on.
func TestLockExcludes(t *testing.T) {
	dir := t.TempDir()
	var group sync.WaitGroup
	var inside atomic.Int32 // the race detector knows no flock
	for range 8 {
		group.Go(func() {
			f, err := state.Locker{Dir: dir}.Lock(t.Context())
			if !assert.NoError(t, err) {
				return
			}
			assert.EqualValues(t, 1, inside.Add(1))
			time.Sleep(5 * time.Millisecond)
			inside.Add(-1)
			assert.NoError(t, f.Close())
		})
	}
	group.Wait()
}

func TestLockFails(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "lock"), 0o755))
	_, err := state.Locker{Dir: dir}.Lock(t.Context())
	require.ErrorContains(t, err, "lock: is a directory")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o644))
	_, err = state.Locker{Dir: filepath.Join(dir, "file")}.Lock(t.Context())
	require.ErrorContains(t, err, "not a directory")
}
