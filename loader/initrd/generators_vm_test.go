//go:build vm

package initrd_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

// wholeReport prints one line for each file of the whole tree, as report does. What the
// kernel and the agent make is left out.
const wholeReport = `cd /
find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./tmp -o -path ./run \) -prune -o -print | while IFS= read -r p; do
	n=$(stat -c %h "$p") d=
	if [ -L "$p" ]; then d=$(readlink "$p")
	elif [ -d "$p" ]; then n=-
	elif [ -f "$p" ]; then d=$(stat -c %s "$p")
	fi
	echo "$p|$(stat -c '%f|%u:%g|%t,%T' "$p")|$n|$d"
done | sort | tee /tmp/tree; find . -xdev -type f ! -path './tmp/*' -exec sha1sum {} + | sort | sha1sum`

// The images of dracut and initramfs-tools, as they wrote them: what lsinitramfs
// lists is listed, nothing is found, and the kernel makes the same tree of what is
// joined and of what is flat, with each file of the list in it.
func TestLongGenerators(t *testing.T) {
	for name, path := range vm.FindInitrds(t) {
		t.Run(name, func(t *testing.T) {
			image, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, listed(t, path), names(list(t, image, initrd.WalkOptions{})))
			assert.Empty(t, walk(t, image, initrd.WalkOptions{Verify: initrd.VerifyAll}).Findings)
			if !strings.HasSuffix(name, "-zstd") {
				return // the kernel's decompressors have tests of their own
			}
			agent := vm.Gzip(t, vm.Archive(t, vm.AgentFiles(t)...))
			joined, _ := join(t, initrd.JoinOptions{}, members(t, image, agent))
			flat, _, err := flatten(t, initrd.FlatOptions{}, members(t, image, agent))
			require.NoError(t, err)
			tree := bootWhole(t, joined)
			assert.Equal(t, tree, bootWhole(t, flat))
			for _, file := range listed(t, path) {
				if top, _, _ := strings.Cut(file, "/"); !slices.Contains([]string{".", "dev", "proc", "run", "sys", "tmp"}, top) {
					assert.Contains(t, tree, "\n./"+file+"|")
				}
			}
		})
	}
}

func bootWhole(t *testing.T, blob []byte) string {
	t.Helper()
	g := vm.Start(t, vm.Config{Kernel: vm.FindKernel(t, vm.SecondKernel), Initrd: blob, Memory: 1024})
	return g.MustRun(wholeReport)
}

// listed are the paths that the generator's own program found.
func listed(t *testing.T, image string) []string {
	t.Helper()
	text, err := os.ReadFile(strings.TrimSuffix(image, filepath.Ext(image)) + ".list")
	require.NoError(t, err)
	return unique(strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"))
}

func names(files []initrd.File) []string {
	var all []string
	for _, f := range files {
		all = append(all, f.Path)
	}
	return unique(all)
}

func unique(paths []string) []string {
	for i := range paths {
		paths[i] = strings.TrimPrefix(paths[i], "./")
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
