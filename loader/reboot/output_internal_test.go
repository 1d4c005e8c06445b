package reboot

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestJoined: whatever a program writes becomes one line of printable text.
func TestJoined(t *testing.T) {
	for name, c := range map[string]struct{ output, want string }{
		"nothing":                {"", ""},
		"blank lines":            {"\n \n\t\n", ""},
		"one line":               {"no bus\n", "no bus"},
		"no end of the line":     {"no bus", "no bus"},
		"two lines":              {"no bus\ntry again\n", "no bus; try again"},
		"blanks around and in":   {"  a \t b  \n", "a b"},
		"carriage returns":       {"10%\r20%\r\n", "10% 20%"},
		"control characters":     {"\x1b]0;title\x07x\x00y\x7f\n", "]0;title x y"},
		"a C1 control character": {"a\u009bb", "a b"},
		"not UTF-8":              {"a\xff\xfeb", "a b"},
		"a mark of direction":    {"a\u202eb", "a b"},
		"a line separator":       {"a\u2028b", "a b"},
		"other languages":        {"Zugriff verweigert: „größer“ 拒否", "Zugriff verweigert: „größer“ 拒否"},
	} {
		got := joined(c.output)
		assert.Equal(t, c.want, got, name)
		assert.Equal(t, got, joined(got), "%s: a second time changes nothing", name)
	}
}

// TestHead keeps the first bytes, in whatever parts they come, and takes all: a
// program that writes more is not stopped by it.
func TestHead(t *testing.T) {
	const text = "0123456789"
	for limit := range len(text) + 2 {
		for part := 1; part <= len(text); part++ {
			h := head{limit: limit}
			for rest := text; rest != ""; rest = rest[min(part, len(rest)):] {
				p := rest[:min(part, len(rest))]
				n, err := h.Write([]byte(p))
				require.NoError(t, err)
				require.Equal(t, len(p), n)
			}
			require.Equal(t, text[:min(limit, len(text))], h.b.String(), "limit %d, part %d", limit, part)
		}
	}
}

// TestUnknownFlag reads the text of getopt_long(3) and nothing that resembles it.
func TestUnknownFlag(t *testing.T) {
	refused := func(output string) error {
		return &RefusedError{Command: "systemctl kexec", Output: output, Err: errors.New("exit status 1")}
	}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"no error":              {nil, ""},
		"not of a program":      {errors.New("unrecognized option '--when'"), ""},
		"a flag":                {refused("systemctl: unrecognized option '--no-wall'"), "--no-wall"},
		"a flag with its value": {refused("systemctl: unrecognized option '--when=+1h'"), "--when"},
		"a value with quotes":   {refused("systemctl: unrecognized option '--message=don't'; Try --help"), "--message"},
		"further down":          {fmt.Errorf("arch.conf: %w", refused("warning; systemctl: unrecognized option '--when'")), "--when"},
		"cut short":             {refused("systemctl: unrecognized option '--wh"), "--wh"},
		"another refusal":       {refused("Failed to parse --when"), ""},
		"nothing":               {refused(""), ""},
	} {
		assert.Equal(t, c.want, unknown(c.err), name)
	}
}

// TestBlocking: only what blocks a shutdown does, each holder with its process.
func TestBlocking(t *testing.T) {
	lock := func(what, mode string) string { return fmt.Sprintf(`[%q,"apt","busy",%q,0,4194304]`, what, mode) }
	const apt = `"apt" (PID 4194304) inhibits the reboot: busy`
	for name, c := range map[string]struct {
		locks []string
		want  []string
	}{
		"none":                     {nil, nil},
		"shutdown":                 {[]string{lock("shutdown", "block")}, []string{apt}},
		"among others":             {[]string{lock("sleep:shutdown:idle", "block")}, []string{apt}},
		"two":                      {[]string{lock("shutdown", "block"), lock("idle", "block"), lock("shutdown", "block")}, []string{apt, apt}},
		"a delay":                  {[]string{lock("shutdown", "delay")}, nil},
		"weakly":                   {[]string{lock("shutdown", "block-weak")}, nil},
		"a name that begins so":    {[]string{lock("shutdown-x", "block")}, nil},
		"no colon between":         {[]string{lock("sleep shutdown", "block")}, nil},
		"a field too many":         {[]string{`["shutdown","a","b","block",0,1,2]`}, nil},
		"a field too few":          {[]string{`["shutdown","a","b","block",0]`}, nil},
		"text for a terminal":      {[]string{`["shutdown","a\u001b[31m","b\nc","block",0,7]`}, []string{`"a [31m" (PID 7) inhibits the reboot: b; c`}},
		"a number for what it is":  {[]string{`[5,"a","b","block",0,1]`}, nil},
		"a number for who it is":   {[]string{`["shutdown",5,"b","block",0,1]`}, []string{`"5" (PID 1) inhibits the reboot: b`}},
		"what follows is not lost": {[]string{`["shutdown"]`, lock("shutdown", "block")}, []string{apt}},
	} {
		answer := `{"type":"a(ssssuu)","data":[[` + strings.Join(c.locks, ",") + `]]}`
		assert.Equal(t, c.want, blocking([]byte(answer)), name)
	}
}

// TestBlockingCutAnywhere: half an answer is none.
func TestBlockingCutAnywhere(t *testing.T) {
	const answer = `{"type":"a(ssssuu)","data":[[["shutdown","apt","busy","block",0,1]]]}`
	require.Len(t, blocking([]byte(answer)), 1)
	for n := range answer {
		require.Empty(t, blocking([]byte(answer[:n])), n)
	}
}
