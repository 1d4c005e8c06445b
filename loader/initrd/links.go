package initrd

// linksMax bounds the memory for hard links; further ones go unjudged.
const linksMax = 1 << 16

// A linkKey is what the kernel takes for the identity of a hard-linked file.
type linkKey struct{ major, minor, ino, kind uint32 }

type linkFrom struct {
	member int64 // offset of the member
	path   string
}

// links is the kernel's table of hard links, which only a trailer empties.
type links struct{ m map[linkKey]linkFrom }

func newLinks() *links { return &links{m: map[linkKey]linkFrom{}} }

func (l *links) clear() { clear(l.m) }

// cross tells whether e would be linked to a file of another member.
func (l *links) cross(e Entry, member int64) (linkFrom, bool) {
	if e.NLink < 2 || !e.linkable() {
		return linkFrom{}, false
	}
	k := linkKey{e.DevMajor, e.DevMinor, e.Ino, e.kind()}
	if from, ok := l.m[k]; ok {
		return from, from.member != member
	}
	if len(l.m) < linksMax {
		l.m[k] = linkFrom{member, clip(e.Path)}
	}
	return linkFrom{}, false
}
