package initrd

import "fmt"

// EarlyFirst moves the members that hold nothing but early files, CPU microcode
// and ACPI tables below kernel/, to the front, where the kernel finds them: its
// scan ends at the first compressed byte. All else keeps its order, and so do
// they among each other. An image that begins with early files and goes on with
// others stays where it is, as a whole.
//
// systemd-boot and systemd-stub do not do that; the blob is then no longer what
// a boot through the firmware would bring.
func EarlyFirst(members []Member) ([]Member, error) {
	var early, rest []Member
	for _, m := range members {
		pure, err := pureEarly(m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Name, err)
		}
		if pure {
			early = append(early, m)
		} else {
			rest = append(rest, m)
		}
	}
	return append(early, rest...), nil
}

func pureEarly(m Member) (bool, error) {
	c, err := m.content()
	if err != nil || c.size == 0 {
		return false, err
	}
	w, err := glance(c)
	return err == nil && w.pure && w.early && w.stopped == nil, err
}
