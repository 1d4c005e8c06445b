//go:build vm

package secureboot_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/fixtures"
)

const (
	ovmf  = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"
	setup = "install ovmf, qemu-system-x86, grub-common and grub-efi-amd64-bin"
)

// TestLongOVMF loads every image of the corpus in OVMF with the corpus's db and
// dbx, in one boot: GRUB's chainloader has the firmware load them. What OVMF
// loads must be allowed, and what it refuses must be refused.
func TestLongOVMF(t *testing.T) {
	c := openCorpus(t)
	dir := t.TempDir()
	esp := filepath.Join(dir, "esp")
	require.NoError(t, os.MkdirAll(filepath.Join(esp, "EFI", "BOOT"), 0o755))
	names := slices.Sorted(maps.Keys(c.images))
	require.GreaterOrEqual(t, len(names), 20)
	script := "terminal_output serial\n"
	for i, name := range names {
		file := fmt.Sprintf("i%02d.efi", i)
		require.NoError(t, os.WriteFile(filepath.Join(esp, file), c.images[name], 0o600))
		script += fmt.Sprintf("if chainloader /%s; then echo '@@' %s loaded; else echo '@@' %s refused; fi\n", file, name, name)
	}
	require.NoError(t, os.WriteFile(filepath.Join(esp, "list.cfg"), []byte(script+"echo '@@' end\nhalt\n"), 0o600))
	loader := grub(t, dir)
	require.NoError(t, os.WriteFile(filepath.Join(esp, "EFI", "BOOT", "BOOTX64.EFI"), loader, 0o600))

	v := c.firmware(t)
	v.DB = append(v.DB, fixtures.SignatureList("c1c41626-504c-4092-aca9-41f936934328", digest(t, loader))...)
	// MokSBState has GRUB, which would want to verify by shim, leave it to the
	// firmware. It means nothing to the firmware.
	output := boot(t, dir, map[string][]byte{"PK": c.owner(t), "KEK": c.owner(t), "db": v.DB, "dbx": v.DBX, "MokSBState": {1}})
	answers := map[string]string{}
	for _, m := range regexp.MustCompile(`@@ (\S+) (loaded|refused)`).FindAllStringSubmatch(output, -1) {
		answers[m[1]] = m[2]
	}
	require.Len(t, answers, len(names), output)
	assert.Equal(t, "loaded", answers["signed"], "without this nothing was compared")
	assert.Equal(t, "refused", answers["unsigned"], "without this Secure Boot was off")
	d := databases(t, v)
	for _, name := range names {
		want := "loaded"
		if verify(t, d, c.images[name]) != "" {
			want = "refused"
		}
		assert.Equal(t, want, answers[name], name)
	}
}

// owner is a platform key; which one does not matter.
func (c corpus) owner(t *testing.T) []byte {
	der, err := exec.Command("openssl", "x509", "-outform", "DER", "-in", filepath.Join(c.dir, "certificates", "db.pem")).Output()
	require.NoError(t, err)
	return fixtures.SignatureList("a5c059a1-94e4-4aa7-87b5-ab155c2bf072", der)
}

func digest(t *testing.T, image []byte) []byte {
	a, err := uki.OpenAuthenticode(bytes.NewReader(image), int64(len(image)))
	require.NoError(t, err)
	h := sha256.New()
	_, err = a.WriteTo(h)
	require.NoError(t, err)
	return h.Sum(nil)
}

// grub is a GRUB that runs list.cfg and leaves verification to the firmware.
func grub(t *testing.T, dir string) []byte {
	config, out := filepath.Join(dir, "early.cfg"), filepath.Join(dir, "grub.efi")
	require.NoError(t, os.WriteFile(config, []byte("search --file --set=root /list.cfg\nserial --unit=0\nconfigfile /list.cfg\n"), 0o600))
	output, err := exec.Command("grub-mkimage", "-O", "x86_64-efi", "--disable-shim-lock", "-p", "/", "-c", config, "-o", out,
		"part_msdos", "part_gpt", "fat", "chain", "echo", "normal", "test", "search", "search_fs_file", "serial", "terminal", "configfile", "halt").CombinedOutput()
	require.NoError(t, err, "%s: %s", output, setup)
	b, err := os.ReadFile(out)
	require.NoError(t, err)
	return b
}

// boot starts OVMF with the variables and returns what the serial line said.
func boot(t *testing.T, dir string, variables map[string][]byte) string {
	flash := filepath.Join(dir, "vars.fd")
	require.NoError(t, os.WriteFile(flash, enroll(t, variables), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	qemu := exec.CommandContext(ctx, "qemu-system-x86_64", "-machine", "q35,smm=on", "-accel", "tcg", "-smp", "1", "-m", "256", "-cpu", "max",
		"-global", "driver=cfi.pflash01,property=secure,value=on", "-drive", "if=pflash,format=raw,readonly=on,file="+ovmf,
		"-drive", "if=pflash,format=raw,file="+flash, "-drive", "format=raw,if=virtio,file=fat:rw:"+filepath.Join(dir, "esp"),
		"-display", "none", "-serial", "stdio", "-monitor", "none", "-net", "none", "-no-reboot")
	output, err := qemu.CombinedOutput()
	require.NoError(t, err, "%s: %s", output, setup)
	return string(output)
}

// enroll puts variables into OVMF's empty store (EDK2, VariableFormat.h).
func enroll(t *testing.T, variables map[string][]byte) []byte {
	flash, err := os.ReadFile(strings.Replace(ovmf, "CODE_4M.secboot", "VARS_4M", 1))
	require.NoError(t, err, setup)
	le := binary.LittleEndian
	at := int(le.Uint16(flash[0x30:])) // header of the volume
	require.Equal(t, fixtures.GUID("aaf32c78-947b-439a-a180-2e144ec37792"), flash[at:at+16], "variable store")
	at += 28
	for name, data := range variables {
		vendor, attributes := "8be4df61-93ca-11d2-aa0d-00e098032b8c", uint32(0x27) // and authenticated by time
		switch {
		case strings.HasPrefix(name, "db"):
			vendor = "d719b2cb-3d3a-4596-a3bc-dad00e67656f"
		case strings.HasPrefix(name, "Mok"):
			vendor, attributes = "605dab50-e046-4300-abb6-3dd810dd8b23", 3 // non-volatile, boot services
		}
		var text []byte
		for _, unit := range utf16.Encode([]rune(name + "\x00")) {
			text = le.AppendUint16(text, unit)
		}
		b := []byte{0xaa, 0x55, 0x3f, 0} // added
		b = le.AppendUint32(b, attributes)
		b = append(b, make([]byte, 8)...)
		b = append(le.AppendUint16(b, 2020), 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
		b = le.AppendUint32(b, 0)
		b = le.AppendUint32(b, uint32(len(text)))
		b = le.AppendUint32(b, uint32(len(data)))
		b = append(append(append(b, fixtures.GUID(vendor)...), text...), data...)
		at = (at + 3) &^ 3
		at += copy(flash[at:], b)
	}
	return flash
}
