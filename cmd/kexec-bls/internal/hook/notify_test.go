package hook

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// served returns what is answered, with | for each NUL, and how often an update was
// told of.
func served(t *testing.T, calls string, fail error) (answers string, updates int, err error) {
	t.Helper()
	var out strings.Builder
	n := Notified{Version: "1.2", Updated: func() error { updates++; return fail }}
	err = n.Serve(struct {
		io.Reader
		io.Writer
	}{strings.NewReader(strings.ReplaceAll(calls, "|", "\x00")), &out})
	return strings.ReplaceAll(out.String(), "\x00", "|"), updates, err
}

func TestNotified(t *testing.T) {
	const update = `{"method":"io.systemd.SysUpdate.Notify.OnCompletedUpdate","parameters":{"version":"2","resources":[{"transfer":"50-uki","path":"/efi/EFI/Linux/box_2.efi"}]}}`
	for name, c := range map[string]struct {
		calls, answers string
		updates        int
	}{
		"update":            {update + "|", `{"parameters":{}}|`, 1},
		"without anything":  {`{"method":"io.systemd.SysUpdate.Notify.OnCompletedUpdate"}|`, `{"parameters":{}}|`, 1},
		"two":               {update + "|" + update + "|", `{"parameters":{}}|{"parameters":{}}|`, 2},
		"no answer wanted":  {`{"oneway":true,"method":"io.systemd.SysUpdate.Notify.OnCompletedUpdate"}|`, "", 1},
		"cut off":           {update, "", 0},
		"nothing":           {"", "", 0},
		"another method":    {`{"method":"a.b.C"}|`, `{"error":"org.varlink.service.MethodNotFound","parameters":{"method":"a.b.C"}}|`, 0},
		"another interface": {`{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"a.b"}}|`, `{"error":"org.varlink.service.InterfaceNotFound","parameters":{"interface":"a.b"}}|`, 0},
		"info": {`{"method":"org.varlink.service.GetInfo"}|`,
			`{"parameters":{"interfaces":["org.varlink.service","io.systemd.SysUpdate.Notify"],"product":"kexec-bls","url":"https://github.com/kexec-bls/kexec-bls","vendor":"kexec-bls","version":"1.2"}}|`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			answers, updates, err := served(t, c.calls, nil)
			require.NoError(t, err)
			assert.Equal(t, c.answers, answers)
			assert.Equal(t, c.updates, updates)
		})
	}
	answers, _, err := served(t, `{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"io.systemd.SysUpdate.Notify"}}|`, nil)
	require.NoError(t, err)
	assert.Contains(t, answers, `method OnCompletedUpdate(component: ?string`)
}

func TestNotifiedFails(t *testing.T) {
	answers, _, err := served(t, `{"method":"io.systemd.SysUpdate.Notify.OnCompletedUpdate"}|`, errors.New("broken"))
	require.ErrorContains(t, err, "broken")
	assert.Empty(t, answers)
	for _, calls := range []string{"no JSON|", "|", `{"method":1}|`, strings.Repeat("x", messageLimit+1)} {
		_, updates, err := served(t, calls, nil)
		require.Error(t, err)
		assert.Zero(t, updates)
	}
}

func TestAwaitBootctl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		states := []string{"activating\n\ninactive\n", "active\n", "failed\n\ninactive\n"}
		m := &loader.Machine{Init: reboot.System{UnitProperty: func(_ context.Context, unit, name string) (string, error) {
			assert.Equal(t, "systemd-sysupdate-notify-bootctl@*.service ActiveState", unit+" "+name)
			now := states[0]
			states = states[1:]
			return now, nil
		}}}
		require.NoError(t, awaitBootctl(t.Context(), m))
		assert.Empty(t, states)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		m.Init.UnitProperty = func(context.Context, string, string) (string, error) { return "active", nil }
		require.ErrorIs(t, awaitBootctl(ctx, m), context.DeadlineExceeded)
		m.Init.UnitProperty = func(context.Context, string, string) (string, error) { return "", errors.New("no bus") }
		require.ErrorContains(t, awaitBootctl(t.Context(), m), "no bus")
	})
}
