package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHookPacmanSaysWhatBootsNext(t *testing.T) {
	f, esp := newFake(t, archFiles())
	got := f.run("hook", "pacman", "--esp-path="+esp)
	assert.Equal(t, exitDone, got.code)
	assert.Contains(t, got.stderr, "kernel 6.1.0 runs, arch.conf would boot 6.12.1")
	assert.Empty(t, f.acts)
}
