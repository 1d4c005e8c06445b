package plan_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/plan"
)

func TestAddonRules(t *testing.T) {
	secure := plan.Firmware{SecureBoot: true}
	other := fixtures.PE{Machine: 0xaa64, Sections: []fixtures.Section{fixtures.Text(".cmdline", "x")}}
	driver := fixtures.PE{Subsystem: 11, Sections: []fixtures.Section{fixtures.Text(".cmdline", "x")}}
	whole := image(".cmdline", "x")
	for name, v := range map[string]struct {
		addon  string
		fw     plan.Firmware
		line   string
		reason string // "" when it is taken
	}{
		"taken":                 {whole, plan.Firmware{}, "own x", ""},
		"same release":          {image(".cmdline", "x", ".uname", "6.12.1"), plan.Firmware{}, "own x", ""},
		"release begins so":     {image(".cmdline", "x", ".uname", "6.12"), plan.Firmware{}, "own x", ""},
		"release and a NUL":     {image(".cmdline", "x", ".uname", "6.12.1\x00\x00"), plan.Firmware{}, "own x", ""},
		"shorter and a NUL":     {image(".cmdline", "x", ".uname", "6.12\x00"), plan.Firmware{}, "own", ".uname"},
		"release and a newline": {image(".cmdline", "x", ".uname", "6.12.1\n"), plan.Firmware{}, "own", ".uname"},
		"other release":         {image(".cmdline", "x", ".uname", "6.13"), plan.Firmware{}, "own", ".uname"},
		"kernel":                {image(".cmdline", "x", ".linux", "k"), plan.Firmware{}, "own", "kernel of its own"},
		"nothing to add":        {image(".osrel", "x"), plan.Firmware{}, "own", "nothing in it"},
		"masked":                {image(".cmdline", "-", ".cmdline", "x"), plan.Firmware{}, "own", "nothing in it"},
		"machine":               {string(other.Bytes()), plan.Firmware{}, "own", "architecture"},
		"subsystem":             {string(driver.Bytes()), plan.Firmware{}, "own", "EFI program"},
		"text":                  {"hello", plan.Firmware{}, "own", "not a PE image"},
		"cut":                   {whole[:len(whole)-1], plan.Firmware{}, "own", "cut short"},
		"unsigned":              {whole, secure, "own", "not signed"},
		"signed":                {signed(whole), secure, "own x", ""},
		"signed, not asked for": {signed(whole), plan.Firmware{}, "own x", ""},
		"long cmdline":          {image(".cmdline", strings.Repeat("x", 5<<20)), plan.Firmware{}, "own", "too large"},
		"after .profile":        {image(".profile", "", ".cmdline", "x"), plan.Firmware{}, "own x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"loader/addons/a.addon.efi", "u.efi.extra.d/a.addon.efi"} {
				src := partition(t, map[string]string{"u.efi": image(".cmdline", "own", ".linux", "k", ".uname", "6.12.1"), path: v.addon})
				p := make1(t, src, "uki /u.efi\n", v.fw)
				assert.Equal(t, v.line, p.Cmdline)
				if v.reason == "" && !v.fw.SecureBoot {
					assert.Empty(t, p.Warnings)
					continue
				}
				require.Len(t, p.Warnings, 1)
				assert.Contains(t, p.Warnings[0], "/boot/"+path)
				assert.Contains(t, p.Warnings[0], v.reason)
			}
		})
	}
}

// TestAddonLines: the stub cleans each line, joins them, and cleans the whole
// again, which leaves a blank in the middle for an empty one.
func TestAddonLines(t *testing.T) {
	line := func(lines ...string) string {
		files := map[string]string{"u.efi": image(".cmdline", "own", ".linux", "k")}
		for i, l := range lines {
			files["loader/addons/"+string(rune('a'+i))+".addon.efi"] = image(".cmdline", l)
		}
		return make1(t, partition(t, files), "uki /u.efi\n", plan.Firmware{}).Cmdline
	}
	assert.Equal(t, "own a b", line(" a\n", "\tb "))
	assert.Equal(t, "own a  b", line("a", "\n", "b"))
	assert.Equal(t, "own b", line("\n", "b"))
	assert.Equal(t, "own a", line("a", " \n"))
	assert.Equal(t, "own", line(" "))
	assert.Equal(t, "own ü", line("ü\U0001f600\xff"))
}

// TestNoUnameNoCheck: an image that does not tell its release takes all.
func TestNoUnameNoCheck(t *testing.T) {
	src := partition(t, map[string]string{"u.efi": image(".linux", "k"), "loader/addons/a.addon.efi": image(".cmdline", "x", ".uname", "9")})
	assert.Equal(t, "x", make1(t, src, "uki /u.efi\n", plan.Firmware{}).Cmdline)
}
