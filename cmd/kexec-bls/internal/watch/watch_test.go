package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// TestMain is also the process that is watched, see asks.
func TestMain(m *testing.M) {
	if fifo := os.Getenv("WATCH_TEST_FIFO"); fifo != "" {
		parent := Parent()
		answered := Asking(parent, "/boot")
		Asking(parent, "/efi")
		answered()
		fmt.Println("early")
		_, _ = os.ReadFile(fifo) // for ever
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// shell runs a script; limits of some milliseconds are for scripts that hang.
func shell(script string, opt Options) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	cmd := exec.Command("sh", "-c", script)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = Run(context.Background(), cmd, opt)
	return out.String(), errs.String(), err
}

func TestRunPassesOn(t *testing.T) {
	for _, hold := range []bool{true, false} {
		opt := Options{Limit: time.Minute, Hold: hold}
		out, errs, err := shell("echo one; echo two >&2", opt)
		require.NoError(t, err)
		assert.Equal(t, "one\n", out)
		assert.Equal(t, "two\n", errs)
		for _, code := range []int{1, 5, 6} {
			out, _, err = shell(fmt.Sprintf("echo said; exit %d", code), opt)
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			assert.Equal(t, code, exit.ExitCode())
			assert.Equal(t, "said\n", out)
		}
		_, _, err = shell("kill -9 $$", opt)
		assert.ErrorContains(t, err, "killed")
		out, _, err = shell("head -c 3000000 /dev/zero", opt)
		require.NoError(t, err)
		assert.Len(t, out, 3000000)
	}
	assert.ErrorIs(t, Run(context.Background(), exec.Command("/nowhere"), Options{Limit: time.Minute}), os.ErrNotExist)
}

func TestRunKeepsTheOrderOfOneOutput(t *testing.T) {
	var out bytes.Buffer
	cmd := exec.Command("sh", "-c", "for i in 1 2 3; do echo out; echo err >&2; done")
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, Run(context.Background(), cmd, Options{Limit: time.Minute}))
	assert.Equal(t, strings.Repeat("out\nerr\n", 3), out.String())
}

// TestRunGivesNoFileAway: who reads our output to its end does not wait for a
// process that was left behind.
func TestRunGivesNoFileAway(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer file.Close()
	cmd := exec.Command("readlink", "/proc/self/fd/1", "/proc/self/fd/2")
	cmd.Stdout, cmd.Stderr = file, file
	require.NoError(t, Run(context.Background(), cmd, Options{Limit: time.Minute}))
	got, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	assert.Regexp(t, `^pipe:\[\d+\]\npipe:\[\d+\]\n$`, string(got))
}

// TestRunEndsBeforeGrandchildren: one that keeps the pipes is not waited for.
func TestRunEndsBeforeGrandchildren(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sleep 60 & echo $!")
	var out bytes.Buffer
	cmd.Stdout, cmd.WaitDelay = &out, time.Millisecond
	require.NoError(t, Run(context.Background(), cmd, Options{Limit: time.Minute}))
	var pid int
	_, err := fmt.Sscan(out.String(), &pid)
	require.NoError(t, err)
	assert.NoError(t, syscall.Kill(pid, syscall.SIGKILL), "it is still there")
}

// TestRunNamesWhatHangs: a FIFO without a writer hangs like a dead device.
func TestRunNamesWhatHangs(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	for _, hold := range []bool{true, false} {
		var out bytes.Buffer
		cmd := exec.Command(os.Args[0])
		cmd.Env, cmd.Stdout = append(os.Environ(), "WATCH_TEST_FIFO="+fifo), &out
		err := Run(context.Background(), cmd, Options{Limit: 60 * time.Millisecond, Hold: hold})
		var hung *HungError
		require.ErrorAs(t, err, &hung)
		assert.Equal(t, HungError{"/efi", 60 * time.Millisecond}, *hung)
		assert.EqualError(t, err, "/efi: no answer within 60ms")
		assert.Equal(t, "check that its device is there", hint.Of(err))
		assert.Equal(t, map[bool]string{true: "", false: "early\n"}[hold], out.String(), "half an answer is none")
	}
}

// TestRunWaitsForWork: what computes or reads is not what hangs.
func TestRunWaitsForWork(t *testing.T) {
	opt := Options{Limit: 100 * time.Millisecond, Hold: true}
	out, _, err := shell("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo done", opt)
	require.NoError(t, err)
	assert.Equal(t, "done\n", out)
	_, _, err = shell("exec head -c 1500000000 /dev/zero >/dev/null", opt)
	require.NoError(t, err)
}

func TestRunLetsItUndo(t *testing.T) {
	out, _, err := shell("sleep 60 >/dev/null 2>&1 & trap 'kill $!; echo undone; exit' TERM; echo begun; wait", Options{Limit: 60 * time.Millisecond, Grace: time.Minute})
	var hung *HungError
	require.ErrorAs(t, err, &hung)
	assert.Equal(t, "begun\nundone\n", out)
}

func TestRunReportsAFullDisk(t *testing.T) {
	cmd := exec.Command("echo", "x")
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer full.Close()
	cmd.Stdout = full
	assert.ErrorIs(t, Run(context.Background(), cmd, Options{Limit: time.Minute, Hold: true}), syscall.ENOSPC)
}

// A fake is a child in the time of synctest.
type fake struct {
	child
	end     chan error
	signals []string // with the time since the beginning
}

func newFake() *fake {
	f := &fake{end: make(chan error, 1)}
	begin := time.Now()
	f.child = child{
		ended:    f.end,
		signal:   func(s os.Signal) { f.signals = append(f.signals, fmt.Sprint(s, " ", time.Since(begin))) },
		progress: func() string { return "the same" },
		asked:    func() string { return "/efi" },
	}
	return f
}

func TestSuperviseKillsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		err, itself := f.supervise(context.Background(), Options{Limit: 2 * time.Second})
		assert.EqualError(t, err, "/efi: no answer within 2s")
		assert.False(t, itself)
		assert.Equal(t, []string{"killed 2s"}, f.signals)
	})
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		_, _ = f.supervise(context.Background(), Options{Limit: 10 * time.Second, Grace: 2 * time.Second})
		assert.Equal(t, []string{"terminated 10s", "killed 12s"}, f.signals, "even where it does not want to end")
	})
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		time.AfterFunc(11*time.Second, func() { f.end <- nil })
		err, itself := f.supervise(context.Background(), Options{Limit: 10 * time.Second, Grace: 2 * time.Second})
		assert.Error(t, err)
		assert.False(t, itself)
		assert.Equal(t, []string{"terminated 10s"}, f.signals, "it has undone what it began")
	})
}

func TestSuperviseAllowsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		n := 0
		f.progress = func() string { n++; return fmt.Sprint(n) }
		failed := errors.New("failed")
		time.AfterFunc(time.Hour, func() { f.end <- failed })
		err, itself := f.supervise(context.Background(), Options{Limit: time.Second})
		assert.Equal(t, failed, err)
		assert.True(t, itself)
		assert.Empty(t, f.signals)
	})
}

func TestSuperviseEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err, itself := f.supervise(ctx, Options{Limit: time.Minute, Grace: time.Second})
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.False(t, itself)
		assert.Equal(t, []string{"terminated 1s", "killed 2s"}, f.signals)
	})
}
