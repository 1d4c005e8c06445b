package plan_test

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures"
	"github.com/kexec-bls/kexec-bls/loader/plan"
)

// refusing verifies images, and refuses those that are not signed as signed does.
func refusing(t *testing.T, why error) plan.Firmware {
	return plan.Firmware{SecureBoot: true, Verify: func(r io.ReaderAt, size int64) error {
		if whole := content(t, r, size); whole == signed(whole[:max(len(whole)-8, 0)]) {
			return nil
		}
		return why
	}}
}

// TestVerify: what the firmware would not start is refused, by a type of its own.
func TestVerify(t *testing.T) {
	fw := refusing(t, errors.New("by nobody"))
	files := map[string]string{
		"good.efi": signed(image(".linux", kernel())), "bad.efi": image(".linux", kernel()),
		"v": kernel(), "a.dtb": "",
	}
	for _, entry := range []string{"uki /bad.efi\n", "linux /v\n", "efi /v\n", "linux /bad.efi\n"} {
		p := make1(t, partition(t, files), entry, fw)
		_, err := p.Inspect("amd64")
		var refused *plan.SecureBootError
		require.ErrorAs(t, err, &refused, entry)
		assert.Contains(t, refused.Name, "/boot/")
		require.EqualError(t, refused.Err, "by nobody")
	}
	_, err := make1(t, partition(t, files), "uki /good.efi\n", fw).Inspect("amd64")
	require.NoError(t, err)
	_, err = make1(t, partition(t, files), "linux /v\n", plan.Firmware{SecureBoot: true}).Inspect("amd64")
	require.NoError(t, err, "nothing to verify with")
}

// TestVerifyAddons: addons that the firmware would not load are left out.
func TestVerifyAddons(t *testing.T) {
	fw := refusing(t, errors.New("by nobody"))
	files := map[string]string{
		"u.efi":                     signed(image(".linux", kernel(), ".cmdline", "own")),
		"loader/addons/a.addon.efi": signed(image(".cmdline", "good")),
		"loader/addons/b.addon.efi": image(".cmdline", "bad"),
	}
	p := make1(t, partition(t, files), "uki /u.efi\n", fw)
	assert.Equal(t, "own good", p.Cmdline)
	assert.Equal(t, []string{"addon /boot/loader/addons/b.addon.efi is left out: by nobody"}, p.Warnings)
}

// TestPageTables: a kernel without LA57 cannot follow one that uses it.
func TestPageTables(t *testing.T) {
	without := fixtures.BzImage{}.Bytes()
	without[0x236] &^= 1 << 5
	for name, v := range map[string]struct {
		kernel string
		five   bool
		want   string
	}{
		"both four":      {string(without), false, ""},
		"both five":      {kernel(), true, ""},
		"four from five": {string(without), true, "LA57"},
	} {
		p, err := plan.OfFiles(partition(t, map[string]string{"v": v.kernel}), "/v", nil, plan.Options{FiveLevel: v.five})
		require.NoError(t, err, name)
		_, err = p.Inspect("amd64")
		if v.want == "" {
			require.NoError(t, err, name)
		} else {
			require.ErrorContains(t, err, v.want, name)
		}
		require.NoError(t, p.Close())
	}
}
