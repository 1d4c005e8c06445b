package reboot_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

func TestValid(t *testing.T) {
	for _, value := range []string{"", "auto", "yes", "no", "True", "0"} {
		assert.NoError(t, reboot.Options{CheckInhibitors: value}.Valid(), value)
	}
	assert.EqualError(t, reboot.Options{CheckInhibitors: "maybe"}.Valid(), `must be one of auto, yes, no; got "maybe"`)
	assert.Error(t, reboot.Running().Check(t.Context(), reboot.Options{CheckInhibitors: "maybe"}))
}

// onlyPath makes programs the only ones that are found.
func onlyPath(t *testing.T, programs ...fake) {
	dir := t.TempDir()
	for _, f := range programs {
		require.NoError(t, os.Symlink(f.path, filepath.Join(dir, filepath.Base(f.path))))
	}
	t.Setenv("PATH", dir)
}

func TestTimeIsCheckedBefore(t *testing.T) {
	refuse := program(t, "systemd-analyze", `echo "Failed to parse \"$3\": Invalid argument" >&2; exit 1`)
	onlyPath(t, refuse)
	err := reboot.Running().Check(t.Context(), reboot.Options{When: "25:99"})
	require.EqualError(t, err, `cannot read the time "25:99"`)
	assert.Contains(t, hint.Of(err), "systemd.time(7)")
	assert.Equal(t, []string{"systemd-analyze timestamp -- 25:99 skip=1"}, refuse.called(t))
	for _, when := range []string{"", "auto", "cancel", "show"} {
		assert.NoError(t, reboot.Running().Check(t.Context(), reboot.Options{When: when}), when)
	}

	for name, script := range map[string]string{"good": "", "old": `echo "Unknown operation 'timestamp'." >&2; exit 1`} {
		onlyPath(t, program(t, "systemd-analyze", script))
		assert.NoError(t, reboot.Running().Check(t.Context(), reboot.Options{When: "+1h"}), name)
	}
	onlyPath(t)
	assert.NoError(t, reboot.Running().Check(t.Context(), reboot.Options{When: "+1h"}), "not installed")
}

const locks = `{"type":"a(ssssuu)","data":[[["sleep","nm","net","block",0,1],["shutdown","dnf","slow","delay",0,2],` +
	`["idle:shutdown","apt","upgrade runs","block",0,969]]]}`

func TestInhibitorsAreCheckedBefore(t *testing.T) {
	asked := program(t, "busctl", "echo '"+locks+"'")
	onlyPath(t, asked)
	for name, o := range map[string]reboot.Options{"yes": {CheckInhibitors: "yes"}, "terminal": {Terminal: true}, "true": {CheckInhibitors: "true"}} {
		err := reboot.Running().Check(t.Context(), o)
		require.EqualError(t, err, `"apt" (PID 969) inhibits the reboot: upgrade runs`, name)
		assert.Contains(t, hint.Of(err), string(hint.InSpite), name)
	}
	for name, o := range map[string]reboot.Options{
		"default": {}, "no": {CheckInhibitors: "no", Terminal: true}, "force": {CheckInhibitors: "yes", Force: true}, "later": {CheckInhibitors: "yes", When: "+1h"},
	} {
		assert.NoError(t, reboot.Running().Check(t.Context(), o), name)
	}
	for _, answer := range []string{"", "{}", "[", `{"data":[[["shutdown"]]]}`, `{"data":[[]]}`, `{"data":[[[1,2,3,"block",5,6]]]}`} {
		onlyPath(t, program(t, "busctl", "echo '"+answer+"'"))
		assert.NoError(t, reboot.Running().Check(t.Context(), reboot.Options{CheckInhibitors: "yes"}), answer)
	}
	onlyPath(t)
	assert.NoError(t, reboot.Running().Check(t.Context(), reboot.Options{CheckInhibitors: "yes"}), "not installed")
}
