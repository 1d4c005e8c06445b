package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestRefusedBeforeTheLoad is every command line and configuration that is invalid
// whatever the machine is like.
func TestRefusedBeforeTheLoad(t *testing.T) {
	f, esp := newFake(t, archFiles())
	for _, flag := range []string{"--ignore=", "--ignore=nosuch", "--ignore=memory,nosuch", "--remove=", "--syscall=", "--esp-path=", "--try="} {
		for _, args := range [][]string{{"load"}, {"reboot"}, {"reboot", "-n"}, {"check"}} {
			if args[0] == "load" && flag == "--try=" || args[0] == "check" && flag == "--syscall=" {
				continue
			}
			got := f.run(append(args, "--esp-path="+esp, flag)...)
			assert.Equal(t, exitUsage, got.code, "%q %s: %s", args, flag, got.stderr)
			assert.Empty(t, got.stdout)
		}
	}
	assert.Contains(t, f.run("load", "--ignore=memroy").stderr, `kexec-bls: --ignore: no finding has the id "memroy"; did you mean memory?`)
	write(t, f.dir, map[string]string{"etc/kexec-bls.toml": "[check]\nignore = ['memroy']\n"})
	for _, args := range [][]string{{"load"}, {"reboot"}, {"reboot", "-n"}, {"check"}, {"reboot", "--loaded"}, {"reboot", "--firmware"}} {
		got := f.run(append(args, "--esp-path="+esp)...)
		assert.Equal(t, exitFailed, got.code, "%q", args)
		assert.Contains(t, got.stderr, `kexec-bls.toml: check.ignore: no finding has the id "memroy"; did you mean memory?`, "%q", args)
	}
	assert.Empty(t, f.acts)
}
