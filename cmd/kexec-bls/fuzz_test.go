package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A question is a command that changes nothing of the machine, and the exit
// codes that the manual has for it.
type question struct {
	args  []string // with OUT for a folder that is not there, FILE for a file of a partition, ENTRY for a name
	codes []int
}

func questions() []question {
	shown, failed := []int{exitDone, exitFailed, exitNoEntry}, []int{exitDone, exitFailed}
	checked := append(slices.Clone(shown), exitBlocked)
	loaded := []int{exitDone, exitFailed, exitNoEntry, exitStale, exitNone, exitForeign}
	required := []int{exitDone, exitNotRequired, exitUnknown}
	return []question{
		{[]string{"list"}, shown}, {[]string{"list", "--json"}, shown},
		{[]string{"show"}, shown}, {[]string{"show", "--json"}, shown}, {[]string{"show", "--", "ENTRY"}, shown},
		{[]string{"show", "--json=short", "--", "ENTRY"}, shown}, {[]string{"show", "--pcrs"}, shown},
		{[]string{"check"}, checked}, {[]string{"check", "--json", "--", "ENTRY"}, checked},
		{[]string{"status"}, loaded}, {[]string{"status", "--json"}, loaded},
		{[]string{"reboot-required"}, required}, {[]string{"reboot-required", "--json"}, required},
		{[]string{"initrd", "ls", "--", "FILE"}, failed}, {[]string{"initrd", "ls", "-l", "--json", "--", "FILE"}, failed},
		{[]string{"initrd", "ls", "--verify", "--", "FILE", "FILE"}, failed},
		{[]string{"export", "--output=OUT"}, shown}, {[]string{"export", "--json", "--output=OUT", "--", "ENTRY"}, shown},
		{[]string{"initrd", "merge", "--flat", "--output=OUT", "--", "FILE"}, failed},
		{[]string{cobra.ShellCompRequestCmd, "show", ""}, []int{exitDone}},
	}
}

// limited runs a command with what it may take for a partition of less than
// 8 MiB: seconds of the processor's time, KiB of writable memory. The peak that
// wait4(2) tells begins with that of the process that forked.
const limited = `ulimit -t 5 && ulimit -d 400000 && exec "$0" "$@"`

// FuzzCommands asks about the partitions of a distribution after somebody else
// has written to them: here, where coverage leads the fuzzer, and the program as
// it is installed, whose exit, time and memory count.
func FuzzCommands(f *testing.F) {
	layouts, err := fs.Glob(os.DirFS(layoutDir), "*/README")
	require.NoError(f, err)
	program := builtBinary(f)
	for q := range questions() {
		f.Add(uint8(q), uint8(q), "@default", []byte{})
	}
	for i, seed := range hostileSeeds() {
		f.Add(uint8(i), uint8(i*3), "", seed)
	}
	f.Fuzz(func(t *testing.T, which, q uint8, entry string, changes []byte) {
		if strings.Contains(entry, "\x00") || len(entry) > 1<<16 {
			return // no program can be given that
		}
		f, dir := layOut(t, filepath.Dir(layouts[int(which)%len(layouts)]))
		c := changer{data: changes, dir: dir}
		c.change(t)
		asked := questions()[int(q)%len(questions())]
		args := c.arguments(asked.args, entry)
		code, out, errs := runProgram(t, program, args)
		asked.hold(t, args, answer{code, out, errs})
		holdOutput(t, filepath.Join(dir, "OUT"))
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "OUT")))
		asked.hold(t, args, f.run(args...))
	})
}

// hostileSeeds are chosen changes, of each kind.
func hostileSeeds() [][]byte {
	seeds := [][]byte{}
	for kind := range byte(changeKinds) {
		seeds = append(seeds, append([]byte{kind, 0, 1, 0, 4, 9}, "\x1b[31m\n\u202e"...), append([]byte{kind, 3, 2, 1, 1, 12}, "../../../etc"...))
	}
	return seeds
}

// hold asserts what is true of every answer.
func (q question) hold(t *testing.T, args []string, got answer) {
	t.Helper()
	if args[len(args)-1] == "" && args[0] != cobra.ShellCompRequestCmd {
		assert.Equal(t, exitUsage, got.code, "%q: %s", args, got.stderr)
	} else {
		assert.Contains(t, q.codes, got.code, "%q: %s", args, got.stderr)
	}
	holdText(t, got.stderr, "\n")
	asJSON := slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--json") })
	if asJSON || q.args[0] == cobra.ShellCompRequestCmd {
		holdText(t, got.stdout, "\n\t")
	} else {
		holdText(t, got.stdout, "\n")
	}
	if asJSON && (args[0] != "export" || got.code != exitDone) {
		var v any
		d := json.NewDecoder(strings.NewReader(got.stdout))
		require.NoError(t, d.Decode(&v), "%q: %s", args, got.stdout)
		assert.ErrorIs(t, d.Decode(&v), io.EOF, "%q: one value", args)
	}
}

// holdText asserts that a text is UTF-8 of which a terminal obeys nothing but
// the characters named.
func holdText(t *testing.T, text, allowed string) {
	t.Helper()
	assert.True(t, utf8.ValidString(text), "%q", text)
	for _, r := range text {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && !strings.ContainsRune(allowed+"\u200c\u200d", r) {
			require.Failf(t, "printed", "%U in %q", r, text)
		}
	}
}

// holdOutput asserts that export wrote files, and those of its manual only.
func holdOutput(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		return // nothing, or the one file of initrd merge
	}
	for _, f := range files {
		assert.True(t, f.Type().IsRegular(), f.Name())
		assert.Contains(t, []string{"linux", "initrd", "cmdline"}, f.Name())
	}
}

// runProgram runs the program and asserts that it ends by itself, in time and
// within the memory.
func runProgram(t *testing.T, program string, args []string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", limited, program}, args...)...)
	cmd.WaitDelay = time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	require.True(t, err == nil || errors.As(err, &exit), "%q: %v", args, err)
	require.True(t, cmd.ProcessState.Exited(), "%q: %s: %s", args, cmd.ProcessState, errs.String())
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// A changer changes the partitions below a folder as its data has it; when
// there is no more, every number is 0.
type changer struct {
	data []byte
	dir  string
}

const changeKinds = 11

func (c *changer) number() int {
	if len(c.data) == 0 {
		return 0
	}
	n := c.data[0]
	c.data = c.data[1:]
	return int(n)
}

func (c *changer) text() string {
	n := min(c.number(), len(c.data))
	text := c.data[:n]
	c.data = c.data[n:]
	return string(text)
}

// files are those of the partitions, in order.
func (c *changer) files(t *testing.T) []string {
	var found []string
	require.NoError(t, filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, path)
		}
		return err
	}))
	return found
}

func (c *changer) change(t *testing.T) {
	const most = 8 // changes
	for range most {
		files := c.files(t)
		if len(c.data) == 0 || len(files) == 0 {
			return
		}
		kind, file := c.number()%changeKinds, files[c.number()%len(files)]
		at, times := c.number()<<8|c.number(), 1<<(c.number()%16)
		c.apply(t, kind, file, at, times)
	}
}

// apply makes one change; one that the file system refuses is none.
func (c *changer) apply(t *testing.T, kind int, file string, at, times int) {
	text := c.text()
	sibling := filepath.Join(filepath.Dir(file), strings.NewReplacer("/", "_", "\x00", "_").Replace(text)+filepath.Ext(file))
	data := []byte{}
	if info, err := os.Lstat(file); err == nil && info.Mode().IsRegular() {
		data, err = os.ReadFile(file)
		require.NoError(t, err)
	}
	at = min(at, len(data))
	repeated := strings.Repeat(text, min(times, 1<<20/max(len(text), 1)))
	replace := func(data []byte) {
		require.NoError(t, os.Remove(file))
		require.NoError(t, os.WriteFile(file, data, 0o644))
	}
	switch kind {
	case 0:
		copy(data[at:], text)
		replace(data)
	case 1:
		replace(slices.Insert(data, at, []byte(repeated)...))
	case 2:
		replace(data[:at])
	case 3:
		replace(append(data, repeated...))
	case 4:
		replace([]byte(repeated))
	case 5:
		replace(slices.Delete(data, at, min(at+times, len(data))))
	case 6:
		require.NoError(t, os.Remove(file))
		require.NoError(t, syscall.Mkfifo(file, 0o644))
	case 7:
		require.NoError(t, os.Remove(file))
		_ = os.Symlink(text, file)
	case 8:
		_ = os.Rename(file, sibling)
	case 9:
		_ = os.Link(file, sibling)
	default:
		require.NoError(t, os.Remove(file))
		require.NoError(t, os.Mkdir(file, 0o755))
	}
}

// arguments are those of a question about the partitions.
func (c *changer) arguments(asked []string, entry string) []string {
	args := slices.Clone(asked)
	for i := range args {
		args[i] = strings.Replace(args[i], "OUT", filepath.Join(c.dir, "OUT"), 1)
		switch args[i] {
		case "ENTRY":
			args[i] = entry
		case "FILE":
			args[i] = c.file()
		}
	}
	at := min(2, len(args))
	if args[0] == cobra.ShellCompRequestCmd {
		at = len(args) - 1
	} else if len(args) > 1 && args[0] != "initrd" {
		at = 1
	}
	for _, part := range []string{"esp", "boot"} {
		if _, err := os.Stat(filepath.Join(c.dir, part)); err == nil {
			args = slices.Insert(args, at, "--"+part+"-path="+filepath.Join(c.dir, part))
		}
	}
	return args
}

// file is one of the partitions, or where there was one.
func (c *changer) file() string {
	files, _ := filepath.Glob(filepath.Join(c.dir, "*/*"))
	more, _ := filepath.Glob(filepath.Join(c.dir, "*/*/*/*"))
	if files = append(files, more...); len(files) == 0 {
		return c.dir
	}
	return files[c.number()%len(files)]
}
