package grub

import (
	"fmt"
	"strings"
)

// A syntaxError is what GRUB's script parser refuses.
type syntaxError struct {
	line int
	text string
}

func (e syntaxError) Error() string {
	return fmt.Sprintf("syntax error in line %d: %s", e.line, e.text)
}

// A command is a statement of a script. Which fields count depends on kind.
type command struct {
	kind  string // "simple", "if", "while", "until", "for", "function"
	line  int
	words []word     // simple: name and arguments; for: the list
	block *string    // simple: the text of a block after the arguments
	name  string     // for: the variable; function: its name
	cond  []*command // if, while, until
	body  []*command
	other []*command // if: else; an elif is an "if" in it
}

// A parser reads a script. GRUB parses and runs one line after the other; here
// a statement that goes on over lines counts as one.
type parser struct {
	lexer
	tok   token
	depth int
}

// maxNesting is how deep statements may be nested.
const maxNesting = 64

func newParser(src string) (*parser, error) {
	p := &parser{lexer: lexer{src: src, line: 1}}
	return p, p.advance()
}

func (p *parser) advance() (err error) {
	p.tok, err = p.lexer.next()
	return err
}

// unit parses the statements up to the end of the line that the last of them
// ends in. It returns none at the end of the script.
func (p *parser) unit() ([]*command, error) {
	var out []*command
	for p.tok.op == "\n" {
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	for p.tok.op != "eof" {
		c, err := p.statement()
		if err != nil {
			return nil, err
		}
		out = append(out, c)
		switch p.tok.op {
		case ";":
			if err := p.advance(); err != nil {
				return nil, err
			}
			if p.tok.op != "\n" {
				continue
			}
			return out, p.advance()
		case "\n":
			return out, p.advance()
		case "eof":
		default:
			return nil, p.unexpected()
		}
	}
	return out, nil
}

func (p *parser) unexpected() error {
	text := p.tok.op
	switch text {
	case "":
		text = p.tok.plain
	case "\n":
		text = "end of the line"
	case "eof":
		text = "end of the script"
	}
	return syntaxError{p.tok.line, "unexpected " + clip(text)}
}

// reserved reports whether the current token is this reserved word.
func (p *parser) reserved(name string) bool { return p.tok.op == "" && p.tok.plain == name }

func (p *parser) expect(name string) error {
	if !p.reserved(name) && p.tok.op != name {
		return p.unexpected()
	}
	return p.advance()
}

// reservedWords begin no simple command, and are no names.
const reservedWords = "if then elif else fi while until for function do done in case esac select"

func (p *parser) statement() (*command, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, syntaxError{p.tok.line, "statements are nested too deep"}
	}
	defer func() { p.depth-- }()
	if p.tok.op != "" {
		return nil, p.unexpected()
	}
	c := &command{kind: p.tok.plain, line: p.tok.line}
	switch p.tok.plain {
	case "if":
		return c, p.ifStatement(c)
	case "while", "until":
		return c, p.loop(c)
	case "for":
		return c, p.forLoop(c)
	case "function":
		if p.depth == 1 { // it is no command, and cannot be in another statement
			return c, p.function(c)
		}
	}
	if member(p.tok.plain, reservedWords) {
		return nil, p.unexpected()
	}
	c.kind = "simple"
	return c, p.simple(c)
}

func (p *parser) simple(c *command) error {
	for p.tok.op == "" {
		c.words = append(c.words, p.tok.word)
		if err := p.advance(); err != nil {
			return err
		}
	}
	if p.tok.op != "{" {
		return nil
	}
	start := p.tok.start + 1
	if err := p.advance(); err != nil {
		return err
	}
	if _, err := p.statements(true, "}"); err != nil {
		return err
	}
	text := p.src[start:p.tok.start]
	c.block = &text
	return p.expect("}")
}

// list parses statements up to one of the closing words, which remains the
// current token. There must be at least one statement.
func (p *parser) list(closing ...string) ([]*command, error) {
	return p.statements(false, closing...)
}

// statements is list; atOnce allows the closing word right after a statement.
func (p *parser) statements(atOnce bool, closing ...string) ([]*command, error) {
	var out []*command
	for {
		if err := p.newlines(); err != nil {
			return nil, err
		}
		for _, name := range closing {
			if len(out) > 0 && (p.reserved(name) || p.tok.op == name) {
				return out, nil
			}
		}
		c, err := p.statement()
		if err != nil {
			return nil, err
		}
		out = append(out, c)
		switch {
		case p.tok.op == ";":
			if err := p.advance(); err != nil {
				return nil, err
			}
		case p.tok.op != "\n" && (!atOnce || p.tok.op != closing[0]):
			return nil, p.unexpected()
		}
	}
}

func (p *parser) newlines() error {
	for p.tok.op == "\n" {
		if err := p.advance(); err != nil {
			return err
		}
	}
	return nil
}

// ifStatement parses an "if" to its "fi". An elif becomes an "if" in the else
// branch.
func (p *parser) ifStatement(c *command) error {
	for {
		if err := p.branch(c); err != nil {
			return err
		}
		if !p.reserved("elif") {
			break
		}
		next := &command{kind: "if", line: p.tok.line}
		c.other = []*command{next}
		c = next
	}
	if p.reserved("else") {
		var err error
		if err = p.advance(); err != nil {
			return err
		}
		if c.other, err = p.list("fi"); err != nil {
			return err
		}
	}
	return p.expect("fi")
}

// branch parses a condition and what is done where it holds.
func (p *parser) branch(c *command) (err error) {
	if err = p.advance(); err != nil {
		return err
	}
	if c.cond, err = p.list("then"); err != nil {
		return err
	}
	if err = p.expect("then"); err != nil {
		return err
	}
	c.body, err = p.list("fi", "else", "elif")
	return err
}

// clip shortens a text for a message and shows its control characters.
func clip(s string) string {
	const enough = 64
	if len(s) > enough {
		s = strings.ToValidUTF8(s[:enough], "") + "..."
	}
	return fmt.Sprintf("%q", s)
}
