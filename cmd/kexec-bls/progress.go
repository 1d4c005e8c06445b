package main

import (
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// A bar tells a person at a terminal how far a long act has come. It appears
// after a second, and never anywhere else than on a terminal.
type bar struct {
	out   *os.File // nil: not on a terminal
	what  string
	start time.Time
	bar   *progressbar.ProgressBar
}

func (u *ui) progress(what string) *bar {
	b := &bar{what: what, start: time.Now()}
	if f, ok := u.err.(*os.File); ok && !u.quiet && term.IsTerminal(int(f.Fd())) {
		b.out = f
	}
	return b
}

// patienceBeforeBar is how long an act may take without a word.
const patienceBeforeBar = time.Second

// tick takes the bytes done and all bytes.
func (b *bar) tick(done, total int64) {
	if b.out == nil || time.Since(b.start) < patienceBeforeBar {
		return
	}
	if b.bar == nil {
		b.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(b.out), progressbar.OptionSetDescription(b.what),
			progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(20))
	}
	_ = b.bar.Set64(done) // a terminal that went away is no reason to stop
}

// done takes the bar off the screen.
func (b *bar) done() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}
