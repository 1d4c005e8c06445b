package host_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// TestGuestDevices: each device that only a guest has names its technology, on
// every architecture, in both places of sysfs.
func TestGuestDevices(t *testing.T) {
	for device, want := range map[string]string{
		"sev-guest": "SEV-SNP", "tdx_guest": "TDX", "tdx-guest": "TDX", "arm_cca_guest": "Arm CCA", "arm-cca-guest": "Arm CCA",
		"sev": "", "tdx": "", "arm-cca": "", // of the host
	} {
		for _, dir := range []string{"sys/devices/virtual/misc/", "sys/class/misc/"} {
			m := machine(dir+device+"/dev", "10:1\n")
			m.GOARCH = "arm64"
			kind, answer := m.ConfidentialVM()
			assert.Equal(t, want, kind, dir+device)
			assert.Equal(t, want != "", answer == host.Yes, dir+device)
		}
	}
}

func TestGuestsOfOtherMachines(t *testing.T) {
	for name, c := range map[string]struct {
		goarch string
		files  []string
		kind   string
		want   host.Tristate
	}{
		"Secure Execution, a guest": {"s390x", []string{"sys/firmware/uv/prot_virt_guest", "1\n"}, "IBM Secure Execution", host.Yes},
		"Secure Execution, a host":  {"s390x", []string{"sys/firmware/uv/prot_virt_host", "1\n"}, "", host.No},
		"a realm of Arm":            {"arm64", []string{"sys/devices/platform/arm-cca-dev/uevent", ""}, "Arm CCA", host.Yes},
		"x86 of 32 bits":            {"386", []string{"proc/cpuinfo", "flags: hypervisor\n"}, "", host.Unknown},
		"x86 of 32 bits, a guest":   {"386", []string{"proc/cpuinfo", "flags: tdx_guest\n"}, "TDX", host.Yes},
		"the flag is x86's":         {"arm64", []string{"proc/cpuinfo", "flags: tdx_guest\n"}, "", host.No},
		"the first processor":       {"amd64", []string{"proc/cpuinfo", "flags: fpu\n\nflags: tdx_guest\n"}, "", host.No},
		"a flag that begins so":     {"amd64", []string{"proc/cpuinfo", "flags: fpu tdx_guest_x\n"}, "", host.No},
		"no architecture":           {"", nil, "", host.Unknown},
		"no architecture, a device": {"", []string{"sys/class/misc/sev-guest/dev", ""}, "SEV-SNP", host.Yes},
	} {
		m := machine(c.files...)
		m.GOARCH = c.goarch
		kind, answer := m.ConfidentialVM()
		assert.Equal(t, c.want, answer, name)
		assert.Equal(t, c.kind, kind, name)
	}
}

// TestLeavesAreBounded: a leaf beyond those that the processor has repeats another,
// so its bits say nothing.
func TestLeavesAreBounded(t *testing.T) {
	amd, hygon := guestOf("AuthenticAMD"), guestOf("HygonGenuine")
	on := cpu{0x80000000: {0x8000001f}, 0x8000001f: {1 << 1}}
	snp := []byte{7, 7: 0}
	hv := amd.with(hyperv(1<<22, 2))
	for name, c := range map[string]struct {
		cpu  cpu
		kind string
		want host.Tristate
	}{
		"Hygon":                    {hygon.with(on), "SEV-SNP", host.Yes},
		"more leaves":              {amd.with(on).with(cpu{0x80000000: {0x80000026}}), "SEV-SNP", host.Yes},
		"a leaf too few":           {amd.with(on).with(cpu{0x80000000: {0x8000001e}}), "", host.No},
		"SME alone":                {amd.with(on).with(cpu{0x8000001f: {1}}), "", host.No},
		"another vendor":           {guestOf("CentaurHauls").with(on), "", host.No},
		"Intel has no such leaf":   {guestOf("GenuineIntel").with(on), "", host.No},
		"Hyper-V, more leaves":     {hv.with(cpu{0x40000000: {0x4000000d, word("Micr"), word("osof"), word("t Hv")}}), "SEV-SNP on Hyper-V", host.Yes},
		"Hyper-V, a leaf too few":  {hv.with(cpu{0x40000000: {0x4000000b, word("Micr"), word("osof"), word("t Hv")}}), "", host.No},
		"Hyper-V, an unknown type": {amd.with(hyperv(1<<22, 15)), "virtualization-based isolation of Hyper-V", host.Yes},
		"Hyper-V, the other bits":  {amd.with(hyperv(^uint32(1<<22), 2)), "", host.No},
		"no bit for a hypervisor":  {hv.with(cpu{1: {0, 1 << 31, 1<<31 - 1, 1 << 31}}), "", host.No},
		"SEV-SNP before Hyper-V":   {hv.with(on), "SEV-SNP", host.Yes},
		"Hyper-V, SME alone":       {hv.with(cpu{0x80000000: {0x8000001f}, 0x8000001f: {1}}), "SEV-SNP on Hyper-V", host.Yes},
	} {
		m := machine("proc/cpuinfo", "flags: hypervisor\n", "dev/cpu/0/msr", "")
		m.FS, m.CPUID = register{m.FS, snp}, c.cpu.cpuid
		kind, answer := m.ConfidentialVM()
		assert.Equal(t, c.want, answer, name)
		assert.Equal(t, c.kind, kind, name)
	}
}

// TestFlagsAgainstTheProcessor: the kernel's flags raise a doubt about a guest, and
// about nothing else.
func TestFlagsAgainstTheProcessor(t *testing.T) {
	amd := guestOf("AuthenticAMD")
	snp := amd.with(cpu{0x80000000: {0x8000001f}, 0x8000001f: {1 << 1}})
	for name, c := range map[string]struct {
		cpu   cpu
		flags string
		kind  string
		want  host.Tristate
	}{
		"sev":                       {amd, "hypervisor sev", "", host.Unknown},
		"sev_es":                    {amd, "hypervisor sev_es", "", host.Unknown},
		"sev_snp":                   {amd, "hypervisor sev_snp", "", host.Unknown},
		"sme is the host's":         {amd, "hypervisor sme", "", host.No},
		"a host that can have them": {cpu{0: amd[0]}, "fpu sev sev_es sev_snp", "", host.No},
		"no flags are known":        {amd, "", "", host.No},
		"both say so":               {snp, "hypervisor sev sev_snp", "SEV-SNP", host.Yes},
	} {
		m := machine("proc/cpuinfo", "flags\t\t: "+c.flags+"\n", "dev/cpu/0/msr", "")
		m.FS, m.CPUID = register{m.FS, []byte{4, 7: 0}}, c.cpu.cpuid
		kind, answer := m.ConfidentialVM()
		assert.Equal(t, c.want, answer, name)
		assert.Equal(t, c.kind, kind, name)
	}
}

// TestSubleaf: every leaf that is asked for is asked for with ECX 0, as systemd does.
func TestSubleaf(t *testing.T) {
	for _, c := range []cpu{
		guestOf("GenuineIntel"),
		guestOf("GenuineIntel").with(hyperv(1<<22, 2)),
		guestOf("AuthenticAMD").with(cpu{0x80000000: {0x8000001f}, 0x8000001f: {1 << 1}}),
	} {
		m := machine("proc/cpuinfo", "flags: hypervisor\n")
		asked := 0
		m.CPUID = func(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32) {
			asked++
			assert.Zero(t, subleaf, "%#x", leaf)
			return c.cpuid(leaf, subleaf)
		}
		m.Confidential()
		assert.GreaterOrEqual(t, asked, 4)
	}
}

// noRegisters has a driver msr that answers in a way that is no answer.
type noRegisters struct {
	fs.FS
	err error
}

// Open opens the registers, without a ReadAt where err is nil.
func (n noRegisters) Open(name string) (fs.File, error) {
	f, err := n.FS.Open(name)
	if err != nil || name != "dev/cpu/0/msr" {
		return f, err
	}
	if n.err != nil {
		return nil, errors.Join(n.err, f.Close())
	}
	return struct{ fs.File }{f}, nil
}

func TestRegistersThatCannotBeRead(t *testing.T) {
	sev := guestOf("AuthenticAMD").with(cpu{0x80000000: {0x8000001f}, 0x8000001f: {1 << 1}})
	for name, err := range map[string]error{"refused": fs.ErrPermission, "not at an offset": nil} {
		m := machine("proc/cpuinfo", "flags: hypervisor\n", "dev/cpu/0/msr", "\x04\x00\x00\x00\x00\x00\x00\x00")
		m.FS, m.CPUID = noRegisters{m.FS, err}, sev.cpuid
		kind, answer := m.ConfidentialVM()
		assert.Equal(t, host.Unknown, answer, name)
		assert.Empty(t, kind, name)
	}
}
