package flags

import (
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader"
)

func TestTimespan(t *testing.T) {
	f := Timespan{Min: 10 * time.Second, Max: 24 * time.Hour}
	assert.Empty(t, f.String())
	for text, want := range map[string]time.Duration{
		"3min": 3 * time.Minute, "180": 3 * time.Minute, "1h 30min": 90 * time.Minute, "1m30s": 90 * time.Second, "10sec": 10 * time.Second, "24hr": 24 * time.Hour,
	} {
		require.NoError(t, f.Set(text), text)
		assert.Equal(t, want, f.Duration, text)
		require.NoError(t, f.Set(f.String()), "its own text")
		assert.Equal(t, want, f.Duration)
	}
	for _, text := range []string{"x", "2days", "-3min", "3 4x"} {
		assert.ErrorContains(t, f.Set(text), "must be a time span such as 3min; got", text)
	}
	for _, text := range []string{"", "9s", "25h", "999999s"} {
		assert.ErrorContains(t, f.Set(text), "must be between 10s and 24h; got", text)
	}
}

func TestIsTimespan(t *testing.T) {
	for text, want := range map[string]bool{"5min": true, "90s": true, "5": false, "": false, "arch-lts": false, "6.12": false} {
		assert.Equal(t, want, IsTimespan(text), text)
	}
}

// TestRequest is every flag of a request, as a command line has them.
func TestRequest(t *testing.T) {
	var r loader.Request
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.Var((*Texts)(&r.Append), "append", "")
	f.Var(Optional{&r.Replace}, "command-line", "")
	f.Var((*IDs)(&r.Ignore), "ignore", "")
	f.Var((*Syscall)(&r.Syscall), "syscall", "")
	require.NoError(t, f.Parse(nil))
	assert.Equal(t, loader.Request{}, r)
	for _, name := range []string{"append", "command-line", "ignore", "syscall"} {
		assert.Empty(t, f.Lookup(name).Value.String(), "no default in the help")
		assert.NotEmpty(t, f.Lookup(name).Value.Type())
	}

	require.NoError(t, f.Parse([]string{"--append=a b", "--append=c,d", "--command-line=", "--ignore=vfio,memory", "--ignore=all", "--syscall=file"}))
	empty := loader.Text("")
	assert.Equal(t, loader.Request{
		Append: []loader.Text{"a b", "c,d"}, Replace: &empty, Ignore: []loader.FindingID{"vfio", "memory", "all"}, Syscall: "file",
	}, r)
	assert.Equal(t, "vfio,memory,all", f.Lookup("ignore").Value.String())
	assert.Equal(t, "c,d", f.Lookup("append").Value.String())
	for value, want := range map[string]string{"vfoi": "did you mean vfio?", "memory,": "", "ALL": "did you mean all?"} {
		err := f.Lookup("ignore").Value.Set(value)
		assert.ErrorContains(t, err, "no finding has the id", value)
		assert.Equal(t, want, hint.Of(err), value)
	}
	assert.ErrorContains(t, f.Parse([]string{"--syscall=fiel"}), `must be one of auto, file, classic; got "fiel"`)
	require.NoError(t, f.Parse([]string{"--command-line=x y"}))
	assert.Equal(t, "x y", f.Lookup("command-line").Value.String())
}
