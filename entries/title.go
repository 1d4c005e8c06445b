package entries

import "github.com/kexec-bls/kexec-bls/bls"

// Titles gives each entry the title a menu shows: its own or its id, with as
// much of version, machine-id and id behind as tells it from the others.
func (l *List) Titles() []string {
	titles := make([]string, len(l.Entries))
	for i, e := range l.Entries {
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
		if !l.extend(titles, more) {
			break
		}
	}
	return titles
}

// extend adds a field to every title that stands more than once, and says
// whether there were any.
func (l *List) extend(titles []string, more func(*bls.Entry) string) bool {
	count := make(map[string]int, len(titles))
	for _, t := range titles {
		count[t]++
	}
	if len(count) == len(titles) {
		return false
	}
	for i, e := range l.Entries {
		if s := more(e.Entry); s != "" && count[titles[i]] > 1 {
			titles[i] += " (" + s + ")"
		}
	}
	return true
}
