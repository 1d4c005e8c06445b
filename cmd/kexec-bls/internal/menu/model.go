package menu

import (
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// A mode is what the keys mean.
type mode int

const (
	choosing mode = iota
	editing
	confirming
)

// A model is all that the screen shows. Update makes the next one of it.
type model struct {
	opt           Options
	width, height int

	filter string
	shown  []int // indexes into opt.Rows that the filter lets through
	at     int   // index into shown

	mode   mode
	line   line              // the command line while it is edited
	edited map[string]string // by id
	plans  map[string]Plan   // by id, for the line in edited
	scroll int               // first line of the plan on the screen
	wanted int               // counts what the cursor rested on; older answers are late
	said   string            // one line at the bottom
	choice Choice
}

func newModel(opt Options) model {
	m := model{opt: opt, width: serialWidth, height: serialHeight, edited: map[string]string{}, plans: map[string]Plan{}}
	m = m.narrow("")
	m.at = max(0, slices.IndexFunc(opt.Rows, func(r Row) bool { return r.Next }))
	return m
}

// Init asks for the first plan.
func (m model) Init() tea.Cmd {
	first := restedMsg{m.wanted}
	return func() tea.Msg { return first }
}

// A restedMsg is sent when the cursor stayed for a moment; a plannedMsg when
// the plan is there.
type (
	restedMsg  struct{ wanted int }
	plannedMsg struct {
		id   string
		plan Plan
		line *string
	}
)

// moment is how long the cursor has to stay before a plan is made.
const moment = 60 * time.Millisecond

// Update takes a key, a new size or a plan.
func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case restedMsg:
		if row, ok := m.row(); ok && msg.wanted == m.wanted {
			return m, m.plan(row.ID)
		}
	case plannedMsg:
		if now, edited := m.edited[msg.id]; edited == (msg.line != nil) && (!edited || now == *msg.line) {
			m.plans[msg.id] = msg.plan
		}
	case tea.PasteMsg:
		return m.typed(strings.Map(oneLine, msg.Content))
	case tea.KeyPressMsg:
		return m.key(msg)
	}
	return m, nil
}

func (m model) key(k tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	m.said = ""
	if k.String() == "ctrl+c" {
		m.choice = Choice{}
		return m, tea.Quit
	}
	switch m.mode {
	case editing:
		return m.editKey(k)
	case confirming:
		return m.confirmKey(k)
	}
	return m.chooseKey(k)
}

func (m model) chooseKey(k tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	switch k.String() {
	case "up", "ctrl+p":
		return m.move(-1)
	case "down", "ctrl+n":
		return m.move(1)
	case "home":
		return m.move(-len(m.shown))
	case "end":
		return m.move(len(m.shown))
	case "pgup":
		m.scroll = max(0, m.scroll-m.planHeight())
	case "pgdown":
		m.scroll = min(m.scroll+m.planHeight(), max(0, len(m.planLines())-m.planHeight()))
	case "enter":
		return m.ask(), nil
	case "tab":
		return m.edit(), nil
	case "backspace":
		if r := []rune(m.filter); len(r) > 0 {
			return m.narrow(string(r[:len(r)-1])).rest(moment)
		}
	case "ctrl+u":
		return m.narrow("").rest(moment)
	case "esc":
		if m.filter == "" {
			return m, tea.Quit
		}
		return m.narrow("").rest(moment)
	default:
		return m.typed(k.Text)
	}
	return m, nil
}

// typed puts text where the cursor is: into the command line or the filter.
func (m model) typed(text string) (tea.Model, tea.Cmd) {
	switch {
	case text == "" || m.mode == confirming:
	case m.mode == editing:
		m.line = m.line.insert(text)
	default:
		return m.narrow(m.filter + text).rest(moment)
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

func (m model) editKey(k tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	switch k.String() {
	case "esc":
		m.mode = choosing
	case "enter":
		row, _ := m.row()
		m.mode = choosing
		if m.line.String() != m.plans[row.ID].Cmdline {
			m.edited[row.ID] = m.line.String()
			delete(m.plans, row.ID)
		}
		return m.rest(0)
	default:
		if next, ok := m.line.key(k.String()); ok {
			m.line = next
			return m, nil
		}
		return m.typed(k.Text)
	}
	return m, nil
}

func (m model) confirmKey(k tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	switch k.String() {
	case "enter", "r", "y":
		return m.leave(Reboot)
	case "l":
		return m.leave(Load)
	case "esc", "n", "q":
		m.mode = choosing
	}
	return m, nil
}

func (m model) leave(a Action) (tea.Model, tea.Cmd) {
	row, _ := m.row()
	m.choice = Choice{Action: a, ID: row.ID}
	if line, ok := m.edited[row.ID]; ok {
		m.choice.Cmdline = &line
	}
	return m, tea.Quit
}

// ask goes on to the last question, where the entry can be chosen at all.
func (m model) ask() model {
	row, ok := m.row()
	plan, planned := m.plans[row.ID]
	switch {
	case !ok:
		m.said = "nothing matches the filter"
	case !planned:
		m.said = "still looking at " + row.Label
	case plan.Refused != "":
		m.said = plan.Refused
	default:
		m.mode = confirming
	}
	return m
}

func (m model) edit() model {
	row, _ := m.row()
	if plan, ok := m.plans[row.ID]; ok && plan.Cmdline != "" {
		m.mode, m.line = editing, newLine(plan.Cmdline)
	}
	return m
}

func (m model) row() (Row, bool) {
	if m.at >= len(m.shown) {
		return Row{}, false
	}
	return m.opt.Rows[m.shown[m.at]], true
}

func (m model) move(by int) (tea.Model, tea.Cmd) {
	m.at = min(max(m.at+by, 0), max(len(m.shown)-1, 0))
	return m.rest(moment)
}

// narrow shows only the entries whose id or title has the text, in any case;
// the cursor stays on its entry while that is shown.
func (m model) narrow(filter string) model {
	before, had := m.row()
	m.filter, m.shown, m.at = filter, nil, 0
	for i, r := range m.opt.Rows {
		if !strings.Contains(strings.ToLower(r.Label+"\n"+r.Title), strings.ToLower(filter)) {
			continue
		}
		if had && r.ID == before.ID {
			m.at = len(m.shown)
		}
		m.shown = append(m.shown, i)
	}
	return m
}

// rest asks for the plan under the cursor, unless it moves on within d.
func (m model) rest(d time.Duration) (tea.Model, tea.Cmd) {
	m.wanted++
	m.scroll = 0
	row, ok := m.row()
	if _, planned := m.plans[row.ID]; !ok || planned {
		return m, nil
	}
	msg := restedMsg{m.wanted}
	if d == 0 {
		return m, func() tea.Msg { return msg }
	}
	return m, tea.Tick(d, func(time.Time) tea.Msg { return msg })
}

func (m model) plan(id string) tea.Cmd {
	var line *string
	if edited, ok := m.edited[id]; ok {
		line = &edited
	}
	return func() tea.Msg { return plannedMsg{id, m.opt.Plan(id, line), line} }
}
