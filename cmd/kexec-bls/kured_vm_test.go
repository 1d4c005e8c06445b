//go:build vm

package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLongKuredSchema builds the kustomization and decodes its objects as the
// API server does; it fetches and builds Kubernetes' own code for that.
func TestLongKuredSchema(t *testing.T) {
	dir, err := filepath.Abs("dist/kured")
	require.NoError(t, err)
	cmd := exec.Command("go", "run", ".", dir)
	cmd.Dir = "testdata/kured-schema"
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("%s", exit.Stderr)
	}
	require.NoError(t, err)
	assert.Equal(t, 6, strings.Count(string(out), "\n"), "objects")
	assert.Contains(t, string(out), "ghcr.io/kubereboot/kured:"+kuredVersion)
}
