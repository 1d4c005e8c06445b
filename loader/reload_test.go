package loader_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/loader"
)

// reload loads again with the request of the receipt; loaded counts the loads.
func (f *fake) reload() (l loader.Loaded, loaded int, err error) {
	opt := loader.ReloadOptions{
		System: func(context.Context) (*entries.System, error) { return f.openSystem() },
		Plan: func(ctx context.Context, r loader.Receipt) (*loader.Plan, error) {
			s, err := f.openSystem()
			if err != nil {
				return nil, err
			}
			e, err := s.Pick(string(r.Request.Entry))
			if err != nil {
				return nil, errors.Join(err, s.Close())
			}
			p, err := loader.NewPlan(ctx, s, e, loader.PlanOptions{Named: r.Request.Entry != "", Request: r.Request})
			if err != nil {
				return nil, errors.Join(err, s.Close())
			}
			return p, nil
		},
		OnLoaded: func(loader.Receipt, error) { loaded++ },
	}
	l, err = f.Reload(f.t.Context(), opt)
	return l, loaded, err
}

func TestReload(t *testing.T) {
	f := newFake(t)
	l, loaded, err := f.reload()
	require.NoError(t, err)
	assert.Equal(t, loader.None, l.State)
	assert.Zero(t, loaded)

	f.load("other")
	l, loaded, err = f.reload()
	require.NoError(t, err)
	assert.Equal(t, loader.Fresh, l.State)
	assert.Zero(t, loaded)

	f.write(map[string]string{"esp/b.img": archive("newer"), "esp/loader/entries/other.conf": "linux /vmlinuz\ninitrd /b.img\noptions more\n"})
	l, loaded, err = f.reload()
	require.NoError(t, err)
	assert.Equal(t, loader.Fresh, l.State)
	assert.Equal(t, 1, loaded)
	assert.Equal(t, archive("newer"), f.initrd)
	assert.Equal(t, "more", f.cmdline)
}

// TestReloadFollowsTheDefault, but not where the entry was named.
func TestReloadFollowsTheDefault(t *testing.T) {
	for name, want := range map[string]string{"": "other", "arch": "root=/dev/vda2 rw quiet"} {
		f := newFake(t)
		f.load(name)
		f.write(map[string]string{"esp/loader/loader.conf": "default other*\n"})
		_, _, err := f.reload()
		require.NoError(t, err)
		assert.Equal(t, want, f.cmdline, name)
	}
}

// TestReloadAgain: an upgrade writes one file after the other.
func TestReloadAgain(t *testing.T) {
	f := newFake(t)
	f.load("")
	f.write(map[string]string{"esp/b.img": archive("newer")})
	loads := 0
	f.loading = func() { // only the entry: the load itself does not notice
		if loads++; loads == 1 {
			f.write(map[string]string{"esp/loader/entries/arch.conf": "linux /vmlinuz\noptions later\n"})
		}
	}
	l, loaded, err := f.reload()
	require.NoError(t, err)
	assert.Equal(t, loader.Fresh, l.State)
	assert.Equal(t, 2, loaded)
	assert.Equal(t, "later", f.cmdline)
	assert.Empty(t, f.initrd)
}

func TestReloadEndsOnce(t *testing.T) {
	f := newFake(t)
	f.load("")
	f.write(map[string]string{"esp/b.img": archive("newer")})
	options := "linux /vmlinuz\noptions a"
	f.loading = func() {
		options += "a"
		f.write(map[string]string{"esp/loader/entries/arch.conf": options + "\n"})
	}
	_, loaded, err := f.reload()
	require.ErrorContains(t, err, "files still change after 5 loads")
	assert.Equal(t, 5, loaded)
}

// TestReloadThatDoesNotHelp: a load that changes nothing is not repeated.
func TestReloadThatDoesNotHelp(t *testing.T) {
	f := newFake(t)
	f.load("other")
	require.NoError(t, os.RemoveAll(f.path("usr/lib/modules/6.12.1")))
	l, loaded, err := f.reload()
	require.NoError(t, err)
	assert.Equal(t, loader.Stale, l.State)
	assert.Equal(t, 1, loaded)
}

func TestReloadOnlyEntries(t *testing.T) {
	f := newFake(t)
	f.there = true
	l, loaded, err := f.reload()
	require.NoError(t, err)
	assert.Equal(t, loader.Foreign, l.State, "another program's")
	assert.Zero(t, loaded)

	p, err := loader.NewFilePlan(t.Context(), f.Host, f.path("esp/vmlinuz"), []string{f.path("esp/b.img")}, loader.PlanOptions{})
	require.NoError(t, err)
	defer p.Close()
	r, err := f.Load(t.Context(), p, loader.LoadOptions{})
	require.NoError(t, err)
	assert.Equal(t, f.path("esp/vmlinuz"), r.Name())
	f.write(map[string]string{"esp/b.img": archive("newer")})
	l, loaded, err = f.reload()
	require.ErrorIs(t, err, loader.ErrUnrepeatable)
	assert.Equal(t, loader.Stale, l.State)
	assert.Zero(t, loaded)
}

func TestReloadThatFails(t *testing.T) {
	f := newFake(t)
	f.load("other")
	require.NoError(t, os.Remove(f.path("esp/b.img")))
	_, loaded, err := f.reload()
	require.ErrorContains(t, err, "b.img")
	assert.Zero(t, loaded)
	assert.True(t, f.there, "what is loaded remains")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.Settle = time.Hour
	_, err = f.Reload(ctx, loader.ReloadOptions{})
	require.ErrorIs(t, err, context.Canceled)
}
