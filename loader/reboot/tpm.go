package reboot

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// tpmDevice is the TPM behind the kernel's resource manager.
const tpmDevice = "/dev/tpmrm0"

// Commands and constants (TPM 2.0 Library, Part 2).
const (
	tpmSessions  = 0x8002     // TPM_ST_SESSIONS
	tpmPassword  = 0x40000009 // TPM_RS_PW
	tpmSHA256    = 0x000b     // TPM_ALG_SHA256
	tpmPCRExtend = 0x0182     // TPM_CC_PCR_Extend
	tpmPCRReset  = 0x013d     // TPM_CC_PCR_Reset
	maxAnswer    = 4096       // bytes
)

// ExtendPCR extends a PCR of the bank sha256 by a digest (TPM2_PCR_Extend).
func ExtendPCR(tpm io.ReadWriter, n int, digest [32]byte) error {
	parameters := binary.BigEndian.AppendUint32(nil, 1) // digests
	parameters = binary.BigEndian.AppendUint16(parameters, tpmSHA256)
	return transmit(tpm, tpmPCRExtend, n, append(parameters, digest[:]...))
}

// ResetPCR makes a PCR of all banks zero, where the TPM lets software do that: 16 and
// 23 (TPM2_PCR_Reset).
func ResetPCR(tpm io.ReadWriter, n int) error { return transmit(tpm, tpmPCRReset, n, nil) }

// transmit sends a command about a PCR, which has no password.
func transmit(tpm io.ReadWriter, code uint32, pcr int, parameters []byte) error {
	session := binary.BigEndian.AppendUint32(nil, tpmPassword)
	session = append(session, 0, 0, 0, 0, 0) // nonce, attributes, password
	body := binary.BigEndian.AppendUint32(nil, uint32(pcr))
	body = binary.BigEndian.AppendUint32(body, uint32(len(session)))
	body = append(append(body, session...), parameters...)
	command := binary.BigEndian.AppendUint16(nil, tpmSessions)
	command = binary.BigEndian.AppendUint32(command, uint32(10+len(body)))
	command = binary.BigEndian.AppendUint32(command, code)
	if _, err := tpm.Write(append(command, body...)); err != nil {
		return err
	}
	answer := make([]byte, maxAnswer)
	n, err := tpm.Read(answer)
	switch {
	case err != nil:
		return err
	case n < 10:
		return fmt.Errorf("the TPM answered %d bytes", n)
	}
	if rc := binary.BigEndian.Uint32(answer[6:]); rc != 0 {
		return fmt.Errorf("the TPM answered with error 0x%x", rc)
	}
	return nil
}

// withTPM opens the TPM for one command. The device takes a command in one write.
func withTPM(do func(io.ReadWriter) error) error {
	f, err := os.OpenFile(tpmDevice, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := do(f); err != nil {
		return fmt.Errorf("%s: %w", tpmDevice, err)
	}
	return nil
}
