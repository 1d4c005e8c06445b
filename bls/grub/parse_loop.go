package grub

func (p *parser) loop(c *command) (err error) {
	if err = p.advance(); err != nil {
		return err
	}
	if c.cond, err = p.list("do"); err != nil {
		return err
	}
	return p.doDone(c)
}

func (p *parser) doDone(c *command) (err error) {
	if err = p.expect("do"); err != nil {
		return err
	}
	if c.body, err = p.list("done"); err != nil {
		return err
	}
	return p.expect("done")
}

func (p *parser) forLoop(c *command) error {
	if err := p.nameAfter(c); err != nil {
		return err
	}
	if err := p.expect("in"); err != nil {
		return err
	}
	for p.tok.op == "" {
		c.words = append(c.words, p.tok.word)
		if err := p.advance(); err != nil {
			return err
		}
	}
	if p.tok.op != ";" && p.tok.op != "\n" {
		return p.unexpected()
	}
	if err := p.advance(); err != nil {
		return err
	}
	if err := p.newlines(); err != nil {
		return err
	}
	return p.doDone(c)
}

// nameAfter reads the name after "for" or "function".
func (p *parser) nameAfter(c *command) error {
	if err := p.advance(); err != nil {
		return err
	}
	if name := p.tok.plain; p.tok.op != "" || nameLen(name) != len(name) || !isAlpha(name[0]) && name[0] != '_' || member(name, reservedWords) {
		return p.unexpected()
	}
	c.name = p.tok.plain
	return p.advance()
}

func (p *parser) function(c *command) (err error) {
	if err = p.nameAfter(c); err != nil {
		return err
	}
	if err = p.newlines(); err != nil {
		return err
	}
	if err = p.expect("{"); err != nil {
		return err
	}
	if c.body, err = p.list("}"); err != nil {
		return err
	}
	return p.expect("}")
}
