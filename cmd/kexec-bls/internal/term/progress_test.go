package term

import (
	"bytes"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestDraw(t *testing.T) {
	for want, v := range map[string]struct {
		done, total int64
		took        time.Duration
	}{
		"x [                    ]   0% of 10 MiB":            {0, 10 << 20, 0},
		"x [########            ]  40% of 10 MiB, 2.0 MiB/s": {4 << 20, 10 << 20, 2 * time.Second},
		"x [####################] 100% of 10 MiB, 11 MiB/s":  {11 << 20, 10 << 20, time.Second},
		"x 5 B, 10 B/s": {5, 0, time.Second / 2}, // how much there will be is not known
		"x [##########          ]  50% of 8589934591 GiB": {math.MaxInt64 / 2, math.MaxInt64, 0},
	} {
		assert.Equal(t, want, draw("x", v.done, v.total, v.took))
	}
}

func TestProgressOnATerminal(t *testing.T) {
	screen, other := openTerminal(t, 30, 24)
	now := time.Unix(0, 0)
	p := (&UI{Err: screen}).Progress("joining\x1b")
	p.now = func() time.Time { return now }
	p.begin()
	for _, after := range []time.Duration{time.Second, time.Second + 1, time.Second + 2, time.Second + progressRate + 2} {
		now = time.Unix(0, 0).Add(after)
		p.Update(1<<20, 2<<20)
	}
	p.Done()
	line := clearLine + "joining\ufffd [##########         "
	assert.Equal(t, line+line+clearLine, drawn(t, screen, other), "after a second, not too often, in its line")
}

func TestProgressOnlyOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := (&UI{Err: &out}).Progress("x")
		time.Sleep(2 * progressDelay)
		p.Update(1, 2)
		p.Done()
		assert.Empty(t, out.String())
	})
	screen, other := openTerminal(t, 80, 24)
	p := (&UI{Err: screen, Quiet: true}).Progress("x")
	p.now = func() time.Time { return p.next.Add(1) }
	p.Update(1, 2)
	p.Done()
	assert.Empty(t, drawn(t, screen, other), "not where it is to be quiet")
}
