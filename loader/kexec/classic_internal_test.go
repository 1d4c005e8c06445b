package kexec

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"
)

// TestClassicIsNoWayAround holds that kexec_load is never used where images are
// to be verified, or where it would lose something.
func TestClassicIsNoWayAround(t *testing.T) {
	if !classicBuilt {
		assert.ErrorContains(t, classicRefusal(System{}, "riscv64"), "kexec_load is not built into this program for riscv64; use --syscall=file")
		return
	}
	for want, s := range map[string]System{
		"":                       {Lockdown: "none"},
		"lockdown is on (integr": {Lockdown: "integrity"},
		"lockdown is on (confid": {Lockdown: "confidentiality"},
		"CONFIG_KEXEC_SIG_FORCE": {Config: map[string]string{"CONFIG_KEXEC_SIG_FORCE": "y"}},
		"only signed images":     {Config: map[string]string{"CONFIG_KEXEC_VERIFY_SIG": "y"}}, // before Linux 5.4
		"kho=on":                 {Handover: true},
		"Xen hypervisor":         {Xen0: true},
	} {
		err := classicRefusal(s, runtime.GOARCH)
		if want == "" {
			assert.NoError(t, err)
		} else {
			assert.ErrorContains(t, err, want)
		}
	}
}

// TestNoCallNamesTheOtherOne needs a kernel that only has kexec_load.
func TestNoCallNamesTheOtherOne(t *testing.T) {
	s := System{Config: map[string]string{"CONFIG_KEXEC": "y", "CONFIG_KEXEC_FILE": "n"}}
	mend := "use a kernel that has it; until then reboot through the firmware"
	if classicBuilt {
		mend = "use --syscall=classic, which it has"
	}
	assert.Equal(t, reason{"this kernel was built without CONFIG_KEXEC_FILE", mend}, reasonFor(opFile, unix.ENOSYS, s))

	s.Config = map[string]string{"CONFIG_KEXEC": "n", "CONFIG_KEXEC_FILE": "y"}
	assert.Equal(t, "this kernel was built without CONFIG_KEXEC", reasonFor(opClassic, unix.ENOSYS, s).cause)
}

// TestUnloadForbidden holds that the way round what stays loaded is named.
func TestUnloadForbidden(t *testing.T) {
	r := permission(opUnload, System{LoadDisabled: true, LoadsLeft: -1})
	assert.Equal(t, "kexec is switched off: kernel.kexec_load_disabled is 1", r.cause)
	assert.Equal(t, "what is loaded stays until the next boot; to go there through the firmware: SYSTEMCTL_SKIP_AUTO_KEXEC=1 systemctl reboot", r.mend)
	assert.NotContains(t, permission(opUnload, System{LoadsLeft: -1, Lockdown: "integrity"}).cause, "signed", "an unload verifies nothing")
}

func TestWithRSDP(t *testing.T) {
	efi := System{EFI: true, RSDP: 0x7fb7e014}
	for _, c := range []struct {
		line, want string
		s          System
	}{
		{"quiet", "quiet acpi_rsdp=0x7fb7e014", efi},
		{"", "acpi_rsdp=0x7fb7e014", efi},
		{"acpi_rsdp=0x1 quiet", "acpi_rsdp=0x1 quiet", efi},
		{"quiet", "quiet", System{}},
	} {
		assert.Equal(t, c.want, withRSDP(c.line, c.s))
	}
}
