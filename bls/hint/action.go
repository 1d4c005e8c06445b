package hint

// An Action is what a hint advises to do, in words, where each program has its own
// way for it. A program that has one puts it in place of the words.
type Action string

// Every Action.
const (
	// ForceAtOnce and Force are a reboot that stops nothing.
	ForceAtOnce Action = "reboot with force, which syncs and jumps at once"
	Force       Action = "reboot with force"
	// InSpite is a reboot that does not wait for inhibitors.
	InSpite Action = "reboot in spite of it"
	// Firmware is an ordinary reboot, ByFirmware one that the rest of a hint is about.
	Firmware   Action = "reboot through firmware instead"
	ByFirmware Action = "reboot through the firmware"
	// ReturnTo says where a reboot on trial leads back to.
	ReturnTo Action = "name the entry to return to"
	// KexecLoad takes the older system call, SyscallClassic.
	KexecLoad Action = "use kexec_load"
	// LoadAgain loads what was loaded, once more.
	LoadAgain Action = "load once more"
	// LoadFiles loads what is no entry.
	LoadFiles Action = "load a kernel and an initrd by their names"
	// EarlyFirst lays an initrd out as the kernel reads it.
	EarlyFirst Action = "move it before every compressed image"
	// ReadInitrd reads all of an initrd; EndsUnread is what nobody has read.
	ReadInitrd Action = "read the initrd to its end"
	EndsUnread Action = "the ends of compressed images, which were not read"
	// Decode decodes the initrd, for what must be known of it.
	Decode Action = "decode the initrd"
	// KeyFile names a file with a key of an encrypted volume.
	KeyFile Action = "name a file with a key"
	// GivePath names the boot partition.
	GivePath Action = "give the path of the boot partition"
	// ShowEntries lists entries with what is wrong with each.
	ShowEntries Action = "see what is wrong with each"
)
