package reboot

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// TestJumpLine: kexec(8) jumps with -e or --exec, sysvinit's reboot with -k among
// its flags; a script may call them in any place of a line.
func TestJumpLine(t *testing.T) {
	for line, want := range map[string]struct{ jumps, tool bool }{
		"kexec -e\n":                           {true, true},
		"\texec /sbin/kexec --exec\r\n":        {true, true},
		"[ -x /sbin/kexec ] && /sbin/kexec -e": {true, true},
		"if (kexec -e); then":                  {true, true},
		`sh -c "kexec -e"`:                     {true, true},
		"sh -c 'kexec -e' # now":               {true, true},
		"::shutdown:/sbin/kexec -e":            {true, true},
		"true|kexec -e":                        {true, true},
		"sleep 1;kexec -e;":                    {true, true},
		"r6:6:wait:/sbin/reboot -dkn":          {true, false},
		"reboot -k":                            {true, false},
		"reboot -f; kexec -e":                  {true, true},
		"reboot -f":                            {},
		"reboot --kick":                        {},
		"reboot k":                             {},
		"kexec -l /vmlinuz -e":                 {},
		"kexec -l /vmlinuz; echo -e":           {},
		"kexec":                                {},
		"kexec -ex":                            {},
		"mykexec -e":                           {},
		"/sbin/kexec/x -e":                     {},
		"# kexec -e":                           {},
		"reboot -n # -k":                       {},
		"":                                     {},
		"echo kexec-e":                         {},
		"shutdown -k now":                      {},
		"/usr/local/sbin/reboot -k":            {true, false},
		strings.Repeat("x ", 100000) + "kexec -e": {true, true},
	} {
		jumps, tool := jumpLine(line)
		assert.Equal(t, want, struct{ jumps, tool bool }{jumps, tool}, "%.60s", line)
	}
}

// TestFirstScriptCounts: in the order in which they run, and within a script its
// first line that jumps.
func TestFirstScriptCounts(t *testing.T) {
	m := host.Machine{FS: fstest.MapFS{
		"b/2":    {Data: []byte("kexec -e\n")},
		"b/1":    {Data: []byte("umount -a\nreboot -k\nkexec -e\n")},
		"c":      {Data: []byte("kexec -e\n")},
		"large":  {Data: []byte("kexec -e\n" + strings.Repeat("#", 64<<10))},
		"d/sub":  {Mode: 0o755},
		"e/gone": {Data: []byte("nothing")},
	}}
	for name, c := range map[string]struct {
		places []string
		name   string
		tool   bool
	}{
		"a directory before a file": {[]string{"a", "b", "c"}, "b/1", false},
		"a file before a directory": {[]string{"c", "b"}, "c", true},
		"nothing jumps":             {[]string{"a", "e"}, "", false},
		"no places":                 {nil, "", false},
		"more than a script has":    {[]string{"large"}, "", false},
	} {
		got, tool := jumpScript(m, c.places)
		assert.Equal(t, c.name, got, name)
		assert.Equal(t, c.tool, tool, name)
	}
}

// TestKexecIsLookedFor where the PATH of an init system leads, and nowhere else.
func TestKexecIsLookedFor(t *testing.T) {
	for dir, want := range map[string]bool{
		"usr/sbin": true, "usr/bin": true, "sbin": true, "bin": true, "usr/local/sbin": true, "usr/local/bin": true, "opt/bin": false, "root": false, "usr/lib": false,
	} {
		for mode, program := range map[fs.FileMode]bool{0o755: true, 0o644: false} {
			m := host.Machine{FS: fstest.MapFS{dir + "/kexec": {Mode: mode}}}
			require.Equal(t, want && program, hasKexec(m), "%s %o", dir, mode)
		}
	}
}
