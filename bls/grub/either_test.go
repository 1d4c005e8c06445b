package grub

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEither: what an if of an unknown condition may hold, and the variables that are
// unknown after it.
func TestEither(t *testing.T) {
	for body, want := range map[string]string{ // names, or "no"
		"then a=1; fi":                    "a",
		"then set a=1; fi":                "a",
		"then a=1; set b=2; else c=3; fi": "a b c",
		"then true; else a=1; fi":         "a",
		"then true; fi":                   "",
		"then a=$x; b=\"y\"; c='z'; fi":   "a b c",
		"then if true; then a=1; fi; fi":  "a",
		"then if false; then a=1; elif test x; then b=1; else c=1; fi; fi": "a b c",
		"then if [ x ]; then a=1; fi; else b=1; fi":                        "a b",
		"then true; elif [ x ]; then a=1; fi":                              "a",
		"then true; elif frob; then a=1; fi":                               "no",
		"then a=1; blscfg; fi":                                             "no",
		"then echo a=1; fi":                                                "no",
		"then set; fi":                                                     "no",
		"then set a; fi":                                                   "no",
		"then set a=1 b=2; fi":                                             "no",
		"then unset a; fi":                                                 "no",
		"then $x=1; fi":                                                    "no",
		"then 'a'=1; fi":                                                   "no",
		"then a-b=1; fi":                                                   "no",
		"then =1; fi":                                                      "no",
		"then false; fi":                                                   "no",
		"then for a in b; do true; done; fi":                               "no",
		"then while true; do a=1; done; fi":                                "no",
		"then if for x in y; do true; done; then a=1; fi; fi":              "no",
		"then if x=1; then a=1; fi; fi":                                    "no",
		"then true; else blscfg; fi":                                       "no",
		"then m { true; }; fi":                                             "no",
	} {
		r := disk{}.bare()
		err := r.script("f", "\nif hwmatch; "+body)
		if want == "no" {
			assert.EqualError(t, err, `cannot determine what GRUB boots: f:2: the condition of "if" depends on what is not known here`, body)
			continue
		}
		require.NoError(t, err, body)
		var names []string
		for _, name := range []string{"a", "b", "c", "x", "true"} {
			if isUnknown(r.value(name)) {
				names = append(names, name)
			}
		}
		assert.Equal(t, want, strings.Join(names, " "), body)
		assert.Equal(t, success, r.status, body)
	}
}

// TestUnknownCommands: what a command that cannot be run here leaves unknown.
func TestUnknownCommands(t *testing.T) {
	for script, want := range map[string]string{
		"probe --set=a -u x":        "a",
		"probe --set a -u x":        "a",
		"probe -s a -u x":           "a",
		"probe -u x":                "",
		"probe -s":                  "",
		"probe a -s":                "",
		"regexp --set=1:a -s 2:b x": "a b",
		"regexp -s a x y":           "a",
		"smbios --type 1 --set a":   "a",
		"cpuid -l":                  "",
		"getenv --set=a":            "a",
		"hwmatch x 1":               "match",
	} {
		r := disk{}.ran(t, script)
		var names []string
		for _, name := range []string{"a", "b", "match"} {
			if isUnknown(r.value(name)) {
				names = append(names, name)
			}
		}
		assert.Equal(t, want, strings.Join(names, " "), script)
		assert.Equal(t, cannotKnow, r.status, script)
	}
	r := disk{}.ran(t, "probe --set=a x\nincrement a\nb=x$a\nc=$?\n! probe x")
	assert.True(t, isUnknown(r.value("a")) && isUnknown(r.value("b")))
	assert.Equal(t, "0", r.value("c"))
	assert.Equal(t, cannotKnow, r.status, "and so is its opposite")
}

// TestOtherCommands: what each does to the status; the rest stops the script.
func TestOtherCommands(t *testing.T) {
	for script, want := range map[string]status{
		"echo x": success, "terminal_output console": success, "loadfont x": success, "rmmod tpm": success, "password a b": success, "ls": success, "loopback l /f": success,
		"keystatus": success, "keystatus --ctrl": failure, "sleep 1": success, "sleep": success, "devicetree /d": failure,
		"fwsetup --is-supported": failure, "insmod": success, "insmod a b": success,
	} {
		assert.Equal(t, want, disk{}.ran(t, "false\n"+script).status, script)
	}
	m := disk{}.machine("fwsetup --is-supported")
	m.FirmwareSetup = true
	r := newRunner(m)
	require.NoError(t, r.begin())
	assert.Equal(t, success, r.status)
	for _, name := range []string{"boot", "exit", "halt", "reboot", "normal", "chain", "multiboot2", "lua", "parttool", "bootmgr", "nosuchcommand", "Echo", "module"} {
		_, err := disk{}.called(name)
		assert.EqualError(t, err, `cannot determine what GRUB boots: /grub2/grub.cfg:1: the effect of command "`+name+`" is not known here`)
	}
	_, err := disk{}.called("fwsetup --is-supported x")
	assert.ErrorContains(t, err, "fwsetup runs outside of a menu entry")
}
