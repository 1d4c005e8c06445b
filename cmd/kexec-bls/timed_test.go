package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/loader"
)

func TestQuestionsRunThemselvesOnce(t *testing.T) {
	f, _ := newFake(t, archFiles())
	var ran []string
	f.self = func(args []string) *exec.Cmd {
		ran = args
		return exec.Command("sh", "-c", "echo said; exit 5")
	}
	got := f.run("check", "-q", "--json=short", "--append=a b", "--append=c", "--", "-odd")
	assert.Equal(t, answer{5, "said\n", ""}, got)
	assert.Equal(t, []string{"--within", "check", "-q", "--json=short", "--append=a b", "--append=c", "--", "-odd"}, ran)

	f.self = func([]string) *exec.Cmd { return exec.Command("/nowhere") }
	assert.Equal(t, exitFailed, f.run("check").code)
	f.self = func([]string) *exec.Cmd { return exec.Command("sh", "-c", "kill -9 $$") }
	got = f.run("check")
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.stderr, "killed")
}

// TestRebootRequiredNeverSaysNoForAFailure: exit code 1 is its answer no, so
// nothing that goes wrong may end with it.
func TestRebootRequiredNeverSaysNoForAFailure(t *testing.T) {
	f, esp := newFake(t, archFiles())
	fails := func(why string) {
		t.Helper()
		got := f.run("reboot-required", "--json=short", "--esp-path="+esp)
		assert.Equal(t, exitUnknown, got.code, got.stderr)
		v := oneObject(t, got)
		assert.Nil(t, v["required"])
		reason := v["reasons"].([]any)[0].(map[string]any)
		assert.Equal(t, "unknown", reason["id"])
		assert.Contains(t, reason["text"], why)
	}
	write(t, f.dir, map[string]string{"etc/kexec-bls.toml": "broken"})
	fails(f.paths.File + ":1: ")
	f.self = func([]string) *exec.Cmd { return exec.Command("sh", "-c", "kill -9 $$") }
	fails("killed")
	f.self = func([]string) *exec.Cmd { return exec.Command("/nowhere") }
	fails("/nowhere")
}

// TestQuestionsReadTheConfigurationOnce: what is wrong with it is printed by the
// process that does the work.
func TestQuestionsReadTheConfigurationOnce(t *testing.T) {
	f, _ := newFake(t, archFiles())
	write(t, f.dir, map[string]string{"etc/kexec-bls.toml": "[x]\ny = 1\n"})
	f.self = func([]string) *exec.Cmd { return exec.Command("true") }
	assert.Empty(t, f.run("check").stderr)
}

// TestUnansweredQuestions: a FIFO without a writer hangs like a dead device.
func TestUnansweredQuestions(t *testing.T) {
	f, _ := newFake(t, nil)
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	f.self = func([]string) *exec.Cmd {
		return exec.Command("sh", "-c", "echo early; echo +EFI variable LoaderInfo >&3; exec cat "+fifo)
	}
	got := f.run("reboot-required", "--json=short")
	assert.Equal(t, exitUnknown, got.code)
	var r report.Requirement
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &r), "half an answer is none")
	assert.Nil(t, r.Required)
	assert.Equal(t, "6.1.0", r.Running)
	assert.Equal(t, loader.Reasons{{ID: loader.ReasonUnknown, Text: "EFI variable LoaderInfo: no answer within 60ms", Hint: "power-cycle the machine: nothing else restarts firmware"}}, r.Reasons)

	got = f.run("check")
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.stderr, "kexec-bls: EFI variable LoaderInfo: no answer within 60ms")
	assert.Empty(t, got.stdout)
	assert.Equal(t, 2.0, realEnvironment().queryLimit.Seconds())
}
