package menu

import "strings"

func (m model) key(k keyEvent) (model, command) {
	m.said = ""
	if k.name == "ctrl+c" {
		return m.leave(Choice{}), nil
	}
	switch m.mode {
	case editing:
		return m.editKey(k)
	case confirming:
		return m.confirmKey(k)
	case helping:
		m.mode = choosing
		return m, nil
	}
	return m.chooseKey(k)
}

func (m model) chooseKey(k keyEvent) (model, command) {
	page := max(1, m.layout().lines)
	switch k.name {
	case "up", "ctrl+p", "ctrl+k":
		return m.move(-1)
	case "down", "ctrl+n", "ctrl+j":
		return m.move(1)
	case "home":
		return m.move(-len(m.shown))
	case "end":
		return m.move(len(m.shown))
	case "pgup":
		return m.scrolled(-page), nil
	case "pgdown":
		return m.scrolled(page), nil
	case "shift+up":
		return m.scrolled(-1), nil
	case "shift+down":
		return m.scrolled(1), nil
	case "enter":
		return m.ask(), nil
	case "tab":
		return m.edit(), nil
	case "?", "f1":
		m.mode = helping
	case "backspace", "ctrl+h", "ctrl+w":
		return m.shorten(k.name == "ctrl+w")
	case "ctrl+u":
		return m.narrow("").rest(m.moment)
	case "esc":
		if m.filter == "" {
			return m.leave(Choice{}), nil
		}
		return m.narrow("").rest(m.moment)
	default:
		return m.typed(k.text)
	}
	return m, nil
}

// shorten removes the last letter or word of the filter.
func (m model) shorten(word bool) (model, command) {
	if m.filter == "" {
		return m, nil
	}
	key := "backspace"
	if word {
		key = "ctrl+w"
	}
	l, _ := newLine(m.filter).key(key)
	return m.narrow(l.String()).rest(m.moment)
}

// typed puts text where the cursor is: into the command line or the filter.
func (m model) typed(text string) (model, command) {
	switch {
	case text == "" || m.mode == confirming || m.mode == helping:
	case m.mode == editing:
		m.line = m.line.insert(text)
	default:
		return m.narrow(m.filter + text).rest(m.moment)
	}
	return m, nil
}

func (m model) editKey(k keyEvent) (model, command) {
	switch k.name {
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
		if next, ok := m.line.key(k.name); ok {
			m.line = next
			return m, nil
		}
		return m.typed(k.text)
	}
	return m, nil
}

// confirmKey takes a letter: Enter, which asked, does not confirm, so that a key
// that is held down reboots nothing.
func (m model) confirmKey(k keyEvent) (model, command) {
	row, _ := m.row()
	plan := m.plans[row.ID]
	switch key := strings.ToLower(k.name); {
	case key == "r" && plan.Refused == "":
		return m.choose(Reboot), nil
	case key == "l" && plan.Refused == "":
		return m.choose(Load), nil
	case key == "f" && plan.Firmware:
		return m.choose(Firmware), nil
	case key == "esc", key == "n", key == "q":
		m.mode = choosing
	}
	return m, nil
}

func (m model) choose(a Action) model {
	row, _ := m.row()
	choice := Choice{Action: a, ID: row.ID}
	if line, ok := m.edited[row.ID]; ok {
		choice.Cmdline = &line
	}
	return m.leave(choice)
}

func (m model) leave(c Choice) model {
	m.choice, m.left = c, true
	return m
}

// ask goes on to the last question, where there is anything to choose.
func (m model) ask() model {
	row, ok := m.row()
	plan, planned := m.plans[row.ID]
	switch {
	case !ok:
	case !planned:
		m.said = "still looking at " + row.Label
	case plan.Refused != "" && !plan.Firmware:
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
