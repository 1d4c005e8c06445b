package grub

import "strings"

// either does an if whose condition depends on what is not known: where both
// branches do nothing but set variables, these are unknown then.
func (r *runner) either(c *command) error {
	names, ok := assigned(c.body, c.other)
	if !ok {
		r.line = c.line
		return r.undetermined("the condition of %q depends on what is not known here", c.kind)
	}
	r.status = success
	for _, name := range names {
		if err := r.set(name, unknown); err != nil {
			return err
		}
	}
	return nil
}

// assigned returns the variables that statements set; ok is false where they may
// do anything else.
func assigned(lists ...[]*command) (names []string, ok bool) {
	for _, list := range lists {
		for _, c := range list {
			var more []string
			switch c.kind {
			case "simple":
				more, ok = c.assigns()
			case "if":
				more, ok = assigned(c.body, c.other)
				ok = ok && tests(c.cond)
			default:
				ok = false
			}
			if !ok {
				return nil, false
			}
			names = append(names, more...)
		}
	}
	return names, true
}

// assigns returns the variable that a simple command sets.
func (c *command) assigns() (names []string, ok bool) {
	words := c.words
	if plainText(words[0]) == "true" {
		return nil, true
	}
	if plainText(words[0]) == "set" && len(words) == 2 {
		words = words[1:]
	}
	name, _, assigned := strings.Cut(plainText(words[0]), "=")
	return []string{name}, assigned && nameLen(name) == len(name) && name != ""
}

// plainText is the text that a word begins with; "" where that is a variable.
func plainText(w word) string {
	if len(w) == 0 || w[0].isVar || w[0].quoted {
		return ""
	}
	return w[0].text
}

// tests reports whether a condition changes nothing.
func tests(cond []*command) bool {
	for _, c := range cond {
		if c.kind != "simple" || !member(plainText(c.words[0]), "[ test true false") {
			return false
		}
	}
	return true
}
