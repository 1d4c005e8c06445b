package grub

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
)

// A status is what a command returns.
type status int

const (
	success status = iota
	failure
	cannotKnow // what the command finds is not known here
)

func (s status) number() string {
	switch s {
	case success:
		return "0"
	case failure:
		return "1"
	}
	return unknown
}

func statusOf(ok bool) status {
	if ok {
		return success
	}
	return failure
}

func itoa(n int) string { return strconv.Itoa(n) }

func atoi(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && s[0] != '+'
}

// Bounds of a run.
const (
	maxSteps    = 100_000  // commands
	maxCalls    = 32       // files that source one another, functions, blocks
	maxConfig   = 4 << 20  // bytes of one script
	maxWritten  = 16 << 20 // bytes of all values set
	maxVars     = 4096     // variables: each entry has its own
	maxListings = 64       // runs of blscfg and uki
	maxItems    = 10_000   // menu items
	maxRead     = 64 << 20 // bytes of all files read
)

// A flow is how a list of commands ends.
type flow int

const (
	goOn      flow = iota
	leave          // return
	breakLoop      // break, continue
	nextRound
	shown // a configfile built a menu: GRUB shows it and boots
)

// A runner is one GRUB from its start to the kernel's.
type runner struct {
	m         *Machine
	flavor    Flavor
	vars      map[string]string
	exported  map[string]bool
	funcs     map[string]*command
	params    []string
	status    status
	flow      flow
	menu      []*Item
	listed    []*Item        // what blscfg of Fedora has read,
	listedDir string         // and what it was asked for
	stored    map[File]Block // environment blocks as GRUB has written them
	boot      *Boot
	loading   *loading // while an item's commands run

	file      string // of the script that runs, for messages
	line      int
	steps     int
	calls     int
	functions int // how many of the calls are those of functions
	loops     int // that run in this function
	breaks    int // how many of them end: break, continue
	listings  int
	size      int
	loaded    int // bytes of files
}

func newRunner(m *Machine) *runner {
	r := &runner{
		m: m, flavor: m.Flavor, vars: builtin(), exported: exported(), funcs: map[string]*command{},
		stored: map[File]Block{}, boot: &Boot{},
	}
	maps.Copy(r.vars, m.Variables)
	return r
}

func (r *runner) undetermined(format string, args ...any) error {
	where := r.file
	if where != "" && r.line > 0 {
		where += ":" + itoa(r.line)
	}
	return &UndeterminedError{where, fmt.Errorf(format, args...).Error()}
}

// script runs a script line by line, as GRUB does: what comes before an error
// of syntax is done.
func (r *runner) script(file, src string) error {
	if len(src) > maxConfig {
		return r.undetermined("%s is larger than %d bytes", file, maxConfig)
	}
	if r.calls++; r.calls > maxCalls {
		return r.undetermined("scripts are nested too deep")
	}
	oldFile, oldLine := r.file, r.line
	r.file, r.line = file, 0
	defer func() { r.file, r.line, r.calls = oldFile, oldLine, r.calls-1 }()
	p, err := newParser(src)
	for err == nil && r.flow == goOn {
		var unit []*command
		if unit, err = p.unit(); err != nil || len(unit) == 0 {
			break
		}
		err = r.list(unit)
	}
	var bad syntaxError
	if errors.As(err, &bad) && r.loading == nil {
		r.line = bad.line
		return r.undetermined("%s", bad.text)
	}
	return err
}

func (r *runner) list(commands []*command) error {
	for _, c := range commands {
		if r.steps++; r.steps > maxSteps {
			return r.undetermined("the script runs more than %d commands", maxSteps)
		}
		r.line = c.line
		if err := r.command(c); err != nil {
			return err
		}
		if r.flow != goOn {
			return nil
		}
	}
	return nil
}

func (r *runner) command(c *command) error {
	switch c.kind {
	case "simple":
		return r.simple(c)
	case "if":
		return r.choose(c)
	case "for":
		return r.each(c)
	case "function":
		r.funcs[c.name] = c
		return nil
	}
	return r.loop(c)
}

// holds runs the condition of a loop and reports whether it succeeds.
func (r *runner) holds(c *command) (bool, error) {
	if err := r.list(c.cond); err != nil || r.flow != goOn {
		return false, err
	}
	if r.status == cannotKnow {
		r.line = c.line
		return false, r.undetermined("the condition of %q depends on what is not known here", c.kind)
	}
	return r.status == success, nil
}

func (r *runner) choose(c *command) error {
	if err := r.list(c.cond); err != nil || r.flow != goOn {
		return err
	}
	switch r.status {
	case cannotKnow:
		return r.either(c)
	case success:
		return r.list(c.body)
	}
	r.status = success
	return r.list(c.other)
}

func (r *runner) loop(c *command) error {
	r.loops++
	defer func() { r.loops-- }()
	for {
		ok, err := r.holds(c)
		body := c.body
		if r.flow == breakLoop || r.flow == nextRound {
			body = nil
		} else if err != nil || r.flow != goOn || ok == (c.kind == "until") {
			return err
		}
		if done, err := r.round(body); done || err != nil {
			return err
		}
	}
}

func (r *runner) each(c *command) error {
	values, err := r.arguments(c.words)
	if err != nil {
		return r.blame(err)
	}
	r.status = success
	r.loops++
	defer func() { r.loops-- }()
	for _, v := range values {
		if err := r.set(c.name, v); err != nil {
			return err
		}
		if done, err := r.round(c.body); done || err != nil {
			return err
		}
	}
	return nil
}

// round runs the body of a loop once; done reports whether the loop ends.
func (r *runner) round(body []*command) (done bool, err error) {
	err = r.list(body)
	if r.flow != breakLoop && r.flow != nextRound {
		return r.flow != goOn, err
	}
	done = r.flow == breakLoop || r.breaks > 1
	if r.breaks--; r.breaks == 0 {
		r.flow = goOn
	}
	return done, err
}

// scoped reports whether there are parameters: in a function, and in a menu entry.
func (r *runner) scoped() bool { return r.functions > 0 || r.loading != nil }

// call runs a function with its arguments as $1, $2 and so on.
func (r *runner) call(c *command, args []string) error {
	if r.calls++; r.calls > maxCalls {
		return r.undetermined("functions are nested too deep")
	}
	old, line, loops := r.params, r.line, r.loops
	r.params, r.functions, r.loops = args, r.functions+1, 0
	err := r.list(c.body)
	r.params, r.line, r.calls, r.functions, r.loops = old, line, r.calls-1, r.functions-1, loops
	if r.flow == leave {
		r.flow = goOn
	}
	return err
}
