package bls

import "cmp"

// Compare orders entries for slices.SortStableFunc as systemd-boot 262 orders
// its menu: the first one is least. Entries that differ only in
// separators or in an absent counter are equal.
func Compare(a, b *Entry) int {
	if c := compareBool(a.Bad(), b.Bad()); c != 0 {
		return c
	}
	if c := compareBool(a.SortKey == "", b.SortKey == ""); c != 0 {
		return c
	}
	if c := compareKeyed(a, b); c != 0 {
		return c
	}
	if c := CompareVersions(FoldID(b.FileID()), FoldID(a.FileID())); c != 0 {
		return c
	}
	if a.Type == Type2 && a.Path == b.Path {
		return cmp.Compare(a.Profile, b.Profile)
	}
	return compareTries(a.Tries, b.Tries)
}

// compareKeyed looks at the fields that count only where both entries have a
// sort-key.
func compareKeyed(a, b *Entry) int {
	if a.SortKey == "" {
		return 0
	}
	return cmp.Or(
		cmp.Compare(a.SortKey, b.SortKey),
		cmp.Compare(a.MachineID, b.MachineID),
		CompareVersions(b.Version, a.Version),
		cmp.Compare(max(a.Profile, 0), max(b.Profile, 0)),
	)
}

func compareTries(a, b Tries) int {
	if !a.Counted || !b.Counted {
		return 0
	}
	return cmp.Or(cmp.Compare(b.Left, a.Left), cmp.Compare(a.Done, b.Done))
}

// compareBool puts false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
