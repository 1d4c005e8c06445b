package preflight

import "github.com/kexec-bls/kexec-bls/loader/internal/finding"

// IDs of what Run finds.
const (
	IDBootCounter     ID = "boot-counter"     // the entry has a boot counter, which kexec does not count
	IDBootNext        ID = "boot-next"        // the firmware was told to start something else once
	IDCapability      ID = "capability"       // the caller may not load a kernel
	IDCheckHung       ID = "check-hung"       // a check gave no answer in time
	IDConfidentialVM  ID = "confidential-vm"  // the machine is a confidential virtual machine
	IDContainer       ID = "container"        // this is a container
	IDCPUStuck        ID = "cpu-stuck"        // the kernel cannot stop the processors
	IDEFIBC           ID = "efibc"            // the kernel will write into LoaderEntryOneShot
	IDEntryBad        ID = "entry-bad"        // the entry has no boot attempts left
	IDFirmwareSetup   ID = "firmware-setup"   // a start of the firmware's setup is pending
	IDFirmwareUpdate  ID = "firmware-update"  // a firmware update is pending
	IDGPUAMD          ID = "gpu-amdgpu"       // an AMD card may not start again
	IDGPUHyperV       ID = "gpu-hyperv"       // the screen of Hyper-V may not start again
	IDGPUNVIDIA       ID = "gpu-nvidia"       // a card with the nvidia driver may not start again
	IDHibernation     ID = "hibernation"      // a hibernation image exists
	IDInit            ID = "init"             // process 1 is not systemd
	IDInitrdVersion   ID = "initrd-version"   // the initrd was made for another kernel
	IDKdumpLost       ID = "kdump-lost"       // no memory would be reserved for a crash kernel
	IDKernelModules   ID = "kernel-modules"   // the kernel has no modules on this system
	IDKernelSignature ID = "kernel-signature" // the running kernel wants a signature
	IDKexecConfig     ID = "kexec-config"     // the running kernel was built without kexec
	IDKexecDisabled   ID = "kexec-disabled"   // kexec is switched off by sysctl
	IDKexecLimit      ID = "kexec-limit"      // the number of loads is limited by sysctl
	IDKexecTarget     ID = "kexec-target"     // kexec.target is masked
	IDKHOLost         ID = "kho-lost"         // kexec handover would end
	IDLUKSPassphrase  ID = "luks-passphrase"  // a passphrase will be asked for
	IDMachine         ID = "machine"          // kexec is known not to work on this machine
	IDMachinesFile    ID = "machines-file"    // the table of machines is malformed
	IDMemory          ID = "memory"           // there is too little memory
	IDOneShot         ID = "one-shot"         // an entry is set to be booted once
	IDPlan            ID = "plan"             // the entry cannot be loaded
	IDSecureBoot      ID = "secure-boot"      // the kernel file is not signed
	IDShutdownScript  ID = "shutdown-script"  // the last script of the shutdown does not know kexec
	IDUnseen          ID = "unseen"           // something could not be read
	IDVFIO            ID = "vfio"             // devices are assigned to virtual machines
	IDWatchdog        ID = "watchdog"         // a watchdog cannot be stopped
	IDXen             ID = "xen"              // this is a Xen host or guest
)

// IDs of what only Explain finds.
const (
	IDSecurityPolicy ID = "security-policy" // a security module refused
	IDSeccomp        ID = "seccomp"         // a seccomp filter refused
	IDBusy           ID = "busy"            // another load has not ended
	IDRefused        ID = "refused"         // the kernel refused for an unknown reason
)

// Topics returns every ID that Run can find, in alphabetical order. The manual
// explains each.
func Topics() []Topic {
	var topics []Topic
	for id, about := range map[ID]string{
		IDBootCounter:     "the entry has a boot counter, which kexec does not count",
		IDBootNext:        "the firmware was told to start something else once",
		IDCapability:      "the caller may not load a kernel",
		IDCheckHung:       "a check gave no answer in time",
		IDConfidentialVM:  "the machine is a confidential virtual machine",
		IDContainer:       "this is a container",
		IDCPUStuck:        "the kernel cannot stop the processors",
		IDEFIBC:           "the kernel will write into LoaderEntryOneShot",
		IDEntryBad:        "the entry has no boot attempts left",
		IDFirmwareSetup:   "a start of the firmware's setup is pending",
		IDFirmwareUpdate:  "a firmware update is pending",
		IDGPUAMD:          "an AMD card may not start again",
		IDGPUHyperV:       "the screen of Hyper-V may not start again",
		IDGPUNVIDIA:       "a card with the nvidia driver may not start again",
		IDHibernation:     "a hibernation image exists",
		IDInit:            "process 1 is not systemd",
		IDInitrdVersion:   "the initrd was made for another kernel",
		IDKdumpLost:       "no memory would be reserved for a crash kernel",
		IDKernelModules:   "the kernel has no modules on this system",
		IDKernelSignature: "the running kernel wants a signature",
		IDKexecConfig:     "the running kernel was built without kexec",
		IDKexecDisabled:   "kexec is switched off by sysctl",
		IDKexecLimit:      "the number of loads is limited by sysctl",
		IDKexecTarget:     "kexec.target is masked",
		IDKHOLost:         "kexec handover would end",
		IDLUKSPassphrase:  "a passphrase will be asked for",
		IDMachine:         "kexec is known not to work on this machine",
		IDMachinesFile:    "the table of machines is malformed",
		IDMemory:          "there is too little memory",
		IDOneShot:         "an entry is set to be booted once",
		IDPlan:            "the entry cannot be loaded",
		IDSecureBoot:      "the kernel file is not signed",
		IDShutdownScript:  "the last script of the shutdown does not know kexec",
		IDUnseen:          "something could not be read",
		IDVFIO:            "devices are assigned to virtual machines",
		IDWatchdog:        "a watchdog cannot be stopped",
		IDXen:             "this is a Xen host or guest",
	} {
		topics = append(topics, Topic{ID: id, About: about})
	}
	finding.SortTopics(topics)
	return topics
}
