package grub

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFlow writes a trace of what runs into x.
func TestFlow(t *testing.T) {
	for script, want := range map[string]string{
		"for i in a b c; do x=$x$i; done":                                              "abc",
		"for i in a b c; do x=$x$i; break; x=${x}-; done; x=${x}.":                     "a.",
		"for i in a b c; do continue; x=${x}$i; done; x=${x}.":                         ".",
		"for i in a b; do for j in 1 2; do x=$x$i$j; break; done; done":                "a1b1",
		"for i in a b; do for j in 1 2; do x=$x$i$j; continue; x=-; done; done":        "a1a2b1b2",
		"for i in a b; do while true; do x=$x$i; break; done; x=$x.; done":             "a.b.",
		"for i in; do x=1; done":                                                       "",
		"for i in a b; do true; done; x=$i":                                            "b",
		"for i in $none 'c d'; do x=\"$x[$i]\"; done":                                  "[c d]",
		"while false; do x=1; done":                                                    "",
		"until true; do x=1; done":                                                     "",
		"n=0; while [ $n != 3 ]; do increment n; x=$x$n; done":                         "123",
		"n=0; until [ $n = 3 ]; do increment n; x=$x$n; done":                          "123",
		"n=0; while true; do increment n; if [ $n = 2 ]; then break; fi; x=$x$n; done": "1",
		"n=0; while true; false; do x=1; done":                                         "", // the last command decides
		"if true; then x=1; else x=2; fi":                                              "1",
		"if false; then x=1; else x=2; fi":                                             "2",
		"if false; then x=1; fi; x=$x$?":                                               "0",
		"if false; then x=1; elif true; then x=2; else x=3; fi":                        "2",
		"if false; true; then x=1; fi":                                                 "1",
		"if true; false; then x=1; fi":                                                 "",
		"if true; then false; fi; x=$?":                                                "1",
		"function f {\n x=1\n}; x=0":                                                   "0",
		"function f {\n x=$x$1\n}; f a; f b":                                           "ab",
		"function f {\n x=1\n return\n x=2\n}; f; x=$x.":                               "1.",
		"function f {\n return 1\n}; f; x=$?":                                          "1",
		"function f {\n return 0\n}; false; f; x=$?":                                   "0",
		"function f {\n false\n return\n}; f; x=$?":                                    "1",
		"function f {\n return 0 1\n x=2\n}; f":                                        "2", // too many arguments: it goes on
		"function f {\n for i in a b; do x=$x$i; return; done\n x=-\n}; f; x=$x.":      "a.",
		"function f {\n while true; do return; done\n}; f; x=1":                        "1",
		"function f {\n if true; then return; fi; x=1\n}; f; x=$x.":                    ".",
		"function f {\n if return; then x=1; fi; x=2\n}; f; x=$x.":                     ".",
		"function f {\n while return; do x=1; done; x=2\n}; f; x=$x.":                  ".",
		"function f {\n g $1\n x=$x$1\n}; function g {\n x=$x$1-\n return\n}; f a":     "a-a",
		"function f {\n setparams b\n x=$1\n}; f a":                                    "b",
		"function f {\n x=1\n}; function f {\n x=2\n}; f":                              "2",
		"function true {\n x=1\n}; true; x=${x}.":                                      ".", // a command wins
		"function echo {\n x=1\n}; echo; x=${x}.":                                      "1.",
		"f=1; x=$f":                    "1",
		"function f=1 {\n x=1\n}; x=0": "error",
		"break; x=1":                   "1", // outside of a loop they do nothing
		"continue; x=1":                "1",
		"function f {\n break\n x=$x.\n}; for i in a b; do f; x=$x$i; done":                             ".a.b",
		"for i in a b; do for j in 1 2; do x=$x$i$j; break 2; done; x=-; done; x=$x.":                   "a1.",
		"for i in a b; do for j in 1 2; do x=$x$i$j; continue 2; done; x=-; done; x=$x.":                "a1b1.",
		"for h in p q; do for i in a b; do for j in 1 2; do x=$x$h; continue 3; done; done; x=-; done":  "pq",
		"for h in p q; do for i in a b; do for j in 1 2; do x=$x$h$i; break 2; done; done; x=$x.; done": "pa.qa.",
		"for i in a b; do x=$x$i; break 9; done; x=$x.":                                                 "a.",
		"for i in a b; do if break 0; then true; else x=$x$i; fi; done":                                 "ab",
		"for i in a b; do if break y; then true; else x=$x$i; fi; done":                                 "ab",
		"for i in a b; do if continue 1 1; then true; else x=$x$i; fi; done":                            "ab",
		"while break; do x=1; done; x=$x.":                                                              ".",
		"for i in a b; do if break; then x=1; fi; done; x=$x$i":                                         "a",
		"for i in a b; do source /break.cfg; x=$x$i; done; x=$x.":                                       ".",
		"false; for i in; do true; done; x=$?":                                                          "0",
		"while false; do true; done; x=$?":                                                              "1",
		"until true; do true; done; x=$?":                                                               "0",
		"function f {\n return y\n x=2\n}; f":                                                           "2",
		"function f {\n return -1\n x=2\n}; f":                                                          "2",
		"function f {\n shift 2\n x=$1$#\n}; f a b c":                                                   "c1",
		"function f {\n shift 0\n x=$1$#\n}; f a b":                                                     "a2",
		"function f {\n shift\n x=$*\n}; f a":                                                           "",
		"function f {\n if shift 3; then x=1; else x=$1$#; fi\n}; f a b":                                "a2",
		"function f {\n if shift 1 1; then x=1; else x=$1$#; fi\n}; f a b":                              "a2",
		"function f {\n if shift y; then x=1; else x=$1$#; fi\n}; f a b":                                "a2",
		"function f {\n g\n x=$x$#\n}; function g {\n setparams 1 2 3\n x=$#\n}; f a":                   "31",
		"shift 5; x=$?$1$#.":                              "0.", // no function, no parameters
		"if setparams a; then x=1; else x=2$1; fi":        "2",
		"source /inc.cfg; x=$x.":                          "i.",
		". /inc.cfg; . /inc.cfg":                          "ii",
		"source /inc.cfg; g; x=$x.":                       "ig.",
		"function f {\n source /inc.cfg\n x=$x$p\n}; f a": "ia",
		"for i in 1 2; do source /inc.cfg; done":          "ii",
		"function f {\n source /inc.cfg\n x=$x.\n}; f":    "i.",
	} {
		d := disk{"inc.cfg": "x=${x}i\np=$1\nfunction g {\n x=${x}g\n}\n", "break.cfg": "break\nx=1\n"}
		r := newRunner(d.machine(script))
		err := r.begin()
		if want == "error" {
			assert.Error(t, err, script)
			continue
		}
		require.NoError(t, err, script)
		assert.Equal(t, want, r.value("x"), script)
		assert.Equal(t, []int{0, 0}, []int{r.calls, r.functions}, script)
	}
}

// TestRunIsBounded: as many commands and calls as are allowed.
func TestRunIsBounded(t *testing.T) {
	r := disk{}.bare()
	r.steps = maxSteps - 2
	require.NoError(t, r.script("f", "true\ntrue"))
	assert.EqualError(t, r.script("f", "true"), "cannot determine what GRUB boots: f: the script runs more than 100000 commands")

	const call = "function f {\n if [ $1 != 0 ]; then n=$1; decrement n; f $n; fi\n}\n"
	_, err := disk{}.called(call + "f " + itoa(maxCalls-2))
	require.NoError(t, err)
	_, err = disk{}.called(call + "f " + itoa(maxCalls-1))
	assert.EqualError(t, err, "cannot determine what GRUB boots: /grub2/grub.cfg:2: functions are nested too deep")

	r = disk{}.bare()
	r.calls = maxCalls
	assert.EqualError(t, r.script("f", ""), "cannot determine what GRUB boots: scripts are nested too deep")
}

func (d disk) called(script string) (*runner, error) {
	r := newRunner(d.machine(script))
	return r, r.begin()
}

// TestSourceErrors: what cannot be read, and return from a file that a function reads.
func TestSourceErrors(t *testing.T) {
	d := disk{"back.cfg": "true\nreturn\n", "bad.cfg": "true\n\nfi\n", "dir/x": ""}
	for script, want := range map[string]string{
		"true\nfunction f {\n source /back.cfg\n}\nf": "/grub2/grub.cfg:3: /back.cfg: return in a file that a function sources",
		"source /bad.cfg":     `/bad.cfg:3: unexpected "fi"`,
		"configfile /bad.cfg": `/bad.cfg:3: unexpected "fi"`,
		"true\nfrobnicate\n":  `/grub2/grub.cfg:2: the effect of command "frobnicate" is not known here`,
		"linux /x":            "/grub2/grub.cfg:1: linux runs outside of a menu entry",
		"initrd /x":           "/grub2/grub.cfg:1: initrd runs outside of a menu entry",
		"\nfwsetup":           "/grub2/grub.cfg:2: fwsetup runs outside of a menu entry",
	} {
		_, err := d.called(script)
		assert.EqualError(t, err, "cannot determine what GRUB boots: "+want, script)
	}
	for _, script := range []string{"source", "source /none", "source /dir", "configfile", "configfile /none", "configfile /dir", ". none", "source (none)/x"} {
		r := d.ran(t, script)
		assert.Equal(t, failure, r.status, script)
	}
	r := d.ran(t, "source /back.cfg")
	assert.Equal(t, failure, r.status, "return is an error where no function runs")
}
