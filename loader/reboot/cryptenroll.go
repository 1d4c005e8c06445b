package reboot

import (
	"context"
	"os"
	"os/exec"
	"strconv"

	"github.com/kexec-bls/kexec-bls/bls/hint"
)

const cryptenroll = "systemd-cryptenroll"

// A Key opens a volume. The zero value is one that the TPM releases now.
type Key struct {
	// File is the path of a file with the key.
	File string
	// Passphrase is a passphrase, in memory; nil for none.
	Passphrase *Secret
}

// An Enrolment adds a key to a LUKS2 volume that the TPM releases for given values of
// PCRs.
type Enrolment struct {
	Device string // of the volume
	PCRs   string // as after --tpm2-pcrs=, with values
	Key    Key    // that opens the volume now
}

// enroll runs systemd-cryptenroll(1). Neither a signed policy nor that of
// systemd-pcrlock is added, which it would take from their files. It cannot ask: it has
// no terminal.
func enroll(ctx context.Context, e Enrolment) error {
	args := []string{"--tpm2-device=auto", "--tpm2-public-key=", "--tpm2-pcrlock=", "--tpm2-with-pin=no", "--tpm2-pcrs=" + e.PCRs}
	var files []*os.File
	switch {
	case e.Key.Passphrase != nil:
		files = append(files, e.Key.Passphrase.file)
		args = append(args, "--unlock-key-file=/proc/self/fd/3") // the first of ExtraFiles
	case e.Key.File != "":
		args = append(args, "--unlock-key-file="+e.Key.File)
	default:
		args = append(args, "--unlock-tpm2-device=auto")
	}
	return runEnroll(ctx, files, append(args, "--", e.Device)...)
}

// wipeSlots removes key slots and their tokens, which needs no key.
func wipeSlots(ctx context.Context, device string, slots []int) error {
	for _, n := range slots {
		if err := runEnroll(ctx, nil, "--wipe-slot="+strconv.Itoa(n), "--", device); err != nil {
			return err
		}
	}
	return nil
}

// testKey runs cryptsetup(8).
func testKey(ctx context.Context, device string, key *Secret) error {
	return runCrypt(ctx, "cryptsetup", []*os.File{key.file}, "open", "--test-passphrase", "--batch-mode", "--key-file=/proc/self/fd/3", "--", device)
}

func runEnroll(ctx context.Context, files []*os.File, args ...string) error {
	err := runCrypt(ctx, cryptenroll, files, args...)
	if err != nil && unknown(err) != "" {
		err = hint.Errorf("it needs systemd 256 or newer", "%w", err)
	}
	return err
}

// runCrypt runs a program that has files from number 3 on, and no terminal.
func runCrypt(ctx context.Context, program string, files []*os.File, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay, cmd.ExtraFiles = grace, files
	cmd.Env = append(os.Environ(), "SYSTEMD_LOG_LEVEL=warning", "SYSTEMD_LOG_TARGET=console")
	output := head{limit: 4096}
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return &RefusedError{Command: program, Output: joined(output.b.String()), Err: err}
	}
	return nil
}
