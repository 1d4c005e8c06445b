package journal

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/stretchr/testify/assert"
)

func TestMessages(t *testing.T) {
	broken := errors.New("no\nmemory")
	for _, tt := range []struct {
		act      Act
		id, text string
		priority journal.Priority
		result   string
	}{
		{Act{Kind: Load, Entry: "arch.conf"}, LoadID, "load of arch.conf for kexec", journal.PriInfo, "done"},
		{Act{Kind: Load, Entry: "arch.conf", Err: broken}, LoadID, "load of arch.conf for kexec failed: no memory", journal.PriErr, "failed"},
		{Act{Kind: Unload}, UnloadID, "unload of the loaded kernel", journal.PriInfo, "done"},
		{Act{Kind: Reboot, Entry: "a\x1b\n.conf", Way: Kexec}, RebootID, "reboot into a\ufffd .conf by kexec", journal.PriInfo, "done"},
		{Act{Kind: Reboot, Way: Kexec}, RebootID, "reboot into the loaded kernel by kexec", journal.PriInfo, "done"},
		{Act{Kind: Reboot, Way: Firmware, Why: "x"}, RebootID, "reboot through firmware", journal.PriInfo, "done"},
		{Act{Kind: Reboot, Way: Cancelled}, RebootID, "scheduled reboot cancelled", journal.PriInfo, "done"},
		{Act{Kind: Boot, Way: Firmware}, BootID, "boot through firmware", journal.PriInfo, "done"},
		{Act{Kind: Boot, Way: Firmware, Missed: true}, BootID, "boot through firmware, where a kexec was requested", journal.PriWarning, "missed"},
		{Act{Kind: Boot, Way: Kexec, Entry: "arch.conf"}, BootID, "boot of arch.conf by kexec", journal.PriInfo, "done"},
	} {
		m := tt.act.Message()
		assert.Equal(t, tt.text, m.Text)
		assert.Equal(t, tt.priority, m.Priority, tt.text)
		assert.Equal(t, tt.id, m.Fields["MESSAGE_ID"], tt.text)
		assert.Equal(t, tt.result, m.Fields["KEXEC_BLS_RESULT"], tt.text)
	}
}

func TestFields(t *testing.T) {
	act := Act{Kind: Reboot, Entry: "a\n.conf", Way: Firmware, Why: "no kexec", Took: 1500 * time.Microsecond, Err: errors.New("x\x1b"), Version: "1.0"}
	assert.Equal(t, map[string]string{
		"MESSAGE_ID": RebootID, "SYSLOG_IDENTIFIER": "kexec-bls", "KEXEC_BLS_ACT": "reboot", "KEXEC_BLS_ENTRY": "a .conf",
		"KEXEC_BLS_WAY": "firmware", "KEXEC_BLS_WHY": "no kexec", "KEXEC_BLS_RESULT": "failed", "KEXEC_BLS_VERSION": "1.0",
		"KEXEC_BLS_DURATION_USEC": "1500", "KEXEC_BLS_ERROR": "x\ufffd",
	}, act.Message().Fields)
	assert.Equal(t, map[string]string{
		"MESSAGE_ID": UnloadID, "SYSLOG_IDENTIFIER": "kexec-bls", "KEXEC_BLS_ACT": "unload", "KEXEC_BLS_RESULT": "done",
	}, Act{Kind: Unload}.Message().Fields, "what has no value is left out")
}

func TestSendIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		hang := make(chan struct{})
		bounded(func() { <-hang })
		assert.Equal(t, timeout, time.Since(begin), "of a journal that hangs")
		close(hang)
		begin = time.Now()
		bounded(func() { time.Sleep(time.Millisecond) })
		assert.Equal(t, time.Millisecond, time.Since(begin))
	})
}
