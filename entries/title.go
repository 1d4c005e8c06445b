package entries

import "github.com/kexec-bls/kexec-bls/bls"

// titles gives each entry the title a menu shows: its own or its id, followed
// by as much of version, machine-id and id as distinguishes it from the others.
func (m *menu) titles() []string {
	titles := make([]string, len(m.entries))
	for i, e := range m.entries {
		titles[i] = e.Title
		if e.Title == "" {
			titles[i] = e.ID
		}
	}
	for _, more := range []func(*bls.Entry) string{
		func(e *bls.Entry) string { return e.Version },
		func(e *bls.Entry) string { return e.MachineID },
		func(e *bls.Entry) string { return e.ID },
	} {
		if !m.extend(titles, more) {
			break
		}
	}
	return titles
}

// extend adds a field to every title that occurs more than once, and reports
// whether there were any.
func (m *menu) extend(titles []string, more func(*bls.Entry) string) bool {
	count := make(map[string]int, len(titles))
	for _, t := range titles {
		count[t]++
	}
	if len(count) == len(titles) {
		return false
	}
	for i, e := range m.entries {
		if s := more(e.Entry); s != "" && count[titles[i]] > 1 {
			titles[i] += " (" + s + ")"
		}
	}
	return true
}
