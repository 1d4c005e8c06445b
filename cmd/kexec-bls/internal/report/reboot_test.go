package report_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/loader"
)

func TestSteps(t *testing.T) {
	r := report.NewReboot("kexec", "", "")
	r.Entry, r.Release = &report.EntryRef{ID: "arch.conf", Title: "Arch Linux"}, "6.12.1"
	assert.Equal(t, []string{
		"next: arch.conf, Arch Linux, kernel 6.12.1 (6.1.0 runs)",
		"services stop and file systems are unmounted, then the new kernel starts without firmware; the last time took 25.0 s",
		"if it does not come up, reset the machine: firmware then boots as before",
	}, r.Steps("6.1.0", false, loader.Boot{Kexec: &loader.RebootDuration{Requested: time.Now(), Seconds: 25}}))
	assert.Empty(t, r.Done(), "it was said")

	r = report.NewReboot("kexec", "", "")
	steps := r.Steps("6.1.0", true, loader.Boot{})
	assert.Equal(t, []string{"next: the loaded kernel", "the new kernel starts at once; services are not stopped"}, steps[:2])
}

func TestDone(t *testing.T) {
	for want, r := range map[string]*report.Reboot{
		"rebooting into arch.conf by kexec":         report.NewReboot("kexec", "", "arch.conf"),
		"rebooting into the loaded kernel by kexec": report.NewReboot("kexec", "", ""),
		"rebooting through firmware":                report.NewReboot("firmware", "", ""),
		"scheduled reboot cancelled":                report.NewReboot("cancelled", "cancel", ""),
		"":                                          report.NewReboot("kexec", "+5min", "arch.conf"),
	} {
		assert.Equal(t, want, r.Done())
	}
}

func TestVerdict(t *testing.T) {
	warning := loader.Finding{ID: "watchdog", Severity: loader.SeverityWarning}
	failed := loader.Finding{ID: "memory", Severity: loader.SeverityError}
	for want, found := range map[string][]loader.Finding{
		"":                                      {{ID: "unseen", Severity: loader.SeverityInfo}},
		", with 1 warning":                      {warning, {ID: "vfio", Severity: loader.SeverityWarning}},
		", with 1 error ignored":                {failed},
		", with 1 error ignored and 2 warnings": {failed, warning, warning},
	} {
		assert.Equal(t, "arch.conf would be started by kexec"+want+"; nothing was changed", report.Verdict("arch.conf", found, []loader.FindingID{"vfio", "memory"}))
	}
}
