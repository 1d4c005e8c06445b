package loader_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader"
)

// TestReasonsName what they are about, so that no program has to read their text.
func TestReasonsName(t *testing.T) {
	f := newFake(t)
	f.load("")
	f.write(map[string]string{
		"esp/b.img": archive("c") + "longer", "esp/loader/loader.conf": "default other*\n", "esp/loader/entries/arch.conf": "linux /vmlinuz\n",
	})
	var ids []loader.ReasonID
	for _, r := range f.status(loader.StatusOptions{}).Reasons {
		ids = append(ids, r.ID)
		if r.ID == loader.ReasonFileChanged {
			assert.Contains(t, r.Text, f.path("esp/b.img"))
			assert.EqualValues(t, f.path("esp/b.img"), r.Path)
		}
	}
	assert.Equal(t, []loader.ReasonID{loader.ReasonFileChanged, loader.ReasonDefault, loader.ReasonEntry}, ids)

	f = newFake(t)
	f.write(map[string]string{"proc/cmdline": "root=/dev/vda2 x quiet"})
	n, err := loader.Next(t.Context(), f.open(), loader.PlanOptions{})
	require.NoError(t, err)
	assert.Equal(t, loader.Reasons{
		{ID: loader.ReasonRelease, Text: "kernel 6.1.0 runs, arch.conf would boot 6.12.1"},
		{ID: loader.ReasonRemoved, Text: "command line: - x", Parameter: "x"},
		{ID: loader.ReasonAdded, Text: "command line: + rw", Parameter: "rw"},
	}, n.Reasons)

	unknown := loader.Unknown(hint.Errorf("power-cycle the machine", "no answer"))
	assert.Equal(t, loader.Reasons{{ID: loader.ReasonUnknown, Text: "no answer", Hint: "power-cycle the machine"}}, unknown)
	assert.Equal(t, "no answer; power-cycle the machine", unknown.String())
}
