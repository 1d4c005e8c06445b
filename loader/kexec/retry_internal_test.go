package kexec

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"
)

// TestPersistTriesWhatChangesNothing gives the kernel's answers in order and
// holds with which flags it was asked.
func TestPersistTriesWhatChangesNothing(t *testing.T) {
	const debug, noCMA = unix.KEXEC_FILE_DEBUG, unix.KEXEC_FILE_NO_CMA
	for name, c := range map[string]struct {
		optional int
		answers  []error
		asked    []int
		want     error
	}{
		"taken":                         {0, []error{nil}, []int{0}, nil},
		"refused":                       {0, []error{unix.EPERM}, []int{0}, unix.EPERM},
		"debug known":                   {debug, []error{nil}, []int{debug}, nil},
		"debug unknown":                 {debug, []error{unix.EINVAL, nil}, []int{debug, 0}, nil},
		"debug known, no-cma unknown":   {debug | noCMA, []error{unix.EINVAL, nil}, []int{debug | noCMA, debug}, nil},
		"both unknown":                  {debug | noCMA, []error{unix.EINVAL, unix.EINVAL, nil}, []int{debug | noCMA, debug, 0}, nil},
		"bad image, and not for a flag": {debug, []error{unix.EINVAL, unix.EINVAL}, []int{debug, 0}, unix.EINVAL},
		"room outside of device memory": {0, []error{unix.EADDRNOTAVAIL, nil}, []int{0, noCMA}, nil},
		"no room, no-cma unknown":       {0, []error{unix.EADDRNOTAVAIL, unix.EINVAL}, []int{0, noCMA}, unix.EADDRNOTAVAIL},
		"no room anywhere":              {0, []error{unix.EADDRNOTAVAIL, unix.ENOMEM}, []int{0, noCMA}, unix.ENOMEM},
		"no room, no-cma was given":     {noCMA, []error{unix.EADDRNOTAVAIL}, []int{noCMA}, unix.EADDRNOTAVAIL},
		"no room, debug stays":          {debug, []error{unix.EADDRNOTAVAIL, nil}, []int{debug, debug | noCMA}, nil},
		"interrupted":                   {debug, []error{unix.EINTR, nil}, []int{debug, debug}, nil},
		"busy, then an old kernel":      {debug, []error{unix.EBUSY, unix.EINVAL, unix.EBUSY, nil}, []int{debug, debug, 0, 0}, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			var asked []int
			err := persist(t.Context(), 0, c.optional, func(flags int) error {
				asked = append(asked, flags)
				return c.answers[len(asked)-1]
			})
			assert.Equal(t, c.want, err, name)
			assert.Equal(t, c.asked, asked, name)
		})
	}
}

func TestBusyGivesUp(t *testing.T) {
	for name, c := range map[string]struct {
		wait     time.Duration
		min, max time.Duration
	}{
		"by default": {0, 4 * time.Second, 5 * time.Second},
		"soon":       {time.Second, 500 * time.Millisecond, time.Second},
		"at once":    {-1, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			start, calls := time.Now(), 0
			err := busy(t.Context(), c.wait, func() error { calls++; return unix.EBUSY })
			assert.ErrorIs(t, err, unix.EBUSY, name)
			assert.GreaterOrEqual(t, time.Since(start), c.min, name)
			assert.LessOrEqual(t, time.Since(start), c.max, name)
			assert.Equal(t, c.max == 0, calls == 1, name)
			assert.Less(t, calls, 30, "%s: the kernel is not hammered", name)
		})
	}
}

func TestBusyStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := busy(ctx, 0, func() error { return unix.EBUSY })
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, unix.EBUSY)
		assert.ErrorContains(t, err, "another load")
		assert.Equal(t, time.Second, time.Since(start))
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, busy(ctx, 0, func() error { t.Error("called after all"); return nil }), context.Canceled)
}

func TestOptionalFlags(t *testing.T) {
	assert.Zero(t, Options{}.flags())
	assert.Equal(t, unix.KEXEC_FILE_DEBUG, Options{Debug: true}.flags())
	assert.Equal(t, unix.KEXEC_FILE_NO_CMA, Options{NoCMA: true}.flags())
	assert.Equal(t, unix.KEXEC_FILE_DEBUG|unix.KEXEC_FILE_NO_CMA, Options{Debug: true, NoCMA: true}.flags())
}
