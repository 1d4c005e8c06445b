package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// A bar tells a person at a terminal how far a long act has come. It appears
// after a second, and never anywhere else than on a terminal.
type bar struct {
	out   *os.File // nil: not on a terminal
	what  string
	began time.Time
	next  time.Time // when to draw it again
	shown bool
}

const (
	patienceBeforeBar = time.Second
	barRate           = 100 * time.Millisecond
	barWidth          = 20 // in characters
)

func (u *ui) progress(what string) *bar {
	now := time.Now()
	b := &bar{what: what, began: now, next: now.Add(patienceBeforeBar)}
	if f, ok := u.err.(*os.File); ok && !u.quiet && term.IsTerminal(int(f.Fd())) {
		b.out = f
	}
	return b
}

// tick takes the bytes done and all bytes.
func (b *bar) tick(done, total int64) {
	if now := time.Now(); b.out != nil && now.After(b.next) {
		b.next, b.shown = now.Add(barRate), true
		fmt.Fprint(b.out, drawn(b.what, done, total, now.Sub(b.began))) // a terminal that went away is no reason to stop
	}
}

// clearLine is ECMA-48's "erase in line", from the first column on.
const clearLine = "\r\x1b[K"

// drawn is the line over the one before:
// "joining initrds [####      ]  40% of 200 MiB, 120 MiB/s".
func drawn(what string, done, total int64, took time.Duration) string {
	rate := ""
	if took > 0 {
		rate = fmt.Sprintf(", %s/s", size(int64(float64(done)/took.Seconds())))
	}
	if total <= 0 {
		return clearLine + what + " " + size(done) + rate
	}
	done = min(max(done, 0), total)
	full := int(barWidth * done / total)
	return fmt.Sprintf("%s%s [%s%s] %3d%% of %s%s", clearLine, what,
		strings.Repeat("#", full), strings.Repeat(" ", barWidth-full), 100*done/total, size(total), rate)
}

// done takes the bar off the screen.
func (b *bar) done() {
	if b.shown {
		fmt.Fprint(b.out, clearLine)
	}
}
