package preflight

// A Topic is what the findings with one ID are about.
type Topic struct {
	ID    string
	About string // one clause, without a full stop
}

// Topics is every ID that a Finding can have, in alphabetical order. The manual
// explains each, and --ignore completes them.
func Topics() []Topic {
	return []Topic{
		{"boot-counter", "the entry has a boot counter, which kexec does not count"},
		{"boot-next", "the firmware was told to start something else once"},
		{"capability", "the caller may not load a kernel"},
		{"check-hung", "a check gave no answer in time"},
		{"confidential-vm", "the machine is a confidential virtual machine"},
		{"container", "this is a container"},
		{"cpu-stuck", "the kernel cannot stop the processors"},
		{"dracut-shutdown", "an initramfs ends the shutdown and finds no kexec binary"},
		{"efibc", "the kernel will write into LoaderEntryOneShot"},
		{"entry-bad", "the entry has no boot attempts left"},
		{"firmware-setup", "a start of the firmware's setup is pending"},
		{"firmware-update", "a firmware update is pending"},
		{"gpu-amdgpu", "an AMD card may not start again"},
		{"gpu-hyperv", "the screen of Hyper-V may not start again"},
		{"gpu-nvidia", "a card with the nvidia driver may not start again"},
		{"hibernation", "a hibernation image exists"},
		{"init", "process 1 is not systemd"},
		{"initrd-version", "the initrd was made for another kernel"},
		{"kdump-lost", "no memory would be reserved for a crash kernel"},
		{"kernel-modules", "the kernel has no modules on this system"},
		{"kernel-signature", "the running kernel wants a signature"},
		{"kexec-config", "the running kernel was built without kexec"},
		{"kexec-disabled", "kexec is switched off by sysctl"},
		{"kexec-limit", "the number of loads is limited by sysctl"},
		{"kexec-target", "kexec.target is masked"},
		{"kho-lost", "kexec handover would end"},
		{"luks-passphrase", "a passphrase will be asked for"},
		{"machine", "kexec is known not to work on this machine"},
		{"machines-file", "the table of machines is malformed"},
		{"memory", "there is too little memory"},
		{"one-shot", "an entry is set to be booted once"},
		{"one-shot-timeout", "the boot menu is set to be shown once"},
		{"plan", "the entry cannot be loaded"},
		{"secure-boot", "the kernel file is not signed"},
		{"shutdown-script", "the last script of the shutdown does not know kexec"},
		{"tpm2-unlock", "the TPM will not open the disk"},
		{"unseen", "something could not be read"},
		{"vfio", "devices are assigned to virtual machines"},
		{"watchdog", "a watchdog cannot be stopped"},
		{"xen", "this is a Xen host or guest"},
	}
}
