package watch

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMeter(t *testing.T) {
	var m meter
	at := time.Unix(0, 0)
	for _, look := range []struct {
		after    time.Duration
		progress string
		want     time.Duration
	}{
		{0, "a", 0},
		{tick, "a", tick},
		{tick, "b", tick}, // it did something
		{tick, "", tick},  // it runs
		{tick, "", tick},  // it still does
		{tick, "b", tick}, // it did something
		{tick, "b", 2 * tick},
		{time.Hour, "b", 4 * tick}, // we did not get to run
	} {
		at = at.Add(look.after)
		assert.Equal(t, look.want, m.add(at, look.progress), "%v", look)
	}
}

func TestProgress(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	waiting := func() string {
		var text string
		require.Eventually(t, func() bool { text = progress(cmd.Process.Pid); return text != "" }, 20*time.Second, time.Millisecond)
		return text
	}
	require.Eventually(t, func() bool {
		first := waiting()
		return waiting() == first
	}, 20*time.Second, time.Millisecond)
	before := waiting()
	assert.Regexp(t, `^\d+\+\d+ rchar: \d+\n`, before)
	_, err = in.Write([]byte("x"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return waiting() != before }, 20*time.Second, time.Millisecond, "it has read something")
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait())
	assert.Empty(t, progress(cmd.Process.Pid), "it has ended")
	assert.Empty(t, progress(os.Getpid()), "this one runs")
}
