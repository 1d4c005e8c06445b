package loader_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader"
)

func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	held, err := loader.Lock(t.Context(), dir)
	require.NoError(t, err)
	info, err := held.Stat()
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode(), "others cannot keep root from loading")

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = loader.Lock(ctx, dir)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	me := fmt.Sprintf("process %d (", os.Getpid())
	assert.ErrorContains(t, err, me)

	start := time.Now()
	_, err = loader.Lock(t.Context(), dir)
	require.ErrorIs(t, err, loader.ErrBusy)
	assert.ErrorContains(t, err, me)
	assert.InDelta(t, 5, time.Since(start).Seconds(), 1)

	time.AfterFunc(200*time.Millisecond, func() { _ = held.Close() })
	again, err := loader.Lock(t.Context(), dir)
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
			f, err := loader.Lock(t.Context(), dir)
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
	_, err := loader.Lock(t.Context(), dir)
	require.ErrorContains(t, err, "lock: is a directory")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o644))
	_, err = loader.Lock(t.Context(), filepath.Join(dir, "file"))
	require.ErrorContains(t, err, "not a directory")
}
