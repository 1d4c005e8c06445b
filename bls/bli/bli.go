// Package bli names what systemd's Boot Loader Interface defines: EFI variables
// that boot loader and operating system share, their vendors and encoding
// (https://systemd.io/BOOT_LOADER_INTERFACE).
package bli

// GUIDs of the vendors of EFI variables.
const (
	// LoaderVendor is that of the Boot Loader Interface.
	LoaderVendor = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
	// GlobalVendor is that of the UEFI specification's own variables (3.3).
	GlobalVendor = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
)

// Variables of LoaderVendor. All are text but Entries, a list, and Features, a
// little-endian number of eight bytes.
const (
	// EntryOneShot is an entry id for the next boot only; the boot loader
	// deletes it.
	EntryOneShot = "LoaderEntryOneShot"
	// EntryPreferred is an id or pattern that counts before loader.conf; it is
	// read by loaders with FeaturePreferred.
	EntryPreferred = "LoaderEntryPreferred"
	// EntryDefault is an id or pattern that counts before "default" of
	// loader.conf.
	EntryDefault = "LoaderEntryDefault"
	// EntryLastBooted is the id that systemd-boot booted last.
	EntryLastBooted = "LoaderEntryLastBooted"
	// EntrySelected is the id that the boot loader booted this time.
	EntrySelected = "LoaderEntrySelected"
	// Entries are the ids of the menu, in its order.
	Entries = "LoaderEntries"
	// Features are the capabilities of the boot loader, bits such as
	// FeaturePreferred.
	Features = "LoaderFeatures"
	// Info names the boot loader, "systemd-boot 262".
	Info = "LoaderInfo"
	// ImageIdentifier is the path of the boot loader on its partition.
	ImageIdentifier = "LoaderImageIdentifier"
	// DevicePartUUID is the GPT UUID of the partition that the boot loader was
	// started from.
	DevicePartUUID = "LoaderDevicePartUUID"
	// StubDevicePartUUID is that of the partition that systemd-stub was started from.
	StubDevicePartUUID = "StubDevicePartUUID"
	// BootCountPath is the path of the counted entry file; it exists only where
	// boot counting is active.
	BootCountPath = "LoaderBootCountPath"
	// ConfigTimeoutOneShot is a menu timeout for the next boot only.
	ConfigTimeoutOneShot = "LoaderConfigTimeoutOneShot"
)

// Bits of Features.
const (
	// FeatureOneShot is a boot loader that reads EntryOneShot.
	FeatureOneShot = 1 << 3
	// FeaturePreferred is one that reads EntryPreferred and the key preferred of
	// loader.conf (systemd-boot 260).
	FeaturePreferred = 1 << 19
)

// KexecJunk is what the kernel writes into EntryOneShot when a kexec begins
// (drivers/firmware/efi/efibc.c). It names no entry.
const KexecJunk = "kexec reboot"
