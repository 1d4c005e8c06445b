package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
)

// ask lets a shell do the work of a question.
func ask(script string, limit time.Duration) (out, say string, err error) {
	var stdout, stderr bytes.Buffer
	a := &app{machine: &machine{efivars: "/vars"}, ui: &ui{out: &stdout, err: &stderr}}
	err = a.inTime(context.Background(), exec.Command("sh", "-c", script), limit)
	return stdout.String(), stderr.String(), err
}

func TestQuestionPassesOn(t *testing.T) {
	out, say, err := ask("echo one; echo two >&2", time.Minute)
	require.NoError(t, err)
	assert.Equal(t, "one\n", out)
	assert.Equal(t, "two\n", say)
	for _, code := range []int{1, 5, 6} {
		_, _, err = ask("exit "+string(rune('0'+code)), time.Minute)
		assert.Equal(t, code, exitCode(err))
	}
	_, _, err = ask("kill -9 $$", time.Minute)
	assert.ErrorContains(t, err, "killed")
	assert.Equal(t, exitFailed, exitCode(err))
	out, _, err = ask("head -c 3000000 /dev/zero", time.Minute)
	require.NoError(t, err)
	assert.Len(t, out, 3000000)
}

// TestQuestionNamesWhatHangs: FIFOs without a writer hang like a dead device,
// in open(2) and in read(2).
func TestQuestionNamesWhatHangs(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	for name, script := range map[string]string{
		"open":               "echo early; exec cat " + fifo,
		"open, relative":     "cd " + dir + "; exec cat ./fifo",
		"read":               "exec cat <>" + fifo,
		"read, all of it":    "exec head -c 5 <>" + fifo,
		"twice is said once": "exec 3<>" + fifo + "; exec cat <&3",
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			out, _, err := ask(script, 300*time.Millisecond)
			var hung hungError
			require.ErrorAs(t, err, &hung)
			require.Len(t, hung.what, 1)
			assert.Equal(t, "fifo", filepath.Base(hung.what[0]))
			assert.ErrorContains(t, err, "no answer within 300ms")
			assert.Empty(t, out, "half an answer is none")
			assert.Less(t, time.Since(begin), 20*time.Second)
			assert.Greater(t, time.Since(begin), 250*time.Millisecond)
		})
	}
}

// TestQuestionWaitsForWork: what computes or reads is not what hangs.
func TestQuestionWaitsForWork(t *testing.T) {
	out, _, err := ask("i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; echo done", 100*time.Millisecond)
	require.NoError(t, err)
	assert.Equal(t, "done\n", out)
	_, _, err = ask("exec head -c 1500000000 /dev/zero >/dev/null", 100*time.Millisecond)
	require.NoError(t, err)
}

func TestQuestionNamesVariables(t *testing.T) {
	a := &app{machine: &machine{efivars: "/vars"}}
	assert.Equal(t, "the firmware, asked for its variable LoaderInfo", a.placeName("/vars/LoaderInfo-"+bli.LoaderVendor))
	assert.Equal(t, "/boot/x", a.placeName("/boot/x"))
}

func TestQuestionsRunThemselvesOnce(t *testing.T) {
	f, _ := newFake(t, archFiles())
	var ran []string
	f.self = func(args []string) *exec.Cmd {
		ran = args
		return exec.Command("sh", "-c", "echo said; exit 5")
	}
	got := f.run("check", "-q", "--json=short", "--append=a b", "--append=c", "--", "-odd")
	assert.Equal(t, answer{5, "said\n", ""}, got)
	assert.Equal(t, []string{"check", "--within", "--append=a b", "--append=c", "--json=short", "--quiet=true", "--", "-odd"}, ran)

	f.self = func([]string) *exec.Cmd { return exec.Command("/nowhere") }
	assert.Equal(t, exitFailed, f.run("check").code)
}

// TestRebootRequiredNeverSaysNoForAFailure: exit code 1 is its answer no, so
// nothing that goes wrong may end with it.
func TestRebootRequiredNeverSaysNoForAFailure(t *testing.T) {
	f, esp := newFake(t, archFiles())
	fails := func(why string) {
		t.Helper()
		got := f.run("reboot-required", "--json=short", "--esp-path="+esp)
		assert.Equal(t, exitCannotTell, got.code, got.stderr)
		v := oneObject(t, got)
		assert.Nil(t, v["required"])
		assert.Contains(t, v["reasons"].([]any)[0], why)
	}
	write(t, filepath.Dir(f.configFile), map[string]string{"kexec-bls.toml": "broken"})
	fails(f.configFile + ":1: ")
	f.self = func([]string) *exec.Cmd { return exec.Command("sh", "-c", "kill -9 $$") }
	fails("killed")
	f.self = func([]string) *exec.Cmd { return exec.Command("/nowhere") }
	fails("/nowhere")
}

// TestQuestionsReadTheConfigurationOnce: what is wrong with it is said by the
// process that does the work.
func TestQuestionsReadTheConfigurationOnce(t *testing.T) {
	f, _ := newFake(t, archFiles())
	write(t, filepath.Dir(f.configFile), map[string]string{"kexec-bls.toml": "[x]\ny = 1\n"})
	f.self = func([]string) *exec.Cmd { return exec.Command("true") }
	assert.Empty(t, f.run("check").stderr)
}

func TestUnansweredQuestions(t *testing.T) {
	f, _ := newFake(t, nil)
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	f.self = func([]string) *exec.Cmd { return exec.Command("cat", fifo) }
	begin := time.Now()
	got := f.run("reboot-required", "--json=short")
	assert.Equal(t, exitCannotTell, got.code)
	var r requirement
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &r))
	assert.Nil(t, r.Required)
	assert.Equal(t, "6.1.0", r.Running)
	assert.Contains(t, r.Reasons[0], fifo+": no answer within 2s")
	assert.GreaterOrEqual(t, time.Since(begin), questionLimit-4*questionTick)

	got = f.run("check")
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.stderr, "kexec-bls: "+fifo+": no answer within 2s")
	assert.Empty(t, got.stdout)
}

// TestWaitReadsTheKernel holds the parser against this very process.
func TestWaitReadsTheKernel(t *testing.T) {
	w := wait{pid: os.Getpid()}
	done, _ := w.done()
	assert.Contains(t, done, "rchar")
	assert.Regexp(t, `^\d+\+\d+ `, done)
	assert.Empty(t, w.place([]string{"running"}))
	assert.Empty(t, w.place([]string{"-1", "0x7ffd", "0x1"}))
	assert.Empty(t, w.place([]string{"1000", "x", "y"}))
	assert.Empty(t, w.text(1), "no such memory")
}
