package grub

import (
	"io/fs"
	"strings"
)

// A tester evaluates the arguments of [ and test as GRUB does: terms in a row
// are joined by "and", -a changes nothing, -o begins an alternative. A "]" at the
// end is left out; neither command needs one.
type tester struct {
	r    *runner
	args []string
	deep int
}

func (r *runner) test(c call) error {
	t := tester{r: r, args: c.args}
	if n := len(c.args); n > 0 && c.args[n-1] == "]" {
		t.args = c.args[:n-1]
	}
	s, err := t.alternatives()
	r.status = s
	return err
}

// alternatives evaluates up to the end or a closing parenthesis.
func (t *tester) alternatives() (status, error) {
	if t.deep++; t.deep > maxNesting {
		return cannotKnow, t.r.undetermined("parentheses are nested too deep")
	}
	defer func() { t.deep-- }()
	any, all, not := failure, success, false
	for len(t.args) > 0 && t.args[0] != ")" {
		word := t.args[0]
		if t.isOperation() { // also with an operand "!"
			word = ""
		}
		switch word {
		case "!":
			not = !not
			t.args = t.args[1:]
			continue
		case "-a":
			t.args = t.args[1:]
			continue
		case "-o":
			any, all = or(any, all), success
			t.args = t.args[1:]
			continue
		}
		s, err := t.term()
		if err != nil {
			return cannotKnow, err
		}
		if not {
			s, not = negate(s), false
		}
		all = negate(or(negate(all), negate(s)))
	}
	return or(any, all), nil
}

// isOperation reports whether an operator with its operands is next.
func (t *tester) isOperation() bool {
	if len(t.args) >= 3 {
		if _, ok := compare(t.args[0], t.args[1], t.args[2]); ok {
			return true
		}
	}
	return len(t.args) >= 2 && member(t.args[0], "-n -z -d -e -f -s")
}

func negate(s status) status {
	if s == cannotKnow {
		return s
	}
	return success + failure - s
}

func or(a, b status) status {
	switch {
	case a == success || b == success:
		return success
	case a == cannotKnow || b == cannotKnow:
		return cannotKnow
	}
	return failure
}

func (t *tester) term() (status, error) {
	if t.args[0] == "(" && !t.isOperation() {
		t.args = t.args[1:]
		s, err := t.alternatives()
		t.args = t.args[min(1, len(t.args)):]
		return s, err
	}
	if len(t.args) >= 3 {
		if s, ok := compare(t.args[0], t.args[1], t.args[2]); ok {
			t.args = t.args[3:]
			return s, nil
		}
	}
	if len(t.args) >= 2 {
		a, b := t.args[0], t.args[1]
		switch a {
		case "-n", "-z":
			t.args = t.args[2:]
			return statusOf((b != "") == (a == "-n")), nil
		case "-d", "-e", "-f", "-s":
			t.args = t.args[2:]
			return t.r.testFile(a, b)
		}
	}
	s := t.args[0]
	t.args = t.args[1:]
	return statusOf(s != ""), nil
}

// compare evaluates an operator between two texts or numbers; ok is false
// where it is none.
func compare(a, op, b string) (s status, ok bool) {
	if isUnknown(a) || isUnknown(b) {
		s = cannotKnow
		if a == b && (op == "=" || op == "==") {
			s = success
		}
		return s, strings.HasPrefix(op, "-") && len(op) == 3 || member(op, "= == != < <= > >= -pgt -plt")
	}
	switch op {
	case "=", "==":
		return statusOf(a == b), true
	case "!=":
		return statusOf(a != b), true
	case "<":
		return statusOf(a < b), true
	case "<=":
		return statusOf(a <= b), true
	case ">":
		return statusOf(a > b), true
	case ">=":
		return statusOf(a >= b), true
	}
	if strings.HasPrefix(op, "-nt") || strings.HasPrefix(op, "-ot") { // a number may follow
		return cannotKnow, true
	}
	return compareNumbers(a, op, b)
}

func compareNumbers(a, op, b string) (s status, ok bool) {
	if op == "-pgt" || op == "-plt" {
		a, b = afterPrefix(a, b)
	}
	x, y := number(a), number(b)
	if max(x, y, -x, -y) >= maxPlace { // GRUB's are wider, and may overflow
		return cannotKnow, strings.HasPrefix(op, "-") && member(op[1:], "eq ne lt le gt ge pgt plt")
	}
	switch op {
	case "-eq":
		return statusOf(x == y), true
	case "-ne":
		return statusOf(x != y), true
	case "-lt", "-plt":
		return statusOf(x < y), true
	case "-le":
		return statusOf(x <= y), true
	case "-gt", "-pgt":
		return statusOf(x > y), true
	case "-ge":
		return statusOf(x >= y), true
	}
	return failure, false
}

// afterPrefix takes off what two texts begin with, but for digits at its end. A digit
// that both begin with goes, too.
func afterPrefix(a, b string) (string, string) {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	for i > 1 && isDigit(a[i-1]) {
		i--
	}
	return a[i:], b[i:]
}

// number reads a signed number up to its first other character, 0 if none.
func number(s string) int {
	s = strings.TrimLeft(s, " ")
	digits, minus := strings.CutPrefix(s, "-")
	n, _, _ := leadingNumber(digits)
	if minus {
		return -n
	}
	return n
}

func (r *runner) testFile(op, name string) (status, error) {
	if op != "-s" {
		name = entryOf(name)
	}
	_, info, err := r.regular(name)
	if u := asUndetermined(err); u != nil {
		return cannotKnow, nil //nolint:nilerr // only where it decides
	}
	switch {
	case err != nil:
		return failure, nil //nolint:nilerr // there is no such file
	case op == "-d":
		return statusOf(info.IsDir()), nil
	case op == "-f":
		return statusOf(!info.IsDir()), nil
	case op == "-s":
		return statusOf(info.Mode()&fs.ModeType == 0 && info.Size() > 0), nil
	}
	return success, nil
}

// entryOf is the path that -d, -e and -f look for: without slashes at its end, a
// device alone is its root folder, and a name alone is one in that.
func entryOf(name string) string {
	device, rest := "", name
	if i := strings.IndexByte(name, ')'); i > 0 && name[0] == '(' {
		device, rest = name[:i+1], name[i+1:]
	}
	rest = strings.TrimRight(rest, "/")
	if !strings.Contains(rest, "/") {
		rest = "/" + rest
	}
	return device + rest
}
