package secureboot_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/secureboot"
)

// A corpus is what fixtures/secureboot.sh made.
type corpus struct {
	dir    string
	images map[string][]byte
}

func openCorpus(t testing.TB) corpus {
	t.Helper()
	c := corpus{fixtures.Corpus(t, "secureboot.tar.zst"), map[string][]byte{}}
	paths, err := filepath.Glob(filepath.Join(c.dir, "*.efi"))
	require.NoError(t, err)
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".efi")
		c.images[name], err = os.ReadFile(path)
		require.NoError(t, err)
	}
	require.NotEmpty(t, c.images)
	return c
}

func (c corpus) variable(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, name))
	require.NoError(t, err)
	return b
}

// firmware are the variables of a machine without shim.
func (c corpus) firmware(t testing.TB) secureboot.Variables {
	return secureboot.Variables{DB: c.variable(t, "db"), DBX: c.variable(t, "dbx")}
}

// shim are those of a machine with shim.
func (c corpus) shim(t testing.TB) secureboot.Variables {
	v := c.firmware(t)
	v.Shim = true
	v.MokList, v.MokListX, v.SBATLevel = c.variable(t, "MokListRT"), c.variable(t, "MokListXRT"), c.variable(t, "SbatLevelRT")
	return v
}

func databases(t testing.TB, v secureboot.Variables) secureboot.Databases {
	t.Helper()
	d, err := secureboot.New(v)
	require.NoError(t, err)
	return d
}

// verify returns the reason of a refusal, "" for none.
func verify(t testing.TB, d secureboot.Databases, image []byte) secureboot.Reason {
	t.Helper()
	err := d.Verify(bytes.NewReader(image), int64(len(image)))
	if err == nil {
		return ""
	}
	var refused *secureboot.RefusedError
	require.True(t, errors.As(err, &refused), err)
	require.NotContains(t, err.Error(), "\n")
	return refused.Reason
}
