package host_test

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// A cpu answers CPUID with EAX, EBX, ECX, EDX by leaf.
type cpu map[uint32][4]uint32

func (c cpu) cpuid(leaf, _ uint32) (eax, ebx, ecx, edx uint32) {
	r := c[leaf]
	return r[0], r[1], r[2], r[3]
}

// with is the processor with other leaves.
func (c cpu) with(leaves cpu) cpu {
	all := maps.Clone(c)
	maps.Copy(all, leaves)
	return all
}

// word packs four characters as CPUID does.
func word(s string) uint32 { return binary.LittleEndian.Uint32([]byte(s)) }

func guestOf(vendor string) cpu {
	return cpu{0: {0x21, word(vendor[:4]), word(vendor[8:]), word(vendor[4:8])}, 1: {0, 0, 1 << 31, 0}}
}

// hyperv are the leaves of a guest of Hyper-V with an isolation type.
func hyperv(features, isolation uint32) cpu {
	return cpu{
		0x40000000: {0x4000000c, word("Micr"), word("osof"), word("t Hv")},
		0x40000003: {0, features, 0, 0}, 0x4000000c: {0, isolation, 0, 0},
	}
}

// register is a machine whose SEV_STATUS has a value; an error where it is nil.
type register struct {
	fs.FS
	value []byte
}

// Open opens the registers.
func (r register) Open(name string) (fs.File, error) {
	f, err := r.FS.Open(name)
	if err != nil || name != "dev/cpu/0/msr" {
		return f, err
	}
	return registers{f, r.value}, nil
}

type registers struct {
	fs.File
	value []byte
}

// ReadAt reads SEV_STATUS.
func (r registers) ReadAt(b []byte, at int64) (int, error) {
	if at != 0xc0010131 || r.value == nil {
		return 0, errors.New("input/output error")
	}
	if n := copy(b, r.value); n < len(b) {
		return n, io.EOF
	}
	return len(b), nil
}

func TestConfidentialX86(t *testing.T) {
	amd, intel := guestOf("AuthenticAMD"), guestOf("GenuineIntel")
	sev := amd.with(cpu{0x80000000: {0x8000001f}, 0x8000001f: {1 << 1}})
	for name, c := range map[string]struct {
		cpu    cpu
		status []byte
		kind   string
		want   host.Tristate
	}{
		"bare metal":        {cpu{0: amd[0]}, nil, "", host.No},
		"bare metal, SEV":   {sev.with(cpu{1: {}}), []byte{7, 7: 0}, "", host.No},
		"guest, AMD":        {amd, nil, "", host.No},
		"guest, Intel":      {intel, nil, "", host.No},
		"SEV":               {sev, []byte{1, 7: 0}, "SEV", host.Yes},
		"SEV-ES":            {sev, []byte{3, 7: 0}, "SEV-ES", host.Yes},
		"SEV-SNP":           {sev, []byte{7, 7: 0}, "SEV-SNP", host.Yes},
		"SEV is off":        {sev, []byte{0, 7: 0}, "", host.No},
		"SEV, no driver":    {sev, nil, "", host.Unknown},
		"SEV, cut":          {sev, []byte{7}, "", host.Unknown},
		"TDX":               {intel.with(cpu{0x21: {0, word("Inte"), word("    "), word("lTDX")}}), nil, "TDX", host.Yes},
		"no TDX":            {intel.with(cpu{0x21: {0, 1, 2, 3}}), nil, "", host.No},
		"TDX, few leaves":   {intel.with(cpu{0: {0x20, intel[0][1], intel[0][2], intel[0][3]}, 0x21: {0, word("Inte"), word("    "), word("lTDX")}}), nil, "", host.No},
		"Hyper-V":           {intel.with(hyperv(0, 0)), nil, "", host.No},
		"Hyper-V, not on":   {intel.with(hyperv(0, 2)), nil, "", host.No},
		"Hyper-V, no type":  {amd.with(hyperv(1<<22, 0)), nil, "", host.No},
		"Hyper-V, VBS":      {amd.with(hyperv(1<<22, 1)), nil, "virtualization-based isolation of Hyper-V", host.Yes},
		"Hyper-V, SEV-SNP":  {amd.with(hyperv(1<<22, 0x10002)), nil, "SEV-SNP on Hyper-V", host.Yes},
		"Hyper-V, TDX":      {intel.with(hyperv(1<<22, 3)), nil, "TDX on Hyper-V", host.Yes},
		"another, isolated": {amd.with(hyperv(1<<22, 2)).with(cpu{0x40000000: {0x4000000c, word("KVMK"), word("VMKV"), 0}}), nil, "", host.No},
	} {
		m := machine("proc/cpuinfo", "flags\t\t: fpu hypervisor\n", "dev/cpu/0/msr", "")
		m.FS, m.CPUID = register{m.FS, c.status}, c.cpu.cpuid
		kind, answer := m.ConfidentialVM()
		assert.Equal(t, c.want, answer, name)
		assert.Equal(t, c.kind, kind, name)
	}
}

func TestConfidentialByFiles(t *testing.T) {
	flags := func(s string) []string { return []string{"proc/cpuinfo", "processor: 0\nflags\t\t: fpu " + s + "\n"} }
	plain := guestOf("AuthenticAMD")
	for name, c := range map[string]struct {
		files  []string
		goarch string
		cpu    cpu
		want   host.Tristate
	}{
		"flag of a TDX guest":     {flags("hypervisor tdx_guest"), "amd64", plain, host.Yes},
		"no CPUID, bare metal":    {flags("sev"), "amd64", nil, host.No},
		"no CPUID, guest":         {flags("hypervisor"), "amd64", nil, host.Unknown},
		"no CPUID, no flags":      {nil, "amd64", nil, host.Unknown},
		"SEV flags, CPUID denies": {flags("hypervisor sev_es"), "amd64", plain, host.Unknown},
		"Hyper-V's bus only":      {append(flags("hypervisor"), "sys/bus/vmbus/devices/x/y", ""), "amd64", plain, host.Unknown},
		"Hyper-V's bus, Hyper-V":  {append(flags("hypervisor"), "sys/bus/vmbus/devices/x/y", ""), "amd64", plain.with(hyperv(0, 0)), host.No},
		"device of SEV-SNP":       {[]string{"sys/devices/virtual/misc/sev-guest/dev", ""}, "amd64", plain, host.Yes},
		"class of TDX":            {[]string{"sys/class/misc/tdx_guest/dev", ""}, "amd64", plain, host.Yes},
		"Secure Execution":        {[]string{"sys/firmware/uv/prot_virt_guest", "1\n"}, "s390x", nil, host.Yes},
		"no Secure Execution":     {[]string{"sys/firmware/uv/prot_virt_guest", "0\n"}, "s390x", nil, host.No},
		"Arm CCA":                 {[]string{"sys/devices/platform/arm-cca-dev/uevent", ""}, "arm64", nil, host.Yes},
		"arm64":                   {nil, "arm64", nil, host.No},
		"riscv64":                 {nil, "riscv64", nil, host.No},
		"no architecture":         {nil, "", nil, host.Unknown},
	} {
		m := machine(c.files...)
		m.GOARCH = c.goarch
		if c.cpu != nil {
			m.CPUID = c.cpu.cpuid
		}
		assert.Equal(t, c.want, m.Confidential(), name)
	}
}
