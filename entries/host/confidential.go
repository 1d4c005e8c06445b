package host

import (
	"encoding/binary"
	"io"
	"slices"
	"strings"
)

// Confidential reports whether the machine is a confidential virtual machine; see
// ConfidentialVM.
func (m Machine) Confidential() Tristate {
	_, answer := m.ConfidentialVM()
	return answer
}

// ConfidentialVM reports whether the machine is a confidential virtual machine,
// whose host is not trusted, and names the technology ("" for No and Unknown).
// The rules are those of systemd's detect_confidential_virtualization
// (src/basic/confidential-virt.c): CPUID, the SEV_STATUS register and the
// isolation type of Hyper-V on x86, sysfs elsewhere; further the devices and
// CPU flags of guests. Unknown is a virtual machine of which it cannot be
// determined: strings that the host supplies must not be trusted there.
func (m Machine) ConfidentialVM() (kind string, answer Tristate) {
	if kind := m.guestDevice(); kind != "" {
		return kind, Yes
	}
	switch m.GOARCH {
	case "":
		return "", Unknown
	case "amd64", "386":
		return m.confidentialX86()
	}
	return "", No
}

// guestDevice goes by the devices that guests have.
func (m Machine) guestDevice() string {
	for _, d := range []struct{ device, kind string }{
		{"sev-guest", "SEV-SNP"}, {"tdx_guest", "TDX"}, {"tdx-guest", "TDX"}, {"arm_cca_guest", "Arm CCA"}, {"arm-cca-guest", "Arm CCA"},
	} {
		if m.Exists("sys/devices/virtual/misc/"+d.device) || m.Exists("sys/class/misc/"+d.device) {
			return d.kind
		}
	}
	switch {
	case m.Text("sys/firmware/uv/prot_virt_guest") == "1":
		return "IBM Secure Execution"
	case m.Exists("sys/devices/platform/arm-cca-dev"):
		return "Arm CCA"
	}
	return ""
}

func (m Machine) confidentialX86() (string, Tristate) {
	flags := strings.Fields(m.fields("proc/cpuinfo")["flags"])
	if slices.Contains(flags, "tdx_guest") {
		return "TDX", Yes
	}
	if m.CPUID == nil {
		return "", m.byFlags(flags)
	}
	kind, answer := m.byCPUID()
	if answer == No && m.byFlags(flags) == Unknown && m.strange(flags) {
		return "", Unknown
	}
	return kind, answer
}

// byFlags is for a processor that cannot be asked: no hypervisor, no guest.
func (m Machine) byFlags(flags []string) Tristate {
	if len(flags) > 0 && !slices.Contains(flags, "hypervisor") {
		return No
	}
	return Unknown
}

// strange reports whether files show memory encryption or Hyper-V where the
// processor shows neither.
func (m Machine) strange(flags []string) bool {
	_, ebx, _, _ := m.CPUID(hypervLeaf, 0)
	encrypted := slices.ContainsFunc(flags, func(f string) bool { return f == "sev" || f == "sev_es" || f == "sev_snp" })
	return encrypted || ebx != hypervVendor && len(m.Names("sys/bus/vmbus/devices")) > 0
}

// Leaves and bits of CPUID (Intel SDM; AMD APM volume 3, appendix E; Hyper-V
// TLFS, 2.4), as systemd reads them.
const (
	featureLeaf    = 1
	hypervisorBit  = 1 << 31 // ECX
	tdxLeaf        = 0x21    // "IntelTDX    " in EBX, EDX, ECX
	extendedLeaf   = 0x80000000
	encryptionLeaf = 0x8000001f
	sevBit         = 1 << 1     // EAX
	hypervLeaf     = 0x40000000 // "Microsoft Hv" in EBX, ECX, EDX
	hypervFeatures = 0x40000003
	isolationBit   = 1 << 22 // EBX
	isolationLeaf  = 0x4000000c
	isolationMask  = 0xf // EBX; 2 is SEV-SNP, 3 is TDX

	hypervVendor = 0x7263694d // "Micr"
)

// byCPUID asks the processor. Every guest of a hypervisor has the bit for it;
// what hides that hides itself from systemd-stub too.
func (m Machine) byCPUID() (string, Tristate) {
	if _, _, ecx, _ := m.CPUID(featureLeaf, 0); ecx&hypervisorBit == 0 {
		return "", No
	}
	maxLeaf, ebx, ecx, edx := m.CPUID(0, 0)
	switch registers(ebx, edx, ecx) {
	case "GenuineIntel":
		if maxLeaf >= tdxLeaf {
			_, ebx, ecx, edx := m.CPUID(tdxLeaf, 0)
			if registers(ebx, edx, ecx) == "IntelTDX    " {
				return "TDX", Yes
			}
		}
	case "AuthenticAMD", "HygonGenuine":
		if top, _, _, _ := m.CPUID(extendedLeaf, 0); top >= encryptionLeaf {
			if eax, _, _, _ := m.CPUID(encryptionLeaf, 0); eax&sevBit != 0 {
				return m.sevStatus()
			}
		}
	}
	return m.hypervIsolation()
}

// sevStatus reads the register SEV_STATUS through the driver msr. Hypervisors
// show the feature to encrypted guests; without the driver, which of them it is,
// or whether it is on at all, is not known.
func (m Machine) sevStatus() (string, Tristate) {
	const register = 0xc0010131
	b := m.readRegister(register)
	if b == nil {
		return "", Unknown
	}
	status := binary.LittleEndian.Uint64(b)
	switch {
	case status&4 != 0:
		return "SEV-SNP", Yes
	case status&2 != 0:
		return "SEV-ES", Yes
	case status&1 != 0:
		return "SEV", Yes
	}
	return "", No
}

// msrDevice has the registers of the first processor, by their number.
const msrDevice = "dev/cpu/0/msr"

// readRegister returns the 8 bytes of a register; nil where it cannot be read.
func (m Machine) readRegister(number int64) []byte {
	f, err := m.fsys().Open(msrDevice)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // read only
	b := make([]byte, 8)
	if r, ok := f.(io.ReaderAt); !ok {
		return nil
	} else if _, err := r.ReadAt(b, number); err != nil {
		return nil
	}
	return b
}

// hypervIsolation reads the isolation type of a guest of Hyper-V.
func (m Machine) hypervIsolation() (string, Tristate) {
	top, ebx, ecx, edx := m.CPUID(hypervLeaf, 0)
	if registers(ebx, ecx, edx) != "Microsoft Hv" || top < isolationLeaf {
		return "", No
	}
	if _, ebx, _, _ := m.CPUID(hypervFeatures, 0); ebx&isolationBit == 0 {
		return "", No
	}
	switch _, ebx, _, _ := m.CPUID(isolationLeaf, 0); ebx & isolationMask {
	case 0:
		return "", No
	case 2:
		return "SEV-SNP on Hyper-V", Yes
	case 3:
		return "TDX on Hyper-V", Yes
	}
	return "virtualization-based isolation of Hyper-V", Yes
}

// registers joins the text of three registers.
func registers(a, b, c uint32) string {
	var text []byte
	for _, r := range []uint32{a, b, c} {
		text = binary.LittleEndian.AppendUint32(text, r)
	}
	return string(text)
}
