package loader_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader"
)

// TestBrokenPlan: all that is known is why, and a load refuses it.
func TestBrokenPlan(t *testing.T) {
	f := newFake(t)
	require.NoError(t, os.Remove(f.path("esp/b.img")))
	sys := f.open()
	e, err := sys.Pick("arch")
	require.NoError(t, err)
	opt := loader.PlanOptions{Named: true, Try: &loader.TryOptions{}}
	_, why := loader.NewPlan(t.Context(), sys, e, opt)
	require.ErrorIs(t, why, os.ErrNotExist)
	p := loader.NewBrokenPlan(sys, e, opt, why)
	defer p.Close()

	assert.Equal(t, "arch.conf", p.Name())
	assert.EqualError(t, p.Broken(), why.Error())
	found := p.Findings()
	require.Len(t, found, 1)
	assert.Equal(t, loader.FindingPlan, found[0].ID)
	assert.Equal(t, "initrd: "+f.path("esp/b.img")+": no such file or directory", found[0].Text)
	assert.Equal(t, "regenerate it (mkinitcpio -P, update-initramfs -u, dracut -f), or fix the entry", found[0].Hint)
	assert.Empty(t, p.Changes(), "no difference is known")
	assert.Contains(t, f.Check(t.Context(), p, loader.CheckOptions{}), found[0])
	_, _, trying := f.Try(p)
	assert.False(t, trying)
	_, err = f.Load(t.Context(), p, loader.LoadOptions{})
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.Empty(t, f.acts)
}

func TestParseFinding(t *testing.T) {
	for _, topic := range loader.Topics() {
		id, err := loader.ParseFinding(string(topic.ID))
		require.NoError(t, err)
		assert.Equal(t, topic.ID, id)
	}
	id, err := loader.ParseFinding("all")
	require.NoError(t, err)
	assert.Equal(t, loader.AllFindings, id)
	for text, want := range map[string]string{"": "", "nosuch": "", "memroy": "did you mean memory?", "Memory": "did you mean memory?"} {
		id, err := loader.ParseFinding(text)
		require.ErrorContains(t, err, "no finding has the id", text)
		assert.Equal(t, want, hint.Of(err), text)
		assert.Empty(t, id)
	}
}
