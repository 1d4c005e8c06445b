package grub

import "strings"

// A token is a word, a separator (";", newline, ";;", "|", "||", "&", "&&",
// "<", ">"), a brace, "[[" or "]]". At the end of the script op is "eof".
type token struct {
	op    string // "" for a word
	word  word
	plain string // the text of a word that is nothing but letters; reserved words are looked up in it
	start int    // offset in the script
	line  int    // from 1
}

// A word is what GRUB's script makes one or more arguments of.
type word []segment

// A segment is a part of a word: text, or the name of a variable.
type segment struct {
	text   string
	isVar  bool
	quoted bool // no splitting, no file name patterns, no backslashes
}

// A lexer cuts a script into tokens by the rules of GRUB's script language.
type lexer struct {
	src  string
	pos  int
	line int
}

func (l *lexer) next() (token, error) {
	l.skipBlanks()
	t := token{start: l.pos, line: l.line}
	if l.pos >= len(l.src) {
		t.op = "eof"
		return t, nil
	}
	for _, op := range []string{"||", "&&", ";;", "|", "&", ";", "<", ">", "{", "}", "\n"} {
		if strings.HasPrefix(l.src[l.pos:], op) {
			l.pos += len(op)
			l.line += strings.Count(op, "\n")
			t.op = op
			return t, nil
		}
	}
	err := l.word(&t)
	raw := l.src[t.start:l.pos]
	if raw == "[[" || raw == "]]" {
		t.op = raw
	}
	t.plain = raw
	return t, err
}

// skipBlanks passes over blanks and a comment, and over line ends that a
// backslash hides between words.
func (l *lexer) skipBlanks() {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == ' ' || c == '\t':
			l.pos++
		case c == '#':
			n := strings.IndexByte(l.src[l.pos:], '\n')
			if n < 0 {
				n = len(l.src) - l.pos
			}
			l.pos += n
		case strings.HasPrefix(l.src[l.pos:], "\\\n"):
			l.pos += 2
			l.line++
		default:
			return
		}
	}
}

// word reads a word; it holds at least one character.
func (l *lexer) word(t *token) error {
	for l.pos < len(l.src) {
		var err error
		switch c := l.src[l.pos]; c {
		case ' ', '\t', '\n', '{', '}', '|', '&', ';', '<', '>':
			return nil
		case '\'':
			err = l.single(t)
		case '"':
			err = l.double(t)
		case '$':
			err = l.dollar(t)
		default:
			l.plain(t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// plain reads unquoted text. Its backslashes remain, they are taken off after
// file names were matched.
func (l *lexer) plain(t *token) {
	var b strings.Builder
	start := l.pos
	for l.pos < len(l.src) && !strings.ContainsRune(" \t\n{}|&;<>'\"$", rune(l.src[l.pos])) {
		if l.src[l.pos] == '\\' && l.pos+1 < len(l.src) {
			if l.src[l.pos+1] == '\n' {
				b.WriteString(l.src[start:l.pos])
				l.line++
				start = l.pos + 2
			}
			l.pos++
		}
		l.pos++
	}
	b.WriteString(l.src[start:l.pos])
	if b.Len() > 0 {
		t.word = append(t.word, segment{text: b.String()})
	}
}

func (l *lexer) single(t *token) error {
	text, _, ok := strings.Cut(l.src[l.pos+1:], "'")
	if !ok {
		return syntaxError{l.line, "a quote is not closed"}
	}
	l.pos += len(text) + 2
	l.line += strings.Count(text, "\n")
	t.word = append(t.word, segment{text: text, quoted: true})
	return nil
}

// double reads a text in double quotes: variables count, and a backslash
// before $, ", another one and a line end.
func (l *lexer) double(t *token) error {
	first := l.line
	var b strings.Builder
	flush := func() {
		t.word = append(t.word, segment{text: b.String(), quoted: true})
		b.Reset()
	}
	for l.pos++; l.pos < len(l.src); {
		switch c := l.src[l.pos]; c {
		case '"':
			l.pos++
			flush()
			return nil
		case '$':
			flush()
			if err := l.variable(t, true); err != nil {
				return err
			}
			continue
		case '\\':
			if l.escaped(&b) {
				continue
			}
		case '\n':
			l.line++
		}
		b.WriteByte(l.src[l.pos])
		l.pos++
	}
	return syntaxError{first, "a quote is not closed"}
}

// escaped reads a backslash in double quotes and the character that it takes.
func (l *lexer) escaped(b *strings.Builder) bool {
	if l.pos+1 >= len(l.src) {
		return false
	}
	switch c := l.src[l.pos+1]; c {
	case '$', '"', '\\':
		b.WriteByte(c)
	case '\n':
		l.line++
	default:
		return false
	}
	l.pos += 2
	return true
}

// dollar reads $name, ${name} or a text to be translated, $"...".
func (l *lexer) dollar(t *token) error {
	if strings.HasPrefix(l.src[l.pos:], `$"`) {
		l.pos++
		return l.double(t)
	}
	return l.variable(t, false)
}

func (l *lexer) variable(t *token, quoted bool) error {
	rest := l.src[l.pos+1:]
	open := strings.HasPrefix(rest, "{")
	if open {
		rest = rest[1:]
	}
	n := nameLen(rest)
	used := 1 + n
	if open {
		used += 2
	}
	if n == 0 || open && !strings.HasPrefix(rest[n:], "}") {
		return syntaxError{l.line, "a $ is not followed by a name"}
	}
	l.pos += used
	t.word = append(t.word, segment{text: rest[:n], isVar: true, quoted: quoted})
	return nil
}

// nameLen is the length of the variable's name that s begins with: letters,
// digits and "_", digits alone, or one of ? # * @.
func nameLen(s string) int {
	n := 0
	if s != "" && isDigit(s[0]) {
		for n < len(s) && isDigit(s[n]) {
			n++
		}
		return n
	}
	for n < len(s) && (isAlpha(s[n]) || isDigit(s[n]) || s[n] == '_') {
		n++
	}
	if n == 0 && s != "" && strings.IndexByte("?#*@", s[0]) >= 0 {
		return 1
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
