package term

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/kexec-bls/kexec-bls/loader"
)

// A Progress shows a person at a terminal how far a long act has come. It
// appears after a second, and nowhere but on a terminal.
type Progress struct {
	out   *os.File // nil: not on a terminal
	what  string
	now   func() time.Time
	began time.Time
	next  time.Time // when to draw it again
	shown bool
}

const (
	progressDelay = time.Second
	progressRate  = 100 * time.Millisecond
	barWidth      = 20 // in characters
)

// Progress begins to show the progress of an act, named as "joining initrds".
// The caller calls Done.
func (u *UI) Progress(what string) *Progress {
	p := &Progress{what: Printable(what), now: time.Now}
	if !u.Quiet {
		p.out = terminal(u.Err)
	}
	p.begin()
	return p
}

func (p *Progress) begin() {
	p.began = p.now()
	p.next = p.began.Add(progressDelay)
}

// Update takes the bytes done and all bytes, 0 where these are not known.
func (p *Progress) Update(done, total int64) {
	if now := p.now(); p.out != nil && now.After(p.next) {
		p.next, p.shown = now.Add(progressRate), true
		line := draw(p.what, done, total, now.Sub(p.began))
		if width, _ := screen(p.out); width > 1 {
			line = ansi.Truncate(line, width-1, "") // a second line would not be cleared
		}
		fmt.Fprint(p.out, clearLine+line) // a terminal that went away is no reason to stop
	}
}

// clearLine is ECMA-48's "erase in line", from the first column on.
const clearLine = "\r\x1b[K"

// draw is a line such as
// "joining initrds [####      ]  40% of 200 MiB, 120 MiB/s".
func draw(what string, done, total int64, took time.Duration) string {
	rate := ""
	if took > 0 {
		rate = fmt.Sprintf(", %s/s", loader.FormatSize(int64(float64(done)/took.Seconds())))
	}
	if total <= 0 {
		return what + " " + loader.FormatSize(done) + rate
	}
	done = min(max(done, 0), total)
	part := float64(done) / float64(total) // a product of two sizes may overflow
	full := int(barWidth * part)
	return fmt.Sprintf("%s [%s%s] %3d%% of %s%s", what,
		strings.Repeat("#", full), strings.Repeat(" ", barWidth-full), int(100*part), loader.FormatSize(total), rate)
}

// Done removes the progress from the screen.
func (p *Progress) Done() {
	if p.shown {
		fmt.Fprint(p.out, clearLine)
	}
}
