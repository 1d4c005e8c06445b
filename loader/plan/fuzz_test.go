package plan_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/plan"
)

// FuzzUKIPlan takes the same bytes for an image, an addon and a credential:
// no panic, a plan exactly when there is no error, and what is planned can be
// written and is as long as planned.
func FuzzUKIPlan(f *testing.F) {
	kernel := string(fixtures.BzImage{}.Bytes())
	f.Add([]byte(image(".osrel", osrel, ".linux", kernel, ".initrd", "070701", ".cmdline", "x\n", ".uname", "6", ".ucode", "u")), "o", uint8(0))
	f.Add([]byte(image(".linux", kernel, ".profile", "ID=a", ".cmdline", "p", ".profile", "", ".initrd", "-")), "@1 x", uint8(1))
	f.Add([]byte(image(".cmdline", "addon", ".initrd", "i", ".ucode", "u", ".uname", "6")), "", uint8(2))
	f.Add([]byte(signed(image(".linux", zboot("gzip", "\x1f\x8b"), ".dtb", tree("a")))), "", uint8(3))
	f.Add([]byte(kernel), "x", uint8(4))
	f.Add([]byte(kernel), `initrd=\u.efi`, uint8(9))
	f.Add([]byte(image(".linux", `\whole.efi`, ".linuxh", sha("x"))), "x", uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, options string, how uint8) {
		src := partition(t, map[string]string{
			"u.efi": string(data), "u.efi.extra.d/a.addon.efi": string(data), "u.efi.extra.d/c.cred": string(data),
			"whole.efi": image(".linux", kernel, ".uname", "6"), "whole.efi.extra.d/a.addon.efi": string(data),
		})
		entry := "uki /u.efi\n"
		switch how % 5 {
		case 1:
			entry = "uki /u.efi\nprofile 1\nextra /u.efi.extra.d/c.cred\n"
		case 2:
			entry = "uki /whole.efi\n"
		case 3:
			entry = "linux /u.efi\ninitrd /u.efi\ndevicetree /u.efi\n"
		case 4:
			entry = "efi /u.efi\n"
		}
		if options = strings.Map(func(r rune) rune {
			if r == '\n' || r == '\r' || r == 0 {
				return -1
			}
			return r
		}, options); strings.Trim(options, " \t") != "" {
			entry += "options " + options + "\n"
		}
		p, err := plan.Make(type1(t, entry), src, plan.Firmware{SecureBoot: how&4 != 0, Compatible: "a"}, plan.Options{})
		assert.Equal(t, err == nil, p != nil)
		if err != nil {
			assert.Contains(t, err.Error(), "/boot/", "it names the file")
			return
		}
		defer p.Close()
		_, _ = p.Inspect("amd64")
		assert.NotContains(t, p.Cmdline, "\x00")
		blob, err := p.Blob(nil)
		if err != nil {
			assert.ErrorIs(t, err, initrd.ErrTwoConfigs)
			return
		}
		out, err := os.Create(filepath.Join(t.TempDir(), "initrd"))
		require.NoError(t, err)
		defer out.Close()
		require.NoError(t, blob.Write(out))
		info, err := out.Stat()
		require.NoError(t, err)
		assert.Equal(t, blob.Size(), info.Size())
	})
}
