package menu

import (
	"slices"
	"strings"
	"time"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
)

// A mode is what the keys mean.
type mode int

const (
	choosing mode = iota
	editing
	confirming
	helping
)

// A model is all that the screen shows. An event makes the next one of it.
type model struct {
	opt           Options
	need          [4]int        // how wide the columns are
	moment        time.Duration // how long the cursor stays before a plan is made
	width, height int

	filter string
	shown  []found // the rows that the filter lets through
	at     int     // index into shown

	mode   mode
	line   line              // the command line while it is edited
	edited map[string]string // by id
	plans  map[string]Plan   // by id, for the line in edited
	scroll int               // first line of the plan on the screen
	wanted int               // counts what the cursor rested on; older answers are late
	said   string            // one line in place of the filter
	choice Choice
	left   bool // the choice is made
}

func newModel(opt Options) model {
	m := model{
		opt: opt, need: needOf(opt.Rows), moment: 60 * time.Millisecond, width: serialWidth, height: serialHeight,
		edited: map[string]string{}, plans: map[string]Plan{},
	}
	m = m.narrow("")
	m.at = max(0, slices.IndexFunc(opt.Rows, func(r Row) bool { return r.Next }))
	return m
}

// A command takes its time, and gives the event that it ends with.
type command func() any

type (
	sizeEvent struct{ width, height int }
	// A restedEvent is sent when the cursor stayed for a moment.
	restedEvent struct{ wanted int }
	// A plannedEvent is sent when the plan is there.
	plannedEvent struct {
		id   string
		plan Plan
		line *string
	}
)

// update takes what the user did, a new size or a plan.
func (m model) update(ev any) (model, command) {
	switch ev := ev.(type) {
	case sizeEvent:
		m.width, m.height = ev.width, ev.height
	case restedEvent:
		if row, ok := m.row(); ok && ev.wanted == m.wanted {
			return m, m.plan(row.ID)
		}
	case plannedEvent:
		if now, edited := m.edited[ev.id]; edited == (ev.line != nil) && (!edited || now == *ev.line) {
			m.plans[ev.id] = ev.plan
		}
	case pasteEvent:
		return m.typed(strings.Map(oneLine, string(ev)))
	case clickEvent:
		return m.click(ev.line)
	case wheelEvent:
		return m.wheel(ev)
	case keyEvent:
		return m.key(ev)
	}
	return m, nil
}

// oneLine keeps a pasted text inside its line.
func oneLine(r rune) rune {
	switch {
	case r == '\n' || r == '\t':
		return ' '
	case r < ' ' || r == 0x7f:
		return -1
	}
	return r
}

// click highlights the row below the pointer; that of the highlighted row is
// Enter.
func (m model) click(line int) (model, command) {
	l := m.layout()
	i := l.first + line - l.list
	if m.mode != choosing || line < l.list || line >= l.list+l.rows || i >= len(m.shown) {
		return m, nil
	}
	m.said = ""
	if i == m.at {
		return m.ask(), nil
	}
	return m.move(i - m.at)
}

// wheel scrolls what is below the pointer.
func (m model) wheel(w wheelEvent) (model, command) {
	switch l := m.layout(); {
	case m.mode == helping:
	case w.line >= l.plan:
		return m.scrolled(3 * w.by), nil
	case m.mode == choosing:
		return m.move(w.by)
	}
	return m, nil
}

func (m model) row() (Row, bool) {
	if m.at >= len(m.shown) {
		return Row{}, false
	}
	return m.opt.Rows[m.shown[m.at].row], true
}

func (m model) move(by int) (model, command) {
	m.at = min(max(m.at+by, 0), max(len(m.shown)-1, 0))
	return m.rest(m.moment)
}

func (m model) scrolled(by int) model {
	m.scroll = max(0, min(m.scroll+by, len(m.planLines())-m.layout().lines))
	return m
}

// narrow shows only the rows that match; the cursor goes to the best, and without
// a filter stays on its row.
func (m model) narrow(typed string) model {
	before, had := m.row()
	m.filter, m.shown, m.at = typed, filter(m.opt.Rows, typed), 0
	if strings.TrimSpace(typed) == "" && had {
		m.at = max(0, slices.IndexFunc(m.shown, func(f found) bool { return m.opt.Rows[f.row].ID == before.ID }))
	}
	return m
}

// rest asks for the plan under the cursor, unless it moves on within d.
func (m model) rest(d time.Duration) (model, command) {
	m.wanted++
	m.scroll = 0
	row, ok := m.row()
	if _, planned := m.plans[row.ID]; !ok || planned {
		return m, nil
	}
	ev := restedEvent{m.wanted}
	return m, func() any {
		time.Sleep(d)
		return ev
	}
}

func (m model) plan(id string) command {
	var line *string
	if edited, ok := m.edited[id]; ok {
		line = &edited
	}
	return func() any { return plannedEvent{id, m.opt.Plan(id, line), line} }
}

// view is that of the screen as it is now.
func (m model) view() term.View {
	v := m.opt.View
	v.Width = max(m.width, 1)
	return v
}
