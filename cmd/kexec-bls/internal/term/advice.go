package term

import (
	"strings"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

// Advice is a hint with what to type for each hint.Action in it.
func Advice(text string) string { return strings.NewReplacer(advice()...).Replace(text) }

// advice is each hint.Action with what to type for it. One that begins as another
// does comes before it.
func advice() []string {
	return []string{
		string(hint.ForceAtOnce), "kexec-bls reboot --force syncs and jumps at once",
		string(hint.Force), "kexec-bls reboot --force",
		string(hint.InSpite), "use --check-inhibitors=no",
		string(hint.Firmware), "reboot through firmware: kexec-bls reboot --firmware",
		string(hint.ByFirmware), "reboot through firmware (kexec-bls reboot --firmware)",
		string(hint.GivePath), "use --esp-path=DIR or --boot-path=DIR",
		string(hint.ReturnTo), "name one with --fallback=ENTRY",
		string(hint.KexecLoad), "use --syscall=classic",
		string(hint.LoadAgain), "kexec-bls load loads them once more",
		string(hint.LoadFiles), "kexec-bls load --linux FILE --initrd FILE --reuse-cmdline loads the given files",
		string(hint.EarlyFirst), "put it before every compressed image (--early-first)",
		string(hint.ReadInitrd), "run kexec-bls check --verify",
		string(hint.EndsUnread), "the ends of compressed images, which --verify reads",
		string(hint.Decode), "use --verify",
		string(hint.KeyFile), "use --unlock-key-file=FILE",
		string(hint.ShowEntries), "kexec-bls list shows why",
	}
}
