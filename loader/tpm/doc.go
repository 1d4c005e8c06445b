// Package tpm computes what a TPM 2.0 will do after a kexec: the values that the
// next initrd finds in the PCRs, and whether the keys that LUKS2 volumes are
// bound to them with are released. It reads files that it is given and no TPM,
// changes nothing and sees no secret.
//
// The rules are those of systemd 262 (systemd-pcrextend, systemd-cryptsetup,
// systemd-cryptenroll, systemd-pcrlock) and of the TPM 2.0 Library, Part 3.
package tpm
